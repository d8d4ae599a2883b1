"""The variables of a model, in the places where its graphs have their handles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, Optional

import tensorflow as tf

from unihub.apis.functional import private


@dataclass(frozen=True, eq=False)
class Slot:
    """A variable, where a graph has its handle."""

    name: str
    variable: Any


class Reference:
    """A variable of TensorFlow 1, which is an op, as far as it is asked here what it is."""

    def __init__(self, op: Any) -> None:
        self.name = f"{op.name}:0"
        self.dtype = op.outputs[0].dtype.base_dtype
        self.shape = op.outputs[0].shape
        self.trainable = self.dtype.is_floating
        self._op = op

    def numpy(self) -> Any:
        """The value now."""

        def read() -> Any:
            return tf.identity(private.copied(self._op, ())[0])

        return tf.function(read, autograph=False)().numpy()


class Slots:
    """The variables of a model, each once, by name and by handle."""

    def __init__(self) -> None:
        self.by_name: Dict[str, Slot] = {}
        self._by_key: Dict[Any, Slot] = {}

    def add(self, variables: Iterable[Any]) -> None:
        """Takes what is a variable of this process, and not of a graph alone."""
        for variable in variables:
            handle = getattr(variable, "handle", None)
            if hasattr(handle, "numpy"):
                self._add(id(handle), variable)

    def of_handle(self, tensor: Any) -> Optional[Slot]:
        """The slot of a variable by its handle; None for any other tensor."""
        return self._by_key.get(id(tensor))

    def of_reference(self, op: Any) -> Slot:
        """The slot of a variable of TensorFlow 1."""
        return self._add(op.get_attr("shared_name") or op.name, Reference(op))

    def _add(self, key: Any, variable: Any) -> Slot:
        if key not in self._by_key:
            stem = name = variable.name.partition(":")[0]
            count = 0
            while name in self.by_name:
                count += 1
                name = f"{stem}_{count}"
            self.by_name[name] = self._by_key[key] = Slot(name, variable)
        return self._by_key[key]
