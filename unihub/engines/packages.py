"""Packages of others that extras bring."""

from __future__ import annotations

from typing import Any

from unihub.errors import UnihubError


class PackageNeeded(UnihubError, ImportError):
    """A package is not installed that an extra of unihub brings."""

    code = "package-needed"
    what = "{package} is needed for this, and cannot be imported here."
    why = "{reason}"
    do = 'pip install "unihub[{extra}]"'


def pyarrow() -> Any:
    """The package, with its readers and writers.

    Raises:
        PackageNeeded: it is not installed.
    """
    try:
        import pyarrow as found
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise PackageNeeded(package="pyarrow", extra="predict", reason=str(error)) from error
    return found
