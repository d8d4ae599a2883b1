"""BatchPredictor in the actors of a cluster of two nodes that runs here."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("ray") is None:
    pytest.skip("ray is not installed", allow_module_level=True)

import pyarrow
import ray
from conftest import MODELS, ROOT
from engines.columns import OF_COMPLEX, OF_DTYPES, check_dtypes, save_dtypes
from engines.killing import check_job, killing
from golden import check_golden
from ray.cluster_utils import Cluster

import unihub
from unihub.engines.ray import BatchPredictor
from unihub.engines.tasks import NotKept
from unihub.errors.arguments import WrongType

MODEL = str(MODELS / "tf2_reusable")
TABLE = str(MODELS / "tf1_saved_model_table")
X = np.random.default_rng(3).normal(size=(200, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def cluster():
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    cluster.add_node(num_cpus=2)
    ray.init(
        address=cluster.address,
        runtime_env={"env_vars": {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}},
        log_to_driver=False,
    )
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def dataset():
    return ray.data.from_items([{"id": i, "x": row} for i, row in enumerate(X)])


@pytest.mark.usefixtures("cluster")
def test_a_job_whose_worker_is_killed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_job("ray")


@pytest.mark.usefixtures("cluster")
def test_rows_by_actors_one_of_which_is_killed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = unihub.Predictor(MODEL)({"x": X})["output_0"]
    predictor = killing()
    results = (
        dataset()
        .repartition(4)
        .map_batches(
            BatchPredictor,
            fn_constructor_args=(predictor,),
            fn_constructor_kwargs={"keep": ["id"]},
            batch_size=32,
            concurrency=2,
        )
    )
    rows = results.take_all()
    assert (tmp_path / "killed").exists()
    assert sorted(row["id"] for row in rows) == list(range(200))
    found = {row["id"]: row["output_0"] for row in rows}
    np.testing.assert_allclose([found[i] for i in range(200)], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("cluster")
def test_every_dtype(tmp_path):
    save_dtypes(str(tmp_path))
    for signature, values in (("serving_default", OF_DTYPES), ("complex", OF_COMPLEX)):
        typed = {n: np.array(v, object if n == "string" else n) for n, v in values.items()}
        rows = [{"id": n, **dict(zip(typed, row))} for n, row in enumerate(zip(*typed.values()))]
        predictor = unihub.Predictor(str(tmp_path), signature=signature)
        arguments = {"fn_constructor_args": (predictor, ["id"]), "concurrency": 1}
        results = ray.data.from_items(rows).map_batches(BatchPredictor, **arguments).take_all()
        # They come in any order.
        found = sorted(results, key=lambda row: row.pop("id"))
        columns = {name: [np.asarray(row[name]).tolist() for row in found] for name in found[0]}
        check_dtypes(columns, values)


def test_every_kind_of_batch_comes_back():
    predict = BatchPredictor(TABLE, keep=True, on_bad="null")
    batch = {"words": np.array(["cat", None, "dog"], object), "id": np.arange(3)}
    found = predict(batch)
    assert list(found) == ["words", "id", "ids", "scores"]
    assert [value is None for value in found["ids"]] == [False, True, False]
    table = pyarrow.table({name: pyarrow.array(values) for name, values in batch.items()})
    assert predict(table).column_names == ["words", "id", "ids", "scores"]
    assert predict(table).column("ids").null_count == 1
    frame = predict(table.to_pandas())
    assert list(frame.columns) == ["words", "id", "ids", "scores"]
    frame = predict(table.to_pandas().set_axis([7, 7, 7]))
    assert (list(frame["id"]), list(frame.index)) == ([0, 1, 2], [7, 7, 7])
    with pytest.raises(NotKept, match=r"an output has(.|\n)*'scores': 'scores_predicted'"):
        predict({"scores": batch["words"], "words": batch["words"]})
    with pytest.raises(NotKept) as refused:
        BatchPredictor(TABLE, keep=["di"])(batch)
    check_golden(
        "not-kept-by-ray", str(refused.value), {"BatchPredictor": BatchPredictor}, path=TABLE
    )
    with pytest.raises(WrongType, match="batch_size= beside a Predictor"):
        BatchPredictor(unihub.Predictor(TABLE), batch_size=8)
    assert BatchPredictor(TABLE)(table.slice(0, 1)).column_names == ["ids", "scores"]
