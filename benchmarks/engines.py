"""The same rows through a plain loop, a Predictor, Beam, Spark and Ray."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

from benchmarks.frozen import digest_of
from benchmarks.measuring import Case, python
from benchmarks.memory import pss

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "models"
LOOP, PREDICTOR, BEAM, SPARK, RAY = "a loop over unihub.load", "Predictor", "Beam", "Spark", "Ray"
# Rows, model and its input.
KINDS: Dict[str, Tuple[int, str, str]] = {
    "text": (100_000, "tf1_hub_text", "default"),
    "images": (5_000, "tf1_hub_image", "images"),
}
# All batches are of one size, so that a row's answer has no neighbours to depend on.
BATCH, WORKERS, SIDE = 64, 2, 64
WORDS = ("a", "the", "cat", "dog", "sat", "ran", "mat", "house", "unheard", "of")


def cases(quick: bool) -> Iterator[Case]:
    share = float(os.environ.get("UNIHUB_BENCHMARK_SHARE", "1"))
    sizes = [("text", BATCH), *((kind, int(rows * share)) for kind, (rows, _, _) in KINDS.items())]
    with tempfile.TemporaryDirectory() as folder:
        for kind, rows in [(kind, 500) for kind in KINDS] if quick else sizes:
            path = os.path.join(folder, f"{kind}-{rows}.parquet")
            write_rows(kind, rows, path)
            arms = {arm: _arm(arm, kind, path) for arm in ARMS}
            yield Case(f"{rows:,} rows of {kind}", arms, 1, reports=True, once_before=[])


def write_rows(kind: str, rows: int, path: str) -> None:
    """Writes a parquet file of numbered rows, the same ones every time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.RandomState(0)
    if kind == "text":
        values = [" ".join(random.choice(WORDS, 8)) for _ in range(rows)]
    else:
        import tensorflow as tf

        images = random.randint(0, 256, (rows, SIDE, SIDE, 3), dtype=np.uint8)
        values = [tf.io.encode_png(image).numpy() for image in images]
    table = pa.table({"id": range(rows), KINDS[kind][2]: values})
    pq.write_table(table, path, row_group_size=max(1, rows // (4 * WORKERS)))


def _arm(arm: str, kind: str, path: str) -> Callable[[], Dict[str, Any]]:
    run = python("-m", "benchmarks.engines", arm, kind, path, PYTHONPATH=str(ROOT))

    def measure() -> Dict[str, Any]:
        figures = dict(json.loads(run().splitlines()[-1]))
        # All of them take some minutes.
        print(f"  {arm}: {figures}", file=sys.stderr, flush=True)
        return figures

    return measure


Answers = Iterable[Tuple[int, Any]]


def by_loop(kind: str, path: str) -> Answers:
    """As one writes it: a batch is read, made an array, and called with."""
    import numpy as np
    import pyarrow.parquet as pq
    import tensorflow as tf

    import unihub

    _, model, name = KINDS[kind]
    signature = unihub.load(FIXTURES / model, signature="default")
    for batch in pq.ParquetFile(path).iter_batches(BATCH):
        values = batch.column(name).to_pylist()
        values += values[-1:] * (BATCH - len(values))
        if kind == "images":
            images = tf.stack([tf.image.decode_image(one, 3) for one in values])
            floats = tf.image.convert_image_dtype(images, tf.float32)
            inputs = tf.compat.v1.image.resize(floats, (8, 8))
        else:
            inputs = tf.constant(np.array(values, object))
        outputs = signature(inputs).numpy()
        yield from zip(batch.column("id").to_pylist(), outputs)


def options(kind: str) -> Dict[str, Any]:
    return {"batch_size": BATCH, "pad": True, "resize": kind == "images"}


def by_predictor(kind: str, path: str) -> Answers:
    import pyarrow.parquet as pq

    import unihub

    _, model, name = KINDS[kind]
    predict = unihub.Predictor(FIXTURES / model, inputs={name: name}, **options(kind))
    for batch in pq.ParquetFile(path).iter_batches(1024):
        found = predict({name: batch.column(name)})["default"]
        yield from zip(batch.column("id").to_pylist(), found)


def by_beam(kind: str, path: str) -> Answers:
    import apache_beam as beam
    import pyarrow as pa
    import pyarrow.parquet as pq
    from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
    from apache_beam.options.pipeline_options import PipelineOptions

    # Workers find functions by their module's name, which is not that of this process.
    from benchmarks.engines import keyed, written
    from unihub.engines.beam import ModelHandler

    _, model, _ = KINDS[kind]
    sizes = {"min_batch_size": BATCH, "max_batch_size": BATCH}
    chosen = {"pad": True, "resize": kind == "images", **sizes}
    handler = KeyedModelHandler(ModelHandler(FIXTURES / model, **chosen))
    schema = pa.schema([("id", pa.int64()), ("default", pa.list_(pa.float32()))])
    flags = ["--direct_running_mode=multi_processing", f"--direct_num_workers={WORKERS}"]
    with tempfile.TemporaryDirectory() as folder:
        with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
            rows = pipeline | beam.io.ReadFromParquet(path) | beam.Reshuffle() | beam.Map(keyed)
            answers = rows | RunInference(handler) | beam.Map(written)
            _ = answers | beam.io.WriteToParquet(os.path.join(folder, "out"), schema)
        yield from _pairs(pq.read_table(folder))


def keyed(row: Dict[str, Any]) -> Tuple[int, Any]:
    """The number of a row, and its only other value."""
    number = row.pop("id")
    return number, next(iter(row.values()))


def written(answer: Any) -> Dict[str, Any]:
    """What Beam gives for a row, as it is written."""
    return {"id": answer[0], "default": answer[1].inference.tolist()}


def _pairs(table: Any) -> Answers:
    return zip(table.column("id").to_pylist(), table.column("default").to_pylist())


def by_spark(kind: str, path: str) -> Answers:
    import pyarrow.parquet as pq
    from pyspark.sql import SparkSession

    from unihub.engines.spark import predict_udf

    _, model, name = KINDS[kind]
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    session = SparkSession.builder.master(f"local[{WORKERS}]").getOrCreate()
    predict = predict_udf(FIXTURES / model, **options(kind))
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        rows = session.read.parquet(path).repartition(2 * WORKERS)
        rows.select("id", predict(name).alias("default")).write.parquet(out)
        session.stop()
        yield from _pairs(pq.read_table(out))


def by_ray(kind: str, path: str) -> Answers:
    import pyarrow.parquet as pq
    import ray

    import unihub
    from unihub.engines.ray import BatchPredictor

    _, model, name = KINDS[kind]
    predictor = unihub.Predictor(FIXTURES / model, inputs={name: name}, **options(kind))
    ray.init("local", num_cpus=2 * WORKERS, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        ray.data.read_parquet(path).map_batches(
            BatchPredictor,
            fn_constructor_args=(predictor, ["id"]),
            batch_size=1024,
            batch_format="pyarrow",
            concurrency=WORKERS,
        ).write_parquet(folder)
        ray.shutdown()
        yield from _pairs(pq.read_table(folder))


ARMS = {LOOP: by_loop, PREDICTOR: by_predictor, BEAM: by_beam, SPARK: by_spark, RAY: by_ray}


def main(arm: str, kind: str, path: str) -> None:
    """Prints how long all of it took, imports and start included, and a digest of the answers."""
    import numpy as np
    import pyarrow.parquet as pq

    start = time.perf_counter()
    taken_by: List[float] = []
    threading.Thread(target=_watch_memory, args=(taken_by,), daemon=True).start()
    answers = dict(ARMS[arm](kind, path))
    taken = time.perf_counter() - start
    rows = pq.ParquetFile(path).metadata.num_rows
    assert sorted(answers) == list(range(rows))
    values = np.array([answers[row] for row in range(rows)], np.float32)
    # The first rows take as long as all before them.
    rate = {"rows/s": rows / taken} if rows > BATCH else {}
    figures = {"time": taken, **rate, "memory": max(taken_by)}
    print(json.dumps({**figures, "outputs": digest_of(values)}))


def _watch_memory(taken_by: List[float]) -> None:
    """Notes every second what this process and all below it take."""
    while True:
        parents = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            # Processes end while they are asked.
            with contextlib.suppress(OSError):
                parents[name] = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]
        own, found = {str(os.getpid())}, 0
        while len(own) > found:
            found = len(own)
            own |= {name for name, parent in parents.items() if parent in own}
        taken = 0.0
        for name in own:
            with contextlib.suppress(OSError, ValueError):
                taken += pss(name)
        taken_by.append(taken)
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
