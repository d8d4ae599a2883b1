"""The memory of an engine's workers that serve one model: the usual way, and unihub's."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

from benchmarks.engines import BEAM, RAY, SPARK
from benchmarks.measuring import Case, python
from benchmarks.memory import NAME, NOTHING, pss
from benchmarks.models import CACHE, path_of

ROOT = Path(__file__).resolve().parent.parent
WORKERS, LONGEST = 8, 300.0
OURS = {BEAM: "ModelHandler", SPARK: "predict_udf", RAY: "BatchPredictor"}
USUAL = "tf.saved_model.load in each worker"
_SIGNATURE = "serving_default"


def cases(quick: bool) -> Iterator[Case]:
    import unihub

    workers, path = (2, path_of("tiny")) if quick else (WORKERS, path_of(NAME))
    os.environ["UNIHUB_CACHE"] = CACHE
    for engine, ours in OURS.items():
        alone = _arm(engine, NOTHING, workers, str(path))()["memory"]
        arms = {arm: _arm(engine, arm, workers, str(path), alone) for arm in (USUAL, ours)}
        case = f"{path.name}, {workers} workers of {engine}"
        # The weights that are mapped are there before, as they are from the first day on.
        unihub.load(path, signature=_SIGNATURE, weights="mmap")
        yield Case(case, arms, 1, reports=True, once_before=[])


def _arm(
    engine: str, arm: str, workers: int, path: str, less: float = 0.0
) -> Callable[[], Dict[str, Any]]:
    arguments = (engine, arm, str(workers), path)
    run = python("-m", "benchmarks.sharing", *arguments, PYTHONPATH=str(ROOT), UNIHUB_CACHE=CACHE)

    def measure() -> Dict[str, Any]:
        found = json.loads(run().splitlines()[-1])
        print(f"  {engine}, {arm}: {found}, less {less:.0f}", file=sys.stderr, flush=True)
        return {"memory": found["memory"] - less, "outputs": found["outputs"]}

    return measure


def inputs() -> Dict[str, Any]:
    """One row of each input, as NumPy arrays."""
    from benchmarks.loading import inputs_of
    from unihub.formats import read_saved_model

    path = os.environ["UNIHUB_SHARED_MODEL"]
    signature = read_saved_model(path).meta_graphs[0].signatures[_SIGNATURE]
    return {name: value.numpy() for name, value in inputs_of(signature).items()}


def usual() -> Callable[[Dict[str, Any]], Dict[str, Any]]:
    """As the examples of all three engines have it."""
    import tensorflow as tf

    function = tf.saved_model.load(os.environ["UNIHUB_SHARED_MODEL"])
    signature = function.signatures[_SIGNATURE]
    signature.kept = function
    return lambda given: {n: v.numpy() for n, v in signature(**given).items()}


def nothing() -> Callable[[Dict[str, Any]], Dict[str, Any]]:
    import tensorflow as tf

    tf.constant(0) + 1
    return lambda given: {}


def met(outputs: Dict[str, Any]) -> None:
    """Waits until all workers have answered, says what this one takes, and waits for that."""
    from benchmarks.frozen import digest_of

    folder = Path(os.environ["UNIHUB_SHARED_FOLDER"])
    digest = digest_of(*(outputs[name] for name in sorted(outputs)))
    (folder / f"answered-{os.getpid()}").touch()
    _wait_for(folder, "answered-*")
    taken = json.dumps({"memory": pss(), "outputs": digest})
    (folder / f"unfinished-{os.getpid()}").write_text(taken)
    (folder / f"unfinished-{os.getpid()}").rename(folder / f"taken-{os.getpid()}")
    _wait_for(folder, "taken-*")


def _wait_for(folder: Path, pattern: str) -> None:
    workers, start = int(os.environ["UNIHUB_SHARED_WORKERS"]), time.monotonic()
    while len(list(folder.glob(pattern))) < workers:
        if time.monotonic() - start > LONGEST:
            raise RuntimeError(f"{len(list(folder.glob(pattern)))} of {workers}: {pattern}")
        time.sleep(0.1)


def by_beam(arm: str, workers: int, path: str) -> None:
    import apache_beam as beam
    from apache_beam.ml.inference.base import RunInference
    from apache_beam.options.pipeline_options import PipelineOptions

    from benchmarks import beam_sharing

    flags = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
        rows = pipeline | beam.Create(list(range(4 * workers))) | beam.Reshuffle()
        _ = rows | RunInference(beam_sharing.handler(arm, path))


def by_spark(arm: str, workers: int, path: str) -> None:
    import pandas
    from pyspark.sql import SparkSession

    from unihub.engines.spark import predict_udf

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    session = SparkSession.builder.master(f"local[{workers}]").getOrCreate()
    function = predict_udf(path).func if arm in OURS.values() else None
    loader = nothing if arm == NOTHING else usual

    def serve(_: Any) -> Iterator[int]:
        given = inputs()
        if function is None:
            met(loader()(given))
        else:
            columns = tuple(pandas.Series(list(value)) for value in given.values())
            (found,) = function(iter([columns if len(columns) > 1 else columns[0]]))
            frame = found if isinstance(found, pandas.DataFrame) else found.to_frame("y")
            met({name: _array(frame[name]) for name in frame})
        yield 0

    session.sparkContext.parallelize(range(workers), workers).mapPartitions(serve).collect()
    session.stop()


def _array(series: Any) -> Any:
    import numpy as np

    return np.array(series.tolist(), np.float32)


def by_ray(arm: str, workers: int, path: str) -> None:
    import ray

    from unihub.engines.ray import BatchPredictor

    loader = nothing if arm == NOTHING else usual

    class Actor:
        def serve(self) -> None:
            met((BatchPredictor(path) if arm in OURS.values() else loader())(inputs()))

    variables = {name: os.environ[name] for name in os.environ if name.startswith("UNIHUB_")}
    ray.init("local", num_cpus=workers, log_to_driver=False, runtime_env={"env_vars": variables})
    actors = [ray.remote(num_cpus=1)(Actor).remote() for _ in range(workers)]
    ray.get([actor.serve.remote() for actor in actors])
    ray.shutdown()


def main(engine: str, arm: str, workers: str, path: str) -> None:
    """Prints what the workers take together, shared memory counted once."""
    # Workers find functions by their module's name, which is not that of this process.
    from benchmarks import sharing

    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(UNIHUB_SHARED_FOLDER=folder, UNIHUB_SHARED_WORKERS=workers)
        os.environ["UNIHUB_SHARED_MODEL"] = path
        run = {BEAM: sharing.by_beam, SPARK: sharing.by_spark, RAY: sharing.by_ray}[engine]
        run(arm, int(workers), path)
        found: List[Dict[str, Any]] = [
            json.loads(one.read_text()) for one in Path(folder).glob("taken-*")
        ]
    assert len(found) == int(workers)
    (outputs,) = {one["outputs"] for one in found}
    print(json.dumps({"memory": sum(one["memory"] for one in found), "outputs": outputs}))


if __name__ == "__main__":
    main(*sys.argv[1:])
