"""pyarrow, which an extra brings."""

from __future__ import annotations

from typing import Any

from unihub.errors import UnihubError


class PyarrowNeeded(UnihubError, ImportError):
    """Files of rows are read and written by pyarrow, which is not installed."""

    code = "pyarrow-needed"
    what = "rows are read from files and written to files by pyarrow, which is not installed here."
    why = "{reason}"
    do = 'pip install "unihub[predict]"'


def pyarrow() -> Any:
    """The package, with its readers and writers.

    Raises:
        PyarrowNeeded: it is not installed.
    """
    try:
        import pyarrow as found
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise PyarrowNeeded(reason=str(error)) from error
    return found
