"""Modules exported while an Estimator trains them."""

from __future__ import annotations

import logging
import os
import time
from typing import Any, Callable, List, Optional, Tuple, Union

import tensorflow as tf

from unihub.apis.module.module import Module
from unihub.errors import UnihubError, beside, listed, path_text
from unihub.errors.arguments import wrong_type

_log = logging.getLogger(__name__)

# A collection of pairs (name, Module). The key is not a str, so that it stays
# out of exported graphs. It is that of tensorflow_hub: either library exports what
# the other one registers.
_REGISTERED = ("__tfhub_export_modules",)

# Seconds since 1970 have as many digits from 2001 to 2286. TensorFlow's own
# exporters tell their folders by it as well.
_TIMESTAMP_DIGITS = 10


class EstimatorGone(UnihubError, NotImplementedError):
    """This TensorFlow has no Estimator."""

    code = "estimator-gone"
    what = "{name} needs tf.estimator, which TensorFlow {version} does not have."
    why = "TensorFlow 2.15 was the last release with Estimators."
    do = 'in the session that trains: m.export("path/to/module", session); or ' + beside.TF215


class ExportNameTaken(UnihubError, ValueError):
    """Two modules of one graph were registered under one name."""

    code = "export-name-taken"
    what = "a module is registered for export as {name} already."
    why = "each module is exported into the subfolder of its name. (registered: {names})"
    do = "unihub.register_module_for_export(m, {another})"


class ExportsToKeep(UnihubError, ValueError):
    """An exporter was told to keep no export."""

    code = "exporter-keeps-none"
    what = "exports_to_keep cannot be {count}."
    why = "the export that was just written counts as well."
    do = "unihub.LatestModuleExporter({name}, serving_input_fn, exports_to_keep=None)  # keeps all"


class NoCheckpoint(UnihubError, ValueError):
    """There is nothing to take the values of the modules from."""

    code = "exporter-without-checkpoint"
    what = "the modules cannot be exported without a checkpoint."
    why = "none was given, and the Estimator has not written any to {folder}."
    do = "estimator.train(input_fn, steps=1)"


def _has_estimator() -> bool:
    return hasattr(tf.compat.v1, "estimator")


def _exporter_base() -> type:
    """tf.estimator.Exporter, which train_and_evaluate demands of its exporters."""
    base: type = tf.compat.v1.estimator.Exporter if _has_estimator() else object
    return base


def register_module_for_export(module: Module, export_name: str) -> None:
    """Marks a module for LatestModuleExporter; to be called in model_fn.

    Args:
        module: a Module of the current graph, ours or tensorflow_hub's.
        export_name: the subfolder to export it to.

    Raises:
        ExportNameTaken: if another module of the graph has this name.
        EstimatorGone: from TensorFlow 2.16 on.

    Source: tensorflow_hub 0.15's hub.register_module_for_export.

    Example:
        >>> def model_fn(features, labels, mode):
        ...     m = unihub.Module("path/to/module", trainable=True)
        ...     unihub.register_module_for_export(m, "encoder")
    """
    if not _has_estimator():
        raise EstimatorGone(name="register_module_for_export", version=tf.__version__)
    if not hasattr(module, "export"):
        line = 'unihub.register_module_for_export(unihub.Module("path/to/module"), "encoder")'
        raise wrong_type("module", module, "a Module of the current graph", line)
    names = [name for name, _ in _registered()]
    if export_name in names:
        another = repr(f"{export_name}_{len(names) + 1}")
        raise ExportNameTaken(name=repr(export_name), names=listed(names), another=another)
    tf.compat.v1.add_to_collection(_REGISTERED, (export_name, module))


