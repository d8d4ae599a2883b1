"""predict_udf on a cluster of two workers that runs here."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("pyspark") is None:
    pytest.skip("pyspark is not installed", allow_module_level=True)
if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
    pytest.skip("there is no Java, which Spark runs on", allow_module_level=True)

import pandas
import pyspark
import pyspark.cloudpickle as cloudpickle
from conftest import MODELS, ROOT
from engines.columns import OF_DTYPES, answers, check_dtypes, png, save_dtypes, secret_handle
from engines.killing import BY_HAND, Broken, check_job
from golden import check_golden
from pyspark.sql import SparkSession

import unihub
from unihub.engines.errors import NoColumnType, WrongColumnCount
from unihub.engines.job import predict_files
from unihub.engines.spark import predict_udf, spark_type
from unihub.engines.spread import EngineFailed
from unihub.formats.model import TensorInfo

MODEL = str(MODELS / "tf2_reusable")
MULTI = str(MODELS / "tf1_hub_multi")
X = np.random.default_rng(3).normal(size=(200, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def spark():
    os.environ["SPARK_HOME"] = os.path.dirname(pyspark.__file__)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.executorEnv.CUDA_VISIBLE_DEVICES", "-1")
        .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        .getOrCreate()
    )
    yield session
    session.stop()


@BY_HAND
@pytest.mark.usefixtures("spark")
def test_a_job_whose_worker_is_killed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_job("spark")


@pytest.mark.usefixtures("spark")
def test_an_engine_that_gives_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    with pytest.raises(EngineFailed) as failed:
        predict_files(Broken(MODEL), ["x.npy"], "out.npy", engine="spark")
    check_golden("engine-failed", str(failed.value))


def test_rows_of_workers_one_of_which_is_killed(spark, tmp_path):
    mark = str(tmp_path / "killed")

    def kill_once(batches):
        for place, batch in enumerate(batches):
            if place and not os.path.exists(mark):
                with open(mark, "w"):
                    os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    expected = unihub.Predictor(MODEL)({"x": X})["output_0"]
    frame = spark.createDataFrame(
        [(i, x) for i, x in enumerate(X.tolist())], "id long, x array<float>"
    )
    predict = predict_udf(MODEL, batch_size=16)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "20")
    frame = frame.repartition(4).mapInPandas(kill_once, frame.schema)
    rows = frame.withColumn("y", predict("x")).collect()
    assert os.path.exists(mark)
    assert sorted(row.id for row in rows) == list(range(200))
    found = {row.id: row.y for row in rows}
    np.testing.assert_allclose([found[i] for i in range(200)], expected, rtol=1e-4, atol=1e-5)


def test_several_inputs_and_outputs_of_axes(spark):
    inputs, outputs = answers("tf1_hub_multi", "pair")
    data = [(left, right) for left, right in zip(inputs["left"].tolist(), inputs["right"].tolist())]
    frame = spark.createDataFrame(data, "l array<float>, r array<int>").coalesce(1)
    columns = {"left": "l", "right": "r"}
    predict = predict_udf(unihub.Predictor(MULTI, signature="pair", inputs=columns))
    assert predict.returnType.fieldNames() == ["default", "larger"]
    rows = frame.select(predict("l", "r").alias("y")).collect()
    assert [row.y.larger for row in rows] == outputs["larger"].tolist()


def test_text_images_and_rows_that_are_bad(spark):
    words = [("cat",), ("dog",), (None,)]
    frame = spark.createDataFrame(words, "words string").coalesce(1)
    predict = predict_udf(MODELS / "tf1_saved_model_table", on_bad="null", outputs="ids")
    expected = unihub.Predictor(MODELS / "tf1_saved_model_table")({"words": ["cat", "dog"]})
    found = [row.y for row in frame.select(predict("words").alias("y")).collect()]
    assert found == [*expected["ids"].tolist(), None]
    images = [(bytearray(png(np.zeros((16, 16, 3), np.uint8))),), (bytearray(b"none"),)]
    frame = spark.createDataFrame(images, "content binary").coalesce(1)
    predict = predict_udf(MODELS / "tf1_hub_image", on_bad="null", resize=True)
    found = [row.y for row in frame.select(predict("content").alias("y")).collect()]
    assert (len(found[0]), found[1]) == (5, None)


def test_every_dtype(spark, tmp_path):
    save_dtypes(str(tmp_path))
    predict = predict_udf(str(tmp_path))
    kinds = {field.name: field.dataType.simpleString() for field in predict.returnType}
    names = sorted(OF_DTYPES)
    of_columns = {n: kinds[f"y_{n}"] for n in names}
    assert (of_columns["uint64"], of_columns["bfloat16"]) == ("decimal(20,0)", "float")
    of_columns["string"] = "string"
    typed = {**OF_DTYPES, "uint64": [Decimal(value) for value in OF_DTYPES["uint64"]]}
    data = list(zip(*[typed[name] for name in names]))
    schema = ", ".join(f"{name} {of_columns[name]}" for name in names)
    frame = spark.createDataFrame(data, schema).coalesce(1)
    found = [row.y.asDict() for row in frame.select(predict(*names).alias("y")).collect()]
    # Of rows there were none: a partition of an engine may be empty.
    assert frame.limit(0).select(predict(*names).alias("y")).collect() == []
    columns = {name: [row[name] for row in found] for name in found[0]}
    check_dtypes(columns)
    with pytest.raises(NoColumnType, match="Spark has no complex128"):
        predict_udf(str(tmp_path), signature="complex")


def test_types_are_those_of_the_signature():
    def simple(dtype, shape):
        return spark_type(TensorInfo("x:0", dtype, shape, "dense"), "x", "model").simpleString()

    assert simple("float32", (None,)) == "float"
    assert simple("uint8", (None, 4)) == "array<smallint>"
    assert simple("string", (None, None, 2)) == "array<array<binary>>"
    with pytest.raises(NoColumnType) as unknown:
        spark_type(TensorInfo("x:0", "float32", None, "dense"), "x", MODEL)
    check_golden("no-column-type", str(unknown.value), {"unihub": unihub}, path=MODEL)


def test_no_secret_travels():
    with secret_handle(MODEL) as handle:
        assert b"s3cret" not in cloudpickle.dumps(predict_udf(handle).func)


def test_the_number_of_columns():
    predict = predict_udf(MULTI, signature="pair")
    with pytest.raises(WrongColumnCount) as refused:
        next(predict.func(iter([(pandas.Series([1.0]),)])))
    situation = {"predict": lambda left, right: None, "left": "left", "right": "right"}
    check_golden("wrong-column-count", str(refused.value), situation)
