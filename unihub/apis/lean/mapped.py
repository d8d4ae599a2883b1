"""Weights in a file that processes share: aligned, checked, mapped copy-on-write.

A file holds the values of one signature's variables, each at a multiple of 64 bytes.
It is written from what TensorFlow's own reader gives, which verifies the checksums
of the checkpoint, and its name depends on all that would make it another file.

TensorFlow copies a variable as a whole before it gathers rows of it, unless the memory
is of its own. What is read as a value and gathered from then stays where it is.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import stat
import sys
import tempfile
from typing import IO, Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from unihub import settings
from unihub.apis.lean.files import model_folder, read_values, size_of
from unihub.apis.lean.plan import Declined, Variable
from unihub.formats.files import variables_digest
from unihub.handles.cache import staging, storage
from unihub.handles.cache.cache_errors import CacheNotPrivate, CacheOwnedByAnother
from unihub.handles.cache.derived import WEIGHTS, weights_note
from unihub.handles.cache.storage import is_trusted

# TensorFlow aborts the process where a buffer that it is given is not aligned so.
_ALIGNMENT = 64
_LAYOUT = "unihub weights 3"
# Those that NumPy can hand over; what is of another dtype is read as ever.
_MAPPABLE = frozenset(
    tf.as_dtype(name).as_datatype_enum
    for name in (
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    )
)
_Slot = Tuple[Variable, int, int]
# Of the ops that gather from a variable: those that gather from a value.
_GATHERING = {"ResourceGather": "GatherV2", "ResourceGatherNd": "GatherNd"}
_INT32 = tf.int32.as_datatype_enum


def mapped_values(variables: Sequence[Variable], prefix: str) -> Sequence[Any]:
    """The values of variables, as tensors whose memory is a mapped file.

    Writing to such a tensor changes this process's copy of the page, and no file.

    Args:
        variables: whose values they are.
        prefix: of the checkpoint.

    Raises:
        Declined: the folder of the files could have been written by others.
        CacheNotWritable, DiskFull, InodesFull: when the file system refuses.
    """
    slots, size = _slots(variables)
    if not size:
        return read_values(variables, prefix)
    file = _file(variables, prefix)
    # Another process may remove the file at any time; an open one stays.
    opened = _opened(file, size)
    if opened is None:
        with storage.writing(settings.current().cache):
            opened = _written(file, slots, size, prefix)
    with opened:
        values = _mapped(opened, slots, size)
    rest = [variable for variable in variables if variable.key not in values]
    if rest:
        values.update(zip((v.key for v in rest), read_values(rest, prefix)))
    return [values[variable.key] for variable in variables]


def read_in_place(functions: Iterable[Any]) -> bool:
    """Makes functions gather from what variables hold, where it is; changed in place.

    For variables to which nobody writes: others would be copied each time.

    Args:
        functions: FunctionDefs.

    Returns:
        Whether any was changed.
    """
    changed = False
    for function in functions:
        for node in list(function.node_def):
            if node.op in _GATHERING and not (
                "batch_dims" in node.attr and node.attr["batch_dims"].i
            ):
                _gather_from_value(function, node)
                changed = True
    return changed


def give_back() -> None:
    """Gives the system back what is free of this process's memory, where C can be told to.

    What a process has for itself counts more than what it shares, and when TensorFlow has
    optimized and run a function first, it leaves behind more than all that the function keeps.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _gather_from_value(function: Any, node: Any) -> None:
    variable, indices, *before = node.input
    dtype = node.attr["dtype"]
    read = function.node_def.add(name=f"{node.name}/unihub_read", op="ReadVariableOp")
    read.input.extend((variable, *before))
    read.attr["dtype"].CopyFrom(dtype)
    inputs = [f"{read.name}:value:0", indices]
    node.op = _GATHERING[node.op]
    node.attr["Tparams"].CopyFrom(dtype)
    for name in ("dtype", "validate_indices"):
        node.attr.pop(name, None)
    if node.op == "GatherV2":
        axis = function.node_def.add(name=f"{node.name}/unihub_axis", op="Const")
        axis.attr["dtype"].type = node.attr["Taxis"].type = _INT32
        axis.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(0, tf.int32))
        inputs.append(f"{axis.name}:output:0")
    del node.input[:]
    node.input.extend((*inputs, *before))


def _slots(variables: Sequence[Variable]) -> Tuple[List[_Slot], int]:
    """Where each value is: its place and its size in bytes; and the size of the file."""
    slots, place = [], 0
    if sys.byteorder != "little":
        return [], 0
    for variable in variables:
        size = size_of(variable)
        if variable.dtype not in _MAPPABLE or not size:
            continue
        slots.append((variable, place, size))
        place += -(-size // _ALIGNMENT) * _ALIGNMENT
    return slots, place


def _file(variables: Sequence[Variable], prefix: str) -> str:
    digest = variables_digest(model_folder(prefix))
    if not digest:
        raise Declined("the variables have no index")
    root = settings.current().cache
    try:
        storage.make_folders(root, {WEIGHTS: storage.PRIVATE})
    except (CacheOwnedByAnother, CacheNotPrivate) as error:
        raise Declined(error.what) from None
    # By content: of two versions made alike, sizes and times can be equal.
    facts = [
        _LAYOUT,
        digest,
        tf.__version__,
        *((v.key, v.dtype, list(v.shape or ())) for v in variables),
    ]
    return os.path.join(root, WEIGHTS, hashlib.sha256(repr(facts).encode()).hexdigest())


def _opened(file: str, size: int) -> Optional[IO[bytes]]:
    """The file, if it is there; it appears by one rename, when it is whole, with a note."""
    try:
        opened = os.fdopen(os.open(file, os.O_RDONLY | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        return None
    status = os.fstat(opened.fileno())
    if status.st_size > size and is_trusted(status):
        return opened
    opened.close()
    return None


def _written(file: str, slots: Sequence[_Slot], size: int, prefix: str) -> IO[bytes]:
    values = read_values([variable for variable, _, _ in slots], prefix)
    handle, temporary = tempfile.mkstemp(
        prefix=staging.name_of_work(os.path.basename(file)), dir=os.path.dirname(file)
    )
    out = os.fdopen(handle, "w+b")
    try:
        for (_, place, length), value in zip(slots, values):
            array = np.ascontiguousarray(value.numpy())
            if array.nbytes != length:
                raise Declined("a variable has another size than its shape says")
            out.seek(place)
            out.write(array.data)
        out.seek(size)
        out.write(weights_note(model_folder(prefix)))
        out.flush()
        os.fsync(out.fileno())
        # What shrinks under a mapping ends the process: nobody is to write to it any more.
        os.chmod(temporary, stat.S_IRUSR)
        os.replace(temporary, file)
    except BaseException:
        out.close()
        os.unlink(temporary)
        raise
    return out


def _mapped(opened: IO[bytes], slots: Sequence[_Slot], size: int) -> Dict[str, Any]:
    memory = mmap.mmap(
        opened.fileno(), size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE
    )
    content = np.frombuffer(memory, np.uint8)
    values = {}
    for variable, place, length in slots:
        tensor = _tensor(content[place : place + length], variable)
        if tensor is not None:
            values[variable.key] = tensor
    return values


def _tensor(data: Any, variable: Variable) -> Optional[Any]:
    """A tensor of the very bytes; None where they are not aligned."""
    array = data.view(tf.as_dtype(variable.dtype).as_numpy_dtype).reshape(variable.shape)
    if array.ctypes.data % _ALIGNMENT or not array.flags.c_contiguous:
        return None
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
