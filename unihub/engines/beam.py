"""Models on Apache Beam: a ModelHandler for its RunInference."""

from __future__ import annotations

import contextlib
import inspect
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence, Tuple

import numpy as np

from unihub.engines.elements import columns_of_elements, rows_of_results
from unihub.engines.errors import NoInferenceArguments
from unihub.engines.packages import needed
from unihub.engines.predictor import Predictor
from unihub.engines.tasks import Task, do
from unihub.errors import check_choice, path_text
from unihub.errors.redaction import shown
from unihub.formats.files import HUB_FILE, PB_FILE, PBTXT_FILE

with needed("apache_beam", extra="beam"):
    import apache_beam as beam
    from apache_beam.ml.inference import base
    from apache_beam.options.pipeline_options import PipelineOptions

# Beam cuts the batches: what it gives is called with at once.
_ANY_SIZE = 1 << 20
# What is for a Predictor, of all keyword arguments.
_OF_PREDICTOR = (
    *("signature", "inputs", "outputs", "pad", "resize", "on_bad", "tags", "sha256", "on_unsafe"),
)
# What is for Beam's ModelHandler, which says nothing of others.
_OF_BEAM = {"env_vars", *inspect.signature(base.ModelHandler).parameters} - {"kwargs"}

# Patterns find files, and a model is a folder.
_OF_MODELS = (PB_FILE, PBTXT_FILE, HUB_FILE)


class ModelHandler(base.ModelHandler[Any, base.PredictionResult, Predictor]):  # type: ignore[misc]
    """A model of any format, for `apache_beam.ml.inference.base.RunInference`.

    Elements are what one row of the inputs is: a dict by the inputs' names; or, where there is
    one input, an array, a tensor, a number, text, or the bytes of an image. The handler is
    pickled as a `unihub.Predictor` is, and each worker process loads the model, its weights
    shared by all of the machine: ``large_model`` and ``model_copies`` are for what else a model
    takes.

    Args:
        handle: of the model, as for `unihub.load`.
        as_dict: True for a dict of outputs also where there is one.
        **kwargs: as for Beam's ModelHandler: min_batch_size, max_batch_size,
            max_batch_duration_secs, max_batch_weight, element_size_fn, batch_length_fn,
            batch_bucket_boundaries, large_model, model_copies, env_vars.
        signature, inputs, outputs, pad, resize, on_bad, tags, sha256, on_unsafe: as for
            `unihub.Predictor`.

    Raises:
        UnknownChoice: an argument is none of these.
        UnihubError: what `unihub.Predictor` raises.

    Returns:
        For each element a PredictionResult, whose inference is the row of the only output, or
        a dict by their names; None for a bad row, for ``on_bad="null"``.

    Source: https://beam.apache.org/documentation/ml/about-ml.

    Example:
        >>> from unihub.engines.beam import ModelHandler
        >>> rows | RunInference(ModelHandler("path/to/model", max_batch_size=64))
    """

    def __init__(self, handle: Any, *, as_dict: bool = False, **kwargs: Any) -> None:
        own = {name: kwargs.pop(name) for name in _OF_PREDICTOR if name in kwargs}
        line = f"ModelHandler({shown(path_text(handle))!r}, {{example}}=...)"
        for name in kwargs:
            # As a Predictor has it.
            offered = ["max_batch_size"] if name == "batch_size" else []
            check_choice("argument", name, sorted({*_OF_BEAM, *_OF_PREDICTOR}), line, offered)
        super().__init__(**kwargs)
        self._as_dict = as_dict
        self._options = {**own, "batch_size": kwargs.get("max_batch_size") or _ANY_SIZE}
        self._predictor = Predictor(handle, **self._options)

    def load_model(self) -> Predictor:
        """Loads the model in this process."""
        return self._predictor.load()

    def run_inference(
        self,
        batch: Sequence[Any],
        model: Predictor,
        inference_args: Optional[Dict[str, Any]] = None,
    ) -> Iterable[Any]:
        """Predicts a batch.

        Args:
            batch: of elements.
            model: what `load_model` gave, or what stands for it in another process.
            inference_args: none.

        Returns:
            A PredictionResult for each element.
        """
        self.validate_inference_args(inference_args)
        names = list(self._predictor.chosen.signature.inputs)
        columns = columns_of_elements(batch, names)
        if self._options.get("on_bad") == "null" and len(columns) != len(names):
            # Rows without an input are bad, also where all of a batch are.
            for name in names:
                column = self._predictor.chosen.inputs.get(name, name)
                columns.setdefault(column, [None] * len(batch))
        results = model.predict(columns)
        for example, inference in zip(batch, rows_of_results(results, self._as_dict)):
            yield base.PredictionResult(example, inference, self._predictor.handle)

    def validate_inference_args(self, inference_args: Optional[Dict[str, Any]]) -> None:
        """Raises NoInferenceArguments where there are any: a signature takes its inputs alone."""
        if inference_args:
            raise NoInferenceArguments(given=", ".join(inference_args))

    def update_model_path(self, model_path: Optional[str] = None) -> None:
        """Takes another model from now on, with the same choices.

        Args:
            model_path: its handle, or a model's own file in its folder, as WatchFilePattern finds
                it; None for no other.
        """
        if model_path:
            folder, name = os.path.split(model_path)
            handle = folder if name in _OF_MODELS else model_path
            self._predictor = Predictor(handle, **self._options)

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        """The bytes of the values of a batch."""
        return sum(map(_bytes_of, batch))

    def get_metrics_namespace(self) -> str:
        """The namespace of the metrics."""
        return "unihub"


