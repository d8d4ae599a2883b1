"""Which columns are which inputs, and which outputs become columns, by a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Union

from unihub.engines.dtypes import kind_of
from unihub.engines.errors import (
    NoColumnType,
    NoSignatureToPredict,
    NoSuchColumn,
    NoSuchInput,
    NotByRow,
    WrongColumnCount,
)
from unihub.errors import listed, nearest
from unihub.formats import selection
from unihub.formats.model import DENSE, MetaGraph, Signature, TensorInfo, open_saved_model

Names = Union[Mapping[str, str], Iterable[str], None]


@dataclass(frozen=True)
class Chosen:
    """A signature, and how columns go in and come out.

    Attributes:
        handle: of the model, without secrets.
        signature: that is called.
        inputs: the column of each input that was named; others are told by `columns_of`.
        outputs: the signature's name of each column that comes out.
        batch: the only number of rows that the signature takes; None for any.
    """

    handle: str
    signature: Signature
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    batch: Optional[int]

    def columns_of(self, names: Sequence[str]) -> Dict[str, str]:
        """The column of each input.

        Args:
            names: of the columns that there are.

        Raises:
            NoSuchColumn: an input has none.
        """
        wanted = list(self.signature.inputs)
        found = {name: self.inputs.get(name, name) for name in wanted}
        if len(wanted) == len(names) == 1 and not self.inputs:
            return {wanted[0]: names[0]}
        for name, column in found.items():
            if column not in names:
                accepted = ", ".join(f"{n}: {i}" for n, i in self.signature.inputs.items())
                free = [one for one in names if one not in found.values()]
                raise NoSuchColumn(
                    name=name,
                    handle=self.handle,
                    columns=listed(names),
                    signature=self.signature.name,
                    accepted=accepted,
                    inputs={**self.inputs, name: nearest(column, free or names)},
                )
        return found

    def info_of(self, column: str) -> TensorInfo:
        """The signature's words on a column that comes out."""
        info: TensorInfo = self.signature.outputs[self.outputs[column]]
        return info

    def check_arrow(self) -> None:
        """Raises NoColumnType where a column comes out that pyarrow has no type for."""
        for column in self.outputs:
            info = self.info_of(column)
            if kind_of(info.dtype) == "c":
                reason = "pyarrow, which files are written by, has no complex numbers."
                others = [c for c in self.outputs if kind_of(self.info_of(c).dtype) != "c"]
                call = f"unihub.Predictor({self.handle!r}, signature={self.signature.name!r}"
                remedy = f"{call})  # with a dict of NumPy arrays"
                if others:
                    remedy = f"{call}, outputs={others!r})"
                raise NoColumnType(
                    name=column, handle=self.handle, found=str(info), reason=reason, remedy=remedy
                )


def chosen(
    folder: str,
    handle: str,
    tags: Optional[selection.Tags] = None,
    signature: Optional[str] = None,
    inputs: Names = None,
    outputs: Names = None,
) -> Chosen:
    """The signature of a model, by the choices of a Predictor.

    Args:
        folder: of the model.
        handle: for errors.
        tags: of the MetaGraph.
        signature: its name; None for the default one.
        inputs: columns by the inputs' names.
        outputs: names of outputs, or columns by them; None for all that are by row.

    Raises:
        NoSignatureToPredict: none is evident.
        UnknownSignature: there is none of that name.
        NotByRow: an input or output is not one value for each row.
        NoColumnType: an input or output has a dtype that arrays do not have.
        NoSuchInput, WrongColumnCount, UnknownOutputKey: ``inputs`` or ``outputs`` are others'.
    """
    with open_saved_model(folder) as (model, _):
        graph = selection.choose_meta_graph(model, handle, tags=tags)
    found = _signature(graph, handle, signature)
    batches = {_batch_of(name, info, found, handle) for name, info in found.inputs.items()}
    fixed = [size for size in batches if size is not None]
    batch = min(fixed) if fixed else None
    given = _inputs(found, inputs, handle)
    named = _outputs(found, outputs, handle, batch)
    return Chosen(handle, found, given, named, batch)


