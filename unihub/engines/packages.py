"""Packages of others that extras bring."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from unihub.errors import UnihubError


class PackageNeeded(UnihubError, ImportError):
    """A package is not installed that an extra of unihub brings."""

    code = "package-needed"
    what = "{package} is needed for this, and cannot be imported here."
    why = "{reason}"
    do = 'pip install "unihub[{extra}]"'


@contextmanager
def needed(package: str, extra: str) -> Iterator[None]:
    """Imports a package, or says which extra brings it.

    Raises:
        PackageNeeded: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise PackageNeeded(package=package, extra=extra, reason=str(error)) from error


def pyarrow() -> Any:
    """The package, with its readers and writers.

    Raises:
        PackageNeeded: it is not installed.
    """
    with needed("pyarrow", extra="predict"):
        import pyarrow as found
        import pyarrow.csv
        import pyarrow.parquet
    return found