def _bytes_of(element: Any) -> int:
    if isinstance(element, Mapping):
        return sum(map(_bytes_of, element.values()))
    if isinstance(element, (str, bytes)):
        return len(element)
    return int(np.asarray(element).nbytes)


# Without a runner named: the direct one, with a worker process for each core.
_HERE = ("--direct_running_mode=multi_processing", "--direct_num_workers=0")
# How a pipeline's process ends when a worker has died, and how often it may without a part done.
_WORKER_DIED, _MOST_DEATHS = 86, 4
_LONGEST_REASON = 8000


def run_tasks(tasks: Sequence[Task], options: Sequence[str]) -> None:
    """Has tasks done by the workers of a pipeline.

    Runners of clusters give a task once more when a worker dies. The direct runner waits for
    it for ever: so the pipeline has a process of its own, which ends then, and another one
    does what is left.

    Args:
        tasks: to do.
        options: of the pipeline and its runner.

    Raises:
        RuntimeError: the pipeline failed, or its workers died again and again.
    """
    left, deaths = list(tasks), 0
    while left:
        ended, reason = _in_a_process(left, options or _HERE)
        if ended == 0:
            return
        still = [task for task in left if not os.path.exists(task.file)]
        deaths = deaths + 1 if len(still) == len(left) else 0
        if ended != _WORKER_DIED or deaths == _MOST_DEATHS:
            raise RuntimeError(reason or f"the process of the pipeline ended with {ended}")
        left = still


def _in_a_process(tasks: Sequence[Task], options: Sequence[str]) -> Tuple[int, str]:
    """How the process of a pipeline ended, and what it said."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    arguments = (tasks, options, os.getpid(), sender)
    process = context.Process(target=_run_pipeline, args=arguments)
    process.start()
    sender.close()
    reason = ""
    try:
        with contextlib.suppress(EOFError):
            reason = receiver.recv()
        process.join()
    finally:
        # Its workers, which it leaves when it ends early.
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(int(process.pid or 0), signal.SIGKILL)
        process.kill()
        process.join()
    return process.exitcode or 0, reason


def _run_pipeline(tasks: Sequence[Task], options: Sequence[str], parent: int, sender: Any) -> None:
    # A group of its own: interrupts are the parent's, and all of it can be killed.
    with contextlib.suppress(AttributeError):
        os.setpgrp()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    threading.excepthook = _end_with_worker
    try:
        with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
            _ = pipeline | beam.Create(list(tasks)) | beam.Reshuffle() | beam.Map(do)
    # What a runner raises, the parent says.
    except Exception as error:
        sender.send(str(error)[-_LONGEST_REASON:])
        sys.exit(1)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os.killpg(0, signal.SIGKILL)


def _end_with_worker(raised: Any) -> None:
    """Ends the process when the thread that waits for a worker says that it has died."""
    if "Worker subprocess exited" in str(raised.exc_value):
        os._exit(_WORKER_DIED)