def _inputs(signature: Signature, inputs: Names, handle: str) -> Dict[str, str]:
    known = list(signature.inputs)
    if isinstance(inputs, Mapping):
        given = dict(inputs)
        for name in given:
            if name not in known:
                raise NoSuchInput(
                    name=name,
                    handle=handle,
                    signature=signature.name,
                    accepted=listed(known),
                    better={n if n in known else nearest(n, known): c for n, c in given.items()},
                )
        return given
    columns = [inputs] if isinstance(inputs, str) else list(inputs or ())
    if len(columns) > len(known):
        raise WrongColumnCount(
            given=len(columns),
            wanted=len(known),
            names=", ".join(known),
            line=f"unihub.Predictor({handle!r}, inputs={columns[: len(known)]!r})",
        )
    return dict(zip(known, columns))


def _signature(graph: MetaGraph, handle: str, wanted: Optional[str]) -> Signature:
    names = list(graph.signatures)
    if wanted is None:
        evident = [name for name in selection.PREFERRED_SIGNATURES if name in names]
        wanted = evident[0] if evident else names[0] if len(names) == 1 else None
    if wanted is None:
        remedy = "tf.saved_model.save(obj, path, signatures=obj.call)  # saves it with a signature"
        if names:
            remedy = f"unihub.Predictor({handle!r}, signature={names[0]!r})"
        raise NoSignatureToPredict(handle=handle, found=listed(names), remedy=remedy)
    signature = selection.choose_signature(graph, handle, wanted, "unihub.Predictor({handle!r}, ")
    assert signature is not None
    return signature


def _batch_of(name: str, info: TensorInfo, signature: Signature, handle: str) -> Optional[int]:
    if info.kind == DENSE and (info.shape is None or info.shape):
        _check_dtype(name, info, signature, handle)
        return info.shape[0] if info.shape else None
    raise NotByRow(
        name=name,
        signature=signature.name,
        handle=handle,
        found=str(info),
        remedy=f"m = unihub.load({handle!r}, signature={signature.name!r})  # takes it as it is",
    )


def _outputs(
    signature: Signature, outputs: Names, handle: str, batch: Optional[int]
) -> Dict[str, str]:
    known = signature.outputs
    by_row = [n for n, info in known.items() if _is_by_row(info, batch) and kind_of(info.dtype)]
    if isinstance(outputs, Mapping):
        wanted = {column: name for name, column in outputs.items()}
    else:
        names = [outputs] if isinstance(outputs, str) else list(outputs or by_row)
        wanted = {name: name for name in names}
    call = f"unihub.Predictor({handle!r}"
    for name in list(wanted.values()) or list(known)[:1]:
        if name not in known:
            raise _unknown_output(name, signature, handle)
        if not _is_by_row(known[name], batch):
            remedy = f"m = unihub.load({handle!r}, signature={signature.name!r})  # gives it whole"
            raise NotByRow(
                name=name,
                signature=signature.name,
                handle=handle,
                found=str(known[name]),
                remedy=f"{call}, outputs={by_row!r})" if by_row else remedy,
            )
        _check_dtype(name, known[name], signature, handle)
    return wanted


def _is_by_row(info: TensorInfo, batch: Optional[int]) -> bool:
    """Whether an output has as many rows as go in: any number, or that of a batch."""
    if info.kind != DENSE or info.shape == ():
        return False
    return info.shape is None or info.shape[0] in (None, batch)


def _check_dtype(name: str, info: TensorInfo, signature: Signature, handle: str) -> None:
    if not kind_of(info.dtype):
        reason = f"arrays of NumPy hold no {info.dtype}."
        remedy = f"m = unihub.load({handle!r}, signature={signature.name!r})  # takes it as it is"
        raise NoColumnType(name=name, handle=handle, found=str(info), reason=reason, remedy=remedy)


def _unknown_output(name: str, signature: Signature, handle: str) -> Exception:
    # Few are misspelt.
    from unihub.formats.not_there import UnknownOutputKey

    names: List[str] = list(signature.outputs)
    call = f"unihub.Predictor({handle!r}, signature={signature.name!r}"
    return UnknownOutputKey(
        model=f"signature {signature.name!r} of {handle}",
        wanted=name,
        found=listed(names),
        remedy=f"{call}, outputs=[{nearest(name, names)!r}])",
    )
