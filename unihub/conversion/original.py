"""The original: a MetaGraph in a session of its own, as TF1 runs it.

It is what the converted model is compared with, and where the values of
variables and constants are read.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

import numpy as np
import tensorflow as tf

from unihub.apis.failures import LoadFailed
from unihub.apis.module.compat import MetaGraphDef
from unihub.apis.module.tensors import component_names
from unihub.apis.patterns import line_elsewhere
from unihub.errors import first_line

_V1 = tf.compat.v1
_INITIALIZERS = (
    _V1.GraphKeys.TABLE_INITIALIZERS,
    _V1.saved_model.MAIN_OP_KEY,
    _V1.saved_model.LEGACY_INIT_OP_KEY,
)
_INIT_SIGNATURE = "__saved_model_init_op"


class Original:
    """A MetaGraph whose variables and tables are initialised when they are first asked for.

    A session places all ops of its graph, and so fails for those of a TPU.

    Args:
        meta_graph: with the paths of its assets in its constants.
        checkpoint: prefix of the variables' values.
        handle: of the model, for errors.
    """

    def __init__(self, meta_graph: MetaGraphDef, checkpoint: str, handle: str) -> None:
        self.meta_graph = meta_graph
        self._checkpoint = checkpoint
        self._handle = handle
        self._initialized: Optional[Any] = None
        self.graph = tf.Graph()
        with self._explained(), self.graph.as_default():
            self._saver = _V1.train.import_meta_graph(meta_graph, clear_devices=True)

    @property
    def _session(self) -> Any:
        if self._initialized is None:
            config = _V1.ConfigProto(allow_soft_placement=True)
            with self._explained(), self.graph.as_default():
                session = _V1.Session(graph=self.graph, config=config)
                if self._saver is not None:
                    self._saver.restore(session, self._checkpoint)
                for initializer in self._initializers():
                    session.run(initializer)
                self._initialized = session
        return self._initialized

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        # Importing and restoring raise nearly every type, without the handle in any.
        except Exception as error:
            writer = self.meta_graph.meta_info_def.tensorflow_version
            folder = os.path.dirname(os.path.dirname(self._checkpoint))
            elsewhere = line_elsewhere(folder, "unihub.convert({handle!r}, 'converted')")
            raise LoadFailed(
                version=tf.__version__,
                handle=self._handle,
                reason=f"{type(error).__name__}: {first_line(error)}",
                writer=writer or "unknown",
                remedy=elsewhere or f"unihub.load({self._handle!r})  # whether it loads as it is",
            ) from error

    def run(self, fetches: Any, feeds: Optional[Mapping[str, Any]] = None) -> Any:
        """The values of tensors or ops, in the structure of the fetches."""
        return self._session.run(fetches, dict(feeds or {}))

    def value_of(self, name: str) -> np.ndarray:
        """The value of a variable, by the name of its op.

        Raises:
            tf.errors.FailedPreconditionError: if it has none.
        """
        op = self.graph.get_operation_by_name(name)
        with self.graph.as_default():
            if op.type == "VarHandleOp":
                read = tf.raw_ops.ReadVariableOp(resource=op.outputs[0], dtype=op.get_attr("dtype"))
            else:
                read = tf.identity(op.outputs[0])
        value: np.ndarray = self._session.run(read)
        return value

    def snapshot(self, members: Mapping[str, Sequence[str]]) -> Dict[str, np.ndarray]:
        """The values of those variables that the graph has, by the names of their ops."""
        known = {op.name for op in self.graph.get_operations()}
        names = [name for parts in members.values() for name in parts]
        return {name: self.value_of(name) for name in names if name in known}

    def restore(self, values: Mapping[str, np.ndarray]) -> None:
        """Gives variables the values of a snapshot."""
        for name, value in values.items():
            variable = self.graph.get_operation_by_name(name).outputs[0]
            with self.graph.as_default():
                if variable.dtype == tf.resource:
                    constant = tf.constant(value)
                    write = tf.raw_ops.AssignVariableOp(resource=variable, value=constant)
                else:
                    write = tf.raw_ops.Assign(ref=variable, value=tf.constant(value))
            self._session.run(write)

    def feeds(self, signature: str, inputs: Mapping[str, Any]) -> Dict[str, np.ndarray]:
        """The tensors to feed for a signature's inputs, by name."""
        feeds: Dict[str, np.ndarray] = {}
        for name, proto in self.meta_graph.signature_def[signature].inputs.items():
            parts = tf.nest.flatten(inputs[name], expand_composites=True)
            names = component_names(proto)
            feeds.update((one, part.numpy()) for one, part in zip(names, parts))
        return feeds

    def gradients(self, tensors: Sequence[str], variables: Sequence[str]) -> List[Any]:
        """The gradients of the sum of tensors by variables; None where not connected."""
        ys = [self.graph.as_graph_element(name) for name in tensors]
        xs = [self.graph.get_operation_by_name(name).outputs[0] for name in variables]
        with self.graph.as_default():
            found = tf.gradients(ys, xs)
            return [None if one is None else tf.convert_to_tensor(one) for one in found]

    def checkpointed_names(self) -> List[str]:
        """The names under which the checkpoint holds values."""
        if not tf.io.gfile.glob(f"{self._checkpoint}*"):
            return []
        return [name for name, _ in tf.train.list_variables(self._checkpoint)]

    def afresh(self) -> Original:
        """Another one of the same: ops that are added to it are not in this one."""
        return Original(self.meta_graph, self._checkpoint, self._handle)

    def close(self) -> None:
        """Frees the session."""
        if self._initialized is not None:
            self._initialized.close()

    def _initializers(self) -> List[Any]:
        found = [op for key in _INITIALIZERS for op in self.graph.get_collection(key)]
        definitions = self.meta_graph.signature_def
        if _INIT_SIGNATURE in definitions:
            names = [info.name for info in definitions[_INIT_SIGNATURE].outputs.values()]
            found += [self.graph.as_graph_element(name) for name in names]
        return found
