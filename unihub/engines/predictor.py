"""A model over columns: a value that is pickled, and loads in the process that calls it."""

from __future__ import annotations

import os
import threading
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from unihub.apis.arrival import Sent, sent
from unihub.engines.cells import Bad, array_of
from unihub.engines.chosen import Chosen, Names, chosen
from unihub.engines.errors import BadRow, NotByRow
from unihub.engines.frames import Result, columns_of, pieced
from unihub.errors import check_choice, path_text
from unihub.errors.arguments import wrong_type
from unihub.errors.redaction import shown
from unihub.formats.selection import Tags
from unihub.handles import resolving

if TYPE_CHECKING:
    # Python 3.7 has none.
    from typing import Literal

# Of the arrays that a column of images becomes at a time.
_MOST_BYTES = 64 << 20


class Predictor:
    """A signature of a model, called with columns of any number of rows.

    It holds no TensorFlow until it is called, and is pickled as what it was made with and the
    identity of the model's content: each process that calls it loads the model, once, with
    weights that all processes of a machine share. Rows are cut into batches, cast to the
    signature's dtypes, and the results joined.

    Columns are a dict of NumPy arrays or lists, a pyarrow RecordBatch or Table, or a pandas
    DataFrame; the result is of the same kind. Nested lists fill inputs of more axes, text and
    bytes inputs of strings; bytes for an input of images are decoded.

    Args:
        handle: of a model in any format, as for `unihub.load`.
        signature: its name; by default "default", "serving_default" or the only one.
        inputs: columns by the names of the inputs; by default the column of the same name,
            or the only column for the only input.
        outputs: names of the outputs, or columns by them; by default all that are by row.
        batch_size: the most rows that the model is called with at once.
        pad: True to fill the last batch up by repeating its last row, so that all batches are
            of one size; what is added is cut off again. Where the signature takes one size
            only, every batch has that, and is filled up.
        resize: True to have images resized to the input's size; or (height, width).
        on_bad: "raise" for an error that names row and column; "null" for nulls in that row
            of all outputs, counted in ``bad_rows``.
        tags: of the MetaGraph.
        sha256: of the archive that the model comes in.
        on_unsafe: as for `unihub.load`.

    Attributes:
        rows: how many have gone through, in this process.
        bad_rows: how many of them were bad.

    Raises:
        NoSignatureToPredict: none is evident.
        NotByRow: an input or output is not one value for each row.
        NoColumnType: an input or output has a dtype that arrays do not have.
        NoSuchInput, WrongColumnCount, UnknownOutputKey: ``inputs`` or ``outputs`` are others'.
        WrongType: batch_size or resize are no sizes.
        UnihubError: what `unihub.load` raises, when it is first called.

    Example:
        >>> predict = unihub.Predictor("path/to/text_embedding", batch_size=64)
        >>> predict({"sentences": ["one row", "another"]})
    """

    def __init__(
        self,
        handle: Union[str, os.PathLike[str]],
        *,
        signature: Optional[str] = None,
        inputs: Names = None,
        outputs: Names = None,
        batch_size: int = 64,
        pad: bool = False,
        resize: Union[bool, Tuple[int, int]] = False,
        on_bad: Literal["raise", "null"] = "raise",
        tags: Optional[Tags] = None,
        sha256: Optional[str] = None,
        on_unsafe: Optional[str] = None,
    ) -> None:
        line = f"unihub.Predictor({shown(path_text(handle))!r}, {{argument}}={{example!r}})"
        check_choice("on_bad", on_bad, ("raise", "null"), line)
        _check_sizes(batch_size, resize, line)
        folder = os.path.abspath(resolving.resolve(handle, sha256=sha256))
        text = path_text(handle)
        found = chosen(folder, shown(text), tags, signature, inputs, outputs)
        choices = {"signature": found.signature.name, "as_dict": True, "tags": tags}
        choices.update(sha256=sha256, on_unsafe=on_unsafe)
        self._make(
            sent(text, folder, choices),
            found,
            {"batch_size": int(batch_size), "pad": pad, "resize": resize, "on_bad": on_bad},
        )

    def _make(self, given: Sent, found: Chosen, options: Mapping[str, Any]) -> None:
        self._sent = given
        self._chosen = found
        self._options = options
        self._lock = threading.Lock()
        self._run: Any = None
        self._decoders: Dict[str, Any] = {}
        self.rows = 0
        self.bad_rows = 0

    def __reduce__(self) -> Tuple[Any, ...]:
        return _arrived, (type(self), self._sent, self._chosen, dict(self._options))

    def __repr__(self) -> str:
        return f"<unihub.Predictor of {self._sent.handle}: {self._chosen.signature}>"

    @property
    def handle(self) -> str:
        """The handle, without secrets."""
        return self._sent.handle

    @property
    def chosen(self) -> Chosen:
        """The signature, and how columns go in and come out."""
        return self._chosen

    def load(self) -> Predictor:
        """Loads the model in this process now, and not when it is first called."""
        with self._lock:
            if self._run is None:
                # TensorFlow is imported here.
                from unihub.engines.running import image_decoder, runner

                signature = self._chosen.signature
                for name, info in signature.inputs.items():
                    self._decoders[name] = image_decoder(info, self._options["resize"])
                self._run = runner(self._sent, signature)
        return self

    def __call__(self, columns: Any) -> Any:
        """Predicts all rows.

        Args:
            columns: a dict of arrays or lists, a pyarrow RecordBatch or Table, or a pandas
                DataFrame.

        Returns:
            The outputs as columns of the same kind, one row for each. Nulls are masked in a
            dict of NumPy arrays.

        Raises:
            NoSuchColumn: an input has none.
            BadRow: a row does not fit, for ``on_bad="raise"``.
            NoColumnType: pyarrow has no type for an output.
            ColumnsNotAlike, NotColumns: they are not what they should be.
        """
        given, back = columns_of(columns, next(iter(self._chosen.signature.inputs), "x"))
        if not isinstance(columns, dict) and hasattr(columns, "schema"):
            self._chosen.check_arrow()
        return back(self.predict(given))

    def predict(self, columns: Mapping[str, Any], first_row: int = 0) -> Dict[str, Result]:
        """The outputs of columns: values, dtype, shape, and where they are null.

        Args:
            columns: by name.
            first_row: number of their first row, for errors.
        """
        self.load()
        total = len(next(iter(columns.values()))) if columns else 0
        step = self._rows_at_once(total)
        pieces = [
            self._piece(
                {name: _cut(column, start, start + step) for name, column in columns.items()}
                if step < total
                else columns,
                first_row + start,
            )
            for start in range(0, max(total, 1), step)
        ]
        return {column: pieced([piece[column] for piece in pieces]) for column in pieces[0]}

    def _rows_at_once(self, total: int) -> int:
        """How many rows are arrays at the same time: images are larger then than before."""
        size = self._chosen.batch or self._options["batch_size"]
        step = total
        for name, info in self._chosen.signature.inputs.items():
            if self._decoders[name] is not None:
                sizes: List[Any] = list((info.shape or ())[1:])
                if isinstance(self._options["resize"], (list, tuple)):
                    sizes[:2] = self._options["resize"]
                # Of free sizes all rows of a call have the first one's.
                if None not in sizes:
                    rows = _MOST_BYTES // (4 * int(np.prod(sizes)) or 1)
                    step = min(step, max(1, rows // size) * size)
        return max(step, 1)

    def _piece(self, columns: Mapping[str, Any], first_row: int) -> Dict[str, Result]:
        places = self._chosen.columns_of(list(columns))
        total = len(next(iter(columns.values()))) if columns else 0
        arrays, bad = self._arrays(columns, places, total, first_row)
        self.rows += total
        self.bad_rows += len(bad)
        good = total - len(bad)
        parts = [self._batch(arrays, start, stop) for start, stop in self._cuts(good)]
        nulls = None
        if bad:
            nulls = np.zeros(total, bool)
            nulls[list(bad)] = True
        self._check_sizes_of(parts)
        return {
            column: (
                _joined([part[name] for part in parts], self._chosen.info_of(column), nulls),
                self._chosen.info_of(column).dtype,
                self._chosen.info_of(column).shape,
                nulls,
            )
            for column, name in self._chosen.outputs.items()
        }

    def _arrays(
        self, columns: Mapping[str, Any], places: Mapping[str, str], total: int, first_row: int
    ) -> Tuple[Dict[str, Any], List[int]]:
        """The good rows of each input, and which are bad in any."""
        arrays, bads = {}, {}
        for name, column in places.items():
            info = self._chosen.signature.inputs[name]
            arrays[name], bads[name] = array_of(columns[column], info, self._decoders[name])
            if bads[name] and self._options["on_bad"] == "raise":
                row = min(bads[name])
                raise BadRow(
                    row=first_row + row,
                    column=column,
                    accepted=str(info),
                    reason=bads[name][row],
                    handle=self._sent.handle,
                )
        bad = sorted({row for one in bads.values() for row in one})
        return {n: _without(a, bads[n], bad, total) for n, a in arrays.items()}, bad

    def _cuts(self, rows: int) -> Iterator[Tuple[int, int]]:
        size = self._chosen.batch or self._options["batch_size"]
        for start in range(0, rows, size):
            yield start, min(start + size, rows)

    def _batch(self, arrays: Mapping[str, Any], start: int, stop: int) -> Dict[str, Any]:
        size = self._chosen.batch or (self._options["batch_size"] if self._options["pad"] else 0)
        rows = stop - start
        added = max(0, size - rows)
        inputs = {
            name: np.concatenate([array[start:stop], np.repeat(array[stop - 1 : stop], added, 0)])
            if added
            else array[start:stop]
            for name, array in arrays.items()
        }
        outputs = self._run(inputs)
        found = {}
        for name in self._chosen.outputs.values():
            array = np.asarray(outputs[name])
            if array.shape[:1] != (rows + added,):
                said = f"{rows + added} rows went in, and its shape is {array.shape}"
                remedy = f"m = unihub.load({self._sent.handle!r})  # gives it whole"
                raise self._not_by_row(name, said, remedy)
            found[name] = array[:rows]
        return found

    def _check_sizes_of(self, parts: Sequence[Mapping[str, Any]]) -> None:
        """Raises NotByRow where a batch gives rows of another shape than the first one."""
        for name in parts[0] if parts else ():
            sizes = {part[name].shape[1:]: None for part in parts}
            if len(sizes) > 1:
                said = f"its rows have the shapes {' and '.join(map(str, sizes))} in two batches"
                first = next(iter(self._chosen.signature.inputs))
                line = f"unihub.Predictor({self._sent.handle!r})({{{first!r}: column[:1]}})"
                raise self._not_by_row(name, said, f"{line}  # a row, or rows that are alike")

    def _not_by_row(self, name: str, found: str, remedy: str) -> NotByRow:
        signature, handle = self._chosen.signature.name, self._sent.handle
        return NotByRow(name=name, signature=signature, handle=handle, found=found, remedy=remedy)


def predictor_of(model: Any, options: Mapping[str, Any]) -> Predictor:
    """A Predictor that was given, or one of a handle.

    Args:
        model: either.
        options: of the Predictor of a handle.

    Raises:
        WrongType: options were given with a Predictor, which has its own.
    """
    if not isinstance(model, Predictor):
        return Predictor(model, **options)
    for name, value in options.items():
        line = f"unihub.Predictor({model.handle!r}, {name}={value!r})  # and give that"
        raise wrong_type(f"{name}= beside a Predictor", value, "options with a handle", line)
    return model


def _check_sizes(batch_size: Any, resize: Any, line: str) -> None:
    if not _is_size(batch_size):
        example = line.format(argument="batch_size", example=64)
        raise wrong_type("batch_size=", batch_size, "a number of rows from 1 on", example)
    pair = list(resize) if isinstance(resize, (list, tuple)) else []
    if not isinstance(resize, bool) and not (len(pair) == 2 and all(map(_is_size, pair))):
        example = line.format(argument="resize", example=(224, 224))
        raise wrong_type("resize=", resize, "True, False, or height and width", example)


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value > 0)


def _arrived(kind: Any, given: Sent, found: Chosen, options: Mapping[str, Any]) -> Predictor:
    made: Predictor = kind.__new__(kind)
    made._make(given, found, options)
    return made


def _without(array: Any, own: Bad, bad: Sequence[int], total: int) -> Any:
    """The rows of an array of one input's good rows that are good in all inputs."""
    if len(own) == len(bad):
        return array
    rows = [row for row in range(total) if row not in own]
    all_bad = set(bad)
    return array[[place for place, row in enumerate(rows) if row not in all_bad]]


def _cut(column: Any, start: int, stop: int) -> Any:
    # An index of pandas may have numbers of its own.
    return (column.iloc if hasattr(column, "iloc") else column)[start:stop]


def _joined(parts: Sequence[Any], info: Any, nulls: Optional[Any]) -> Any:
    """One array of the batches' results, with room for the rows that are null."""
    if not parts:
        dtype = object if info.dtype == "string" else np.dtype(info.dtype)
        sizes = [size or 0 for size in (info.shape or ())[1:]]
        joined = np.empty([0, *sizes], dtype)
    else:
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if nulls is None:
        return joined
    whole = np.zeros([len(nulls), *joined.shape[1:]], joined.dtype)
    if joined.dtype == object:
        whole[...] = b""
    whole[~nulls] = joined
    return whole
