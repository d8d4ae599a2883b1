"""Files in, one file out; what was done is kept."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from glob import glob
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import MODELS, ROOT
from golden import check_golden

if find_spec("pyarrow") is None:
    pytest.skip("pyarrow is not installed", allow_module_level=True)

from engines.columns import OF_DTYPES, answers, check_dtypes, png, save_dtypes

import unihub
from unihub.engines import reading
from unihub.engines.alone import OutputBeingWritten
from unihub.engines.errors import BadRow, NoColumnType
from unihub.engines.job import predict_files
from unihub.engines.packages import pyarrow
from unihub.engines.reading import InputNotReadable
from unihub.engines.tasks import NoRoomForOutput, NotKept
from unihub.engines.writing import OutputNotWritable

arrow = pyarrow()
MODEL = str(MODELS / "tf2_reusable")
IMAGE = str(MODELS / "tf1_hub_image")
TABLE = str(MODELS / "tf1_saved_model_table")
X = np.random.default_rng(7).normal(size=(1000, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows_of(path):
    if path.endswith(".parquet"):
        return arrow.parquet.read_table(path).to_pylist()
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def expected():
    return unihub.Predictor(MODEL)({"x": X})["output_0"]


def write_inputs():
    np.save("x.npy", X)
    with open("x.jsonl", "w") as file:
        file.writelines(json.dumps({"id": i, "x": row}) + "\n" for i, row in enumerate(X.tolist()))
    with open("x.csv", "w") as file:
        file.write("id,x\n")
        file.writelines(f'{i},"{row}"\n' for i, row in enumerate(X.tolist()))
    table = arrow.table({"id": range(len(X)), "x": X.tolist()})
    arrow.parquet.write_table(table, "x.parquet", row_group_size=300)


@pytest.mark.parametrize("kind", ["npy", "jsonl", "csv", "parquet"])
def test_every_input_gives_the_same(kind):
    write_inputs()
    done = predict_files(unihub.Predictor(MODEL), [f"x.{kind}"], "out.jsonl", part_rows=256)
    found = [row["output_0"] for row in rows_of("out.jsonl")]
    np.testing.assert_allclose(found, expected(), rtol=1e-5)
    assert (done.rows, done.bad_rows, done.kept_rows) == (1000, 0, 0)
    assert not os.path.exists("out.jsonl.parts")


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv", "npy"])
def test_every_output_holds_the_same(kind):
    write_inputs()
    keep = [] if kind == "npy" else ["id"]
    predict_files(unihub.Predictor(MODEL), ["x.parquet"], f"out.{kind}", keep=keep, part_rows=300)
    if kind == "npy":
        np.testing.assert_allclose(np.load("out.npy"), expected(), rtol=1e-5)
        return
    if kind == "csv":
        rows = arrow.csv.read_csv("out.csv").to_pylist()
        rows = [{**row, "output_0": json.loads(row["output_0"])} for row in rows]
    else:
        rows = rows_of(f"out.{kind}")
    assert [row["id"] for row in rows] == list(range(1000))
    np.testing.assert_allclose([row["output_0"] for row in rows], expected(), rtol=1e-5)


def test_every_dtype_in_files():
    save_dtypes("model")
    rows = [dict(zip(OF_DTYPES, row)) for row in zip(*OF_DTYPES.values())]
    with open("x.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    kinds = {"bfloat16": "float32", "bool": "bool_"}
    typed = {n: arrow.array(v, getattr(arrow, kinds.get(n, n))()) for n, v in OF_DTYPES.items()}
    arrow.parquet.write_table(arrow.table(typed), "x.parquet")
    arrow.csv.write_csv(
        arrow.table({n: [str(v) for v in r] for n, r in OF_DTYPES.items()}), "x.csv"
    )
    predictor = unihub.Predictor("model")
    for kind in ("jsonl", "parquet", "csv"):
        predict_files(predictor, [f"x.{kind}"], "out.parquet")
        check_dtypes(arrow.parquet.read_table("out.parquet").to_pydict())
    predict_files(predictor, ["x.jsonl"], "out.jsonl")
    found = rows_of("out.jsonl")
    predict_files(predictor, ["x.jsonl"], "out.csv")
    with open("out.csv", encoding="utf-8", newline="") as file:
        of_csv = list(csv.DictReader(file))
    for row, cells in zip(found, of_csv):
        assert cells.pop("y_string") == row.pop("y_string")
        assert {name: json.loads(cell) for name, cell in cells.items()} == row
    numbers = {name: values for name, values in OF_DTYPES.items() if name != "string"}
    columns = {name: [row[name] for row in found] for name in found[0] if name != "z_string"}
    check_dtypes(columns, numbers)
    columns = {}
    for output in predictor.chosen.outputs:
        predict_files(unihub.Predictor("model", outputs=output), ["x.jsonl"], "out.npy")
        columns[output] = np.load("out.npy")
        assert output[2:] in (str(columns[output].dtype), "bfloat16", "string")
    check_dtypes({name: values.tolist() for name, values in columns.items()})


def test_complex_numbers_are_in_no_file():
    save_dtypes("model")
    predictor = unihub.Predictor("model", signature="complex")
    for name in ("out.parquet", "out.jsonl"):
        with pytest.raises(NoColumnType, match="has no complex numbers"):
            predict_files(predictor, ["x.jsonl"], name)


def test_text_of_several_files_and_text_as_lines():
    inputs, outputs = answers("tf1_saved_model_table", "serving_default")
    words = [word.decode() for word in inputs["words"].tolist()]
    for name in ("one.txt", "two.txt"):
        with open(name, "w") as file:
            file.write("\n".join(words) + "\n\n")
    predict_files(unihub.Predictor(TABLE), ["one.txt", "two.txt"], "out.parquet")
    assert [row["ids"] for row in rows_of("out.parquet")] == outputs["ids"].tolist() * 2


def test_a_folder_of_images_keeps_their_paths():
    os.makedirs("images/more")
    image = np.zeros((8, 8, 3), np.uint8)
    for name in ("b.png", "more/a.png", "a.png"):
        with open(f"images/{name}", "wb") as file:
            file.write(png(image))
    with open("images/c.jpg", "wb") as file:
        file.write(b"no image")
    predictor = unihub.Predictor(IMAGE, on_bad="null")
    done = predict_files(predictor, ["images"], "out.parquet", part_rows=2)
    rows = rows_of("out.parquet")
    assert [row["path"] for row in rows] == [
        f"images/{name}" for name in ("a.png", "b.png", "c.jpg", "more/a.png")
    ]
    assert [row["default"] is None for row in rows] == [False, False, True, False]
    assert done.bad_rows == 1


def test_a_part_of_images_has_so_many_bytes(monkeypatch):
    os.makedirs("images")
    for number in range(5):
        with open(f"images/{number}.png", "wb") as file:
            file.write(png(np.full((8, 8, 3), number, np.uint8)))
    size = os.path.getsize("images/0.png")
    monkeypatch.setattr(reading, "_MOST_BYTES", 2 * size)
    assert [part.rows for part in reading.parts("images", 4096)] == [2, 2, 1]
    monkeypatch.setattr(reading, "_MOST_BYTES", 1 << 20)
    assert [part.rows for part in reading.parts("images", 3)] == [3, 2]


def test_rows_of_json_without_a_column():
    with open("x.jsonl", "w") as file:
        file.write('{"id": 1, "x": [1, 2, 3]}\n{"x": [1, 2, 3]}\n{"id": 3}\n')
    predictor = unihub.Predictor(MODEL, on_bad="null")
    for size in (1, 3):
        done = predict_files(predictor, ["x.jsonl"], "o.jsonl", part_rows=size, keep=["id", "id"])
        assert [row["id"] for row in rows_of("o.jsonl")] == [1, None, 3]
        assert (done.rows, done.bad_rows) == (3, 1)


def test_records_of_tensorflow():
    import tensorflow as tf

    with tf.io.TFRecordWriter("x.tfrecord") as file:
        for row in X[:10]:
            value = tf.train.Feature(float_list=tf.train.FloatList(value=row.tolist()))
            features = tf.train.Features(feature={"x": value})
            file.write(tf.train.Example(features=features).SerializeToString())
    predict_files(unihub.Predictor(MODEL), ["x.tfrecord"], "out.jsonl")
    found = [row["output_0"] for row in rows_of("out.jsonl")]
    np.testing.assert_allclose(found, expected()[:10], rtol=1e-5)
    with open("x.tfrecord", "rb") as file:
        records = file.read()
    with open("short.tfrecord", "wb") as file:
        file.write(records[:-7])
    with tf.io.TFRecordWriter("others.tfrecord") as file:
        file.write(b"\xff\xff")
    for name, said in (("short", "truncated record"), ("others", "no tf.train.Example")):
        with pytest.raises(InputNotReadable, match=f"as tfrecord: .*{said}"):
            predict_files(unihub.Predictor(MODEL), [f"{name}.tfrecord"], "out.jsonl")


def test_parts_that_are_done_are_not_done_again():
    write_inputs()
    with open("x.jsonl", "a") as file:
        file.write('{"id": 1000, "x": null}\n')
    with pytest.raises(BadRow) as bad:
        predict_files(unihub.Predictor(MODEL), ["x.jsonl"], "out.jsonl", part_rows=300)
    assert bad.value.facts["row"] == 1000
    assert len(glob("out.jsonl.parts/*.parquet")) == 3
    again = unihub.Predictor(MODEL, on_bad="null")
    # Other choices are another job.
    assert predict_files(again, ["x.jsonl"], "null.jsonl", part_rows=300).kept_rows == 0
    write_inputs()
    told = []
    done = predict_files(
        unihub.Predictor(MODEL),
        ["x.jsonl"],
        "out.jsonl",
        part_rows=300,
        told=lambda rows, is_kept: told.append((rows, is_kept)),
    )
    assert told == [(300, True), (300, True), (300, True), (100, False)]
    assert (done.rows, done.kept_rows) == (1000, 900)


def test_a_run_that_is_killed_loses_no_row_and_doubles_none():
    write_inputs()
    command = [sys.executable, "-m", "unihub", "predict", MODEL, "x.parquet", "-o", "out.parquet"]
    command += ["--part-rows", "5", "--keep", "id", "--batch-size", "1"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    running = subprocess.Popen(command, env=environment)
    while not (os.path.isdir("out.parquet.parts") and len(os.listdir("out.parquet.parts")) > 4):
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not os.path.exists("out.parquet")
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, check=True)
    assert b"of them done before" in done.stderr
    rows = rows_of("out.parquet")
    assert [row["id"] for row in rows] == list(range(1000))
    np.testing.assert_allclose([row["output_0"] for row in rows], expected(), rtol=1e-5)


TEXT = str(MODELS / "tf1_hub_text")


@pytest.mark.parametrize(
    "rows",
    [
        b"text\n" + b"a " * 1_000_000 + b"\nb\n",
        "\ufefftext\nh\xe4llo\nb\n".encode(),
        b'text\r\n"a\r\nb"\r\n"NA"\r\n',
        b'default,id\n,1\n"x",2\n',
    ],
)
def test_odd_rows_of_a_csv(rows):
    predictor = unihub.Predictor(TEXT)
    for name, content in (("x.csv", rows), ("x.tsv", rows.replace(b",", b"\t"))):
        with open(name, "wb") as file:
            file.write(content)
        assert predict_files(predictor, [name], "out.jsonl").rows == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (b"", "Empty CSV"),
        (b"a,default\n1,2\n3\n", "Expected 2 columns"),
        (b"text\nh\xe4llo\n", "invalid UTF8"),
        (b"default,default\na,b\n", "have the same name"),
        (b"text\n", "it has none"),
    ],
)
def test_a_csv_that_is_none(rows, said):
    with open("x.csv", "wb") as file:
        file.write(rows)
    with pytest.raises(InputNotReadable, match=said):
        predict_files(unihub.Predictor(TEXT), ["x.csv"], "out.jsonl")


def test_columns_that_are_kept_and_have_no_one_type():
    with open("x.jsonl", "w", encoding="utf-8") as file:
        file.write('{"default": "a", "gr\xf6\xdfe": 1}\n{"default": "b", "gr\xf6\xdfe": "x"}\n')
    predictor = unihub.Predictor(TEXT)
    job = {"keep": ["gr\xf6\xdfe"]}
    with pytest.raises(NotKept) as refused:
        predict_files(predictor, ["x.jsonl"], "out.jsonl", **job)
    check_golden("not-kept", str(refused.value))
    with open("large.jsonl", "w") as file:
        file.write(json.dumps({"default": "a", "id": 2**80}))
    with pytest.raises(NotKept, match="'id' cannot be kept"):
        predict_files(predictor, ["large.jsonl"], "out.jsonl", keep=["id"])
    with pytest.raises(OutputNotWritable, match="a column has several types"):
        predict_files(predictor, ["x.jsonl"], "out.parquet", part_rows=1, **job)
    predict_files(predictor, ["x.jsonl"], "out.jsonl", part_rows=1, **job)
    assert [row["gr\xf6\xdfe"] for row in rows_of("out.jsonl")] == [1, "x"]
    with pytest.raises(OutputNotWritable, match="--output default=answer"):
        predict_files(predictor, ["x.jsonl"], "out.jsonl", keep=["default"])


def test_a_full_disk_is_named_and_what_is_done_is_kept():
    """By a limit of the process, which the system enforces as it does a full disk."""
    resource = pytest.importorskip("resource")
    write_inputs()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    predictor = unihub.Predictor(MODEL).load()
    told = []
    job = {"part_rows": 300, "told": lambda rows, is_kept: told.append((rows, is_kept))}
    try:
        # Room for each part, and not for all together.
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, before[1]))
        with pytest.raises(NoRoomForOutput) as full:
            predict_files(predictor, ["x.npy"], "out.jsonl", **job)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        with pytest.raises(NoRoomForOutput, match=r"out.csv.parts/000000-\w+.parquet cannot be"):
            predict_files(predictor, ["x.npy"], "out.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    check_golden(
        "no-room-for-output", str(full.value), folder=os.getcwd(), free=full.value.facts["free"]
    )
    assert (full.value.facts["path"], os.path.exists("out.jsonl")) == ("out.jsonl", False)
    assert not glob("**/*.unfinished", recursive=True)
    assert told == [(300, False)] * 3 + [(100, False)]
    assert predict_files(predictor, ["x.npy"], "out.jsonl", **job).kept_rows == 1000
    np.testing.assert_allclose([r["output_0"] for r in rows_of("out.jsonl")], expected(), rtol=1e-5)


def test_files_that_are_not_read_or_written():
    write_inputs()
    with pytest.raises(InputNotReadable) as unread:
        predict_files(unihub.Predictor(MODEL), ["x.doc"], "out.jsonl")
    check_golden("input-not-readable", str(unread.value))
    assert os.name == "nt" or not os.path.exists("out.jsonl.parts")
    with pytest.raises(OutputNotWritable) as unwritten:
        predict_files(unihub.Predictor(MODEL), ["x.npy"], "out.doc")
    check_golden("output-not-writable", str(unwritten.value))
    os.mkdir("folder.csv")
    with pytest.raises(OutputNotWritable, match="a folder of that name"):
        predict_files(unihub.Predictor(MODEL), ["x.npy"], "folder.csv")
    with pytest.raises(OutputNotWritable, match="holds one array"):
        predict_files(unihub.Predictor(MODEL), ["x.parquet"], "out.npy", keep=["id"])
    assert not os.path.exists("out.npy.parts")
    os.symlink("x.npy", "link.npy")
    for output in ("x.npy", os.path.join(os.curdir, "x.npy"), "link.npy"):
        with pytest.raises(OutputNotWritable, match=r"rows are read from it(.|\n)*-predicted.npy"):
            predict_files(unihub.Predictor(MODEL), ["x.parquet", "x.npy"], output)
    np.testing.assert_array_equal(np.load("x.npy"), X)
    with open("bad.jsonl", "w") as file:
        file.write("{\n")
    with pytest.raises(InputNotReadable, match="as jsonl: row 0 is no JSON"):
        predict_files(unihub.Predictor(MODEL), ["bad.jsonl"], "out.jsonl")
    with open("empty.npy", "wb"):
        pass
    with pytest.raises(InputNotReadable, match="as npy"):
        predict_files(unihub.Predictor(MODEL), ["empty.npy"], "out.jsonl")
    with pytest.raises(InputNotReadable, match="standard input is read as csv, jsonl"):
        predict_files(unihub.Predictor(MODEL), ["-"], "out.jsonl", kind="npy")


def test_two_at_once_do_not_take_parts_from_each_other():
    write_inputs()

    def other(rows, is_kept):
        with pytest.raises(OutputBeingWritten) as busy:
            predict_files(unihub.Predictor(MODEL), ["x.npy"], "out.npy")
        check_golden("output-being-written", str(busy.value), folder=os.getcwd())

    predict_files(unihub.Predictor(MODEL), ["x.npy"], "out.npy", told=other)
    assert len(np.load("out.npy")) == 1000
