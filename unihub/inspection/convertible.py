"""Ops that no conversion to a function of TF2 takes over, and why."""

from __future__ import annotations

from typing import Iterable, List, Optional, Sequence, Tuple

from unihub.errors import UnihubError, listed

PYTHON = ("PyFunc", "EagerPyFunc")
TPU = "TPU"
# Sources of state without content in a SavedModel, by how their names begin.
STATE = (
    "FIFOQueue",
    "PaddingFIFOQueue",
    "PriorityQueue",
    "RandomShuffleQueue",
    "Iterator",
    "OneShotIterator",
    "MutableHashTable",
    "MutableDenseHashTable",
)
NOT_CONVERTED = (*PYTHON, TPU, *STATE)
# They begin so, and only use what another op makes.
_USES = ("IteratorGetNext", "IteratorToStringHandle")


class PythonFunction(UnihubError, NotImplementedError):
    """The graph calls Python code that is not in it."""

    code = "convert-python-function"
    what = "{handle} calls Python functions, which a SavedModel does not hold."
    why = (
        "tf.py_func works only in the process that built the graph. (signature "
        "{signature!r}: {ops})"
    )
    do = (
        "with tf.Graph().as_default(): m = unihub.load({handle!r})  # in TF1 mode, in the process "
        "that made it; or use a version without tf.py_func"
    )


class SignatureInputMissing(UnihubError, ValueError):
    """A signature does not name all that its outputs depend on."""

    code = "signature-input-missing"
    what = "the signature {signature!r} of {handle} cannot be called as a function."
    why = "its outputs depend on placeholders that are not among its inputs: {placeholders}."
    do = (
        "with tf.Graph().as_default(): m = unihub.load({handle!r}, signature={signature!r})  "
        "# in TF1 mode, where a feed_dict gives them; or save it again with all inputs in the "
        "signature"
    )


class TPUOnly(UnihubError, NotImplementedError):
    """The graph is one for TPUs."""

    code = "convert-tpu-only"
    what = "the MetaGraph {tags} of {handle} runs on TPUs only."
    why = "it is made of TPU ops. (signature {signature!r}: {ops})"
    do = "unihub.convert({handle!r}, path, tags={example})"


class StateNotSupported(UnihubError, NotImplementedError):
    """The graph has state of a kind that does not travel."""

    code = "convert-state-not-supported"
    what = "{handle} keeps state that is neither a variable nor a constant table."
    why = (
        "queues, iterators and mutable tables have no content in a SavedModel that could be "
        "taken along. (signature {signature!r}: {ops})"
    )
    do = "with tf.Graph().as_default(): unihub.load({handle!r})  # in TF1 mode"


def refused_ops(
    handle: str, signature: str, tags: Sequence[str], used: Iterable[Tuple[str, str]]
) -> Optional[UnihubError]:
    """Why a signature cannot be converted for its ops; None where they are no reason.

    Args:
        handle, signature, tags: for the error.
        used: the ops that the signature needs, each with the name of its node.
    """
    used = list(used)

    def named(*prefixes: str) -> List[str]:
        return [
            f"{name} ({op})" for op, name in used if op.startswith(prefixes) and op not in _USES
        ]

    facts = {"handle": handle, "signature": signature}
    if named(*PYTHON):
        return PythonFunction(ops=listed(named(*PYTHON)), **facts)
    if named(TPU):
        return TPUOnly(ops=listed(named(TPU)), tags=list(tags), example=["serve"], **facts)
    if named(*STATE):
        return StateNotSupported(ops=listed(named(*STATE)), **facts)
    return None