class LatestModuleExporter(_exporter_base()):  # type: ignore[misc]
    """Exports the registered modules whenever an Estimator is evaluated.

    Each export is a new folder, named by its time, with a subfolder per
    module. Older ones are deleted.

    Source: tensorflow_hub 0.15's hub.LatestModuleExporter.

    Example:
        >>> exporter = unihub.LatestModuleExporter("modules", serving_input_fn)
        >>> tf.estimator.train_and_evaluate(
        ...     estimator,
        ...     tf.estimator.TrainSpec(input_fn, max_steps=1000),
        ...     tf.estimator.EvalSpec(input_fn, exporters=[exporter]),
        ... )
    """

    def __init__(
        self,
        name: str,
        serving_input_fn: Callable[[], Any],
        exports_to_keep: Optional[int] = 5,
    ) -> None:
        """Makes an exporter for tf.estimator.EvalSpec.

        Args:
            name: the folder of the exports, below the Estimator's own.
            serving_input_fn: returns a ServingInputReceiver. Its features are
                given to model_fn to build the graph with the modules, which is
                never run.
            exports_to_keep: how many exports to keep; None for all.

        Raises:
            ExportsToKeep: if it is less than one.
            EstimatorGone: from TensorFlow 2.16 on.
        """
        if not _has_estimator():
            raise EstimatorGone(name="LatestModuleExporter", version=tf.__version__)
        if exports_to_keep is not None and exports_to_keep <= 0:
            raise ExportsToKeep(count=exports_to_keep, name=repr(name))
        self._name = name
        self._serving_input_fn = serving_input_fn
        self._exports_to_keep = exports_to_keep

    @property
    def name(self) -> str:
        """The folder of the exports, below the Estimator's own."""
        return self._name

    def export(
        self,
        estimator: Any,
        export_path: Union[str, bytes, os.PathLike[str]],
        checkpoint_path: Optional[str] = None,
        eval_result: Any = None,
        is_the_final_export: Optional[bool] = None,
    ) -> Optional[bytes]:
        """Exports the modules that model_fn registers.

        Args:
            estimator: a tf.estimator.Estimator.
            export_path: the folder to make the export's folder in.
            checkpoint_path: where the values come from; None stands for the
                Estimator's latest checkpoint.
            eval_result: not used.
            is_the_final_export: not used.

        Returns:
            The path of the export's folder, as bytes like all exporters; None,
            with a warning, if no module is registered.

        Raises:
            NoCheckpoint: if there is no checkpoint.
        """
        checkpoint = checkpoint_path or estimator.latest_checkpoint()
        if not checkpoint:
            raise NoCheckpoint(folder=estimator.model_dir)
        parent = path_text(export_path)
        with tf.Graph().as_default():
            saver = self._build_serving_graph(estimator)
            modules = _registered()
            if not modules:
                _log.warning(
                    "LatestModuleExporter exports nothing: model_fn registers no module. "
                    "Call unihub.register_module_for_export(m, name) in it."
                )
                return None
            # A MonitoredSession, as Estimators use, would not let a Module be saved.
            with tf.compat.v1.Session(config=estimator._session_config) as session:
                saver.restore(session, checkpoint)
                folder = _export(modules, session, parent)
        _delete_oldest(parent, self._exports_to_keep)
        exported: bytes = tf.compat.as_bytes(folder)
        return exported

    def _build_serving_graph(self, estimator: Any) -> Any:
        """Calls model_fn in the current graph as an Estimator does; returns the Saver."""
        tf.compat.v1.train.create_global_step()
        tf.compat.v1.set_random_seed(estimator.config.tf_random_seed)
        spec = estimator.model_fn(
            features=self._serving_input_fn().features,
            labels=None,
            mode=tf.compat.v1.estimator.ModeKeys.PREDICT,
            config=estimator.config,
        )
        return spec.scaffold.saver or tf.compat.v1.train.Saver(sharded=True)


def _registered() -> List[Tuple[str, Module]]:
    modules: List[Tuple[str, Module]] = tf.compat.v1.get_collection(_REGISTERED)
    return modules


def _export(modules: List[Tuple[str, Module]], session: Any, parent: str) -> str:
    """Writes the modules aside, and gives them their folder's name when all are there."""
    timestamp = int(time.time())
    while tf.io.gfile.exists(os.path.join(parent, str(timestamp))):
        timestamp += 1
    folder = os.path.join(parent, str(timestamp))
    aside = os.path.join(parent, f"temp-{timestamp}")
    for name, module in modules:
        module.export(os.path.join(aside, name), session)
    tf.io.gfile.rename(aside, folder)
    return folder


def _delete_oldest(parent: str, count_to_keep: Optional[int]) -> None:
    if count_to_keep is None:
        return
    # Some file systems end the names of folders with a slash.
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(parent))
    exports = [name for name in names if len(name) == _TIMESTAMP_DIGITS and name.isdigit()]
    for name in sorted(exports)[:-count_to_keep]:
        tf.io.gfile.rmtree(os.path.join(parent, name))
