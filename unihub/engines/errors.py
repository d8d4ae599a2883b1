"""Errors between columns and a signature."""

from __future__ import annotations

from unihub.errors import UnihubError


class BadRow(UnihubError, ValueError):
    """A row does not fit the signature."""

    code = "bad-row"
    what = "row {row} of column {column!r} is no {accepted}."
    why = "{reason}"
    do = "unihub.Predictor({handle!r}, on_bad='null')  # nulls in its place, counted in .bad_rows"


class NoSuchColumn(UnihubError, KeyError, ValueError):
    """An input of the signature has no column."""

    code = "no-such-column"
    what = "there is no column for the input {name!r} of {handle}."
    why = "the columns are {columns}, and the signature {signature!r} takes {accepted}."
    do = "unihub.Predictor({handle!r}, inputs={inputs!r})"

    # KeyError shows the repr of its argument.
    __str__ = UnihubError.__str__


class NoSuchInput(UnihubError, KeyError, ValueError):
    """Inputs were named that a signature does not have."""

    code = "no-such-input"
    what = "the signature {signature!r} of {handle} has no input {name!r}."
    why = "it takes {accepted}."
    do = "unihub.Predictor({handle!r}, signature={signature!r}, inputs={better!r})"

    # KeyError shows the repr of its argument.
    __str__ = UnihubError.__str__


class NoSignatureToPredict(UnihubError, ValueError):
    """A model has no default signature, by which columns could be told."""

    code = "no-signature-to-predict"
    what = "{handle} has no default signature, whose inputs could be columns."
    why = "a call of the object itself has no names for them. (signatures: {found})"
    do = "{remedy}"


class NotByRow(UnihubError, ValueError):
    """An input or output is not one value for each row."""

    code = "not-by-row"
    what = "{name!r} of the signature {signature!r} of {handle} is not by row: {found}."
    why = "a Predictor cuts columns into batches along the first axis, and joins them along it."
    do = "{remedy}"


class ColumnsNotAlike(UnihubError, ValueError):
    """The columns have different numbers of rows."""

    code = "columns-not-alike"
    what = "the columns are not of one length."
    why = "{found}"
    do = "predictor({{name: column[:{shortest}] for name, column in columns.items()}})"


class NotColumns(UnihubError, TypeError):
    """The value that a Predictor is called with has no columns."""

    code = "not-columns"
    what = "what was given has no columns: {found}."
    why = "a Predictor takes a dict of arrays, a pyarrow RecordBatch or Table, or a pandas frame."
    do = "predictor({{{name!r}: column}})"


class NoInferenceArguments(UnihubError, ValueError):
    """RunInference was given arguments that a signature does not take."""

    code = "no-inference-arguments"
    what = "inference_args were given: {given}."
    why = "a signature takes its inputs and nothing else; they are in the elements."
    do = "RunInference(model_handler)  # with a dict by the inputs' names for each element"


class NoColumnType(UnihubError, ValueError):
    """An input or output has no type as a column."""

    code = "no-column-type"
    what = "{name!r} of {handle} has no type as a column: {found}."
    why = "{reason}"
    do = "{remedy}"


class WrongColumnCount(UnihubError, ValueError):
    """Columns were given, too many or too few for the inputs."""

    code = "wrong-column-count"
    what = "{given} columns were given, and the signature takes {wanted}."
    why = "its inputs are, in this order: {names}."
    do = "{line}"
