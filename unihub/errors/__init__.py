"""The base of all errors, and how one reads."""

from __future__ import annotations

from unihub.errors.base import MatrixRefusal as MatrixRefusal
from unihub.errors.base import Message as Message
from unihub.errors.base import NotEvident as NotEvident
from unihub.errors.base import UnihubError as UnihubError
from unihub.errors.base import UnknownChoice as UnknownChoice
from unihub.errors.base import check_choice as check_choice
from unihub.errors.base import counted as counted
from unihub.errors.base import first_line as first_line
from unihub.errors.base import in_template as in_template
from unihub.errors.base import listed as listed
from unihub.errors.base import nearest as nearest
from unihub.errors.base import path_text as path_text
from unihub.errors.base import printable as printable
from unihub.errors.base import size as size
from unihub.errors.base import warn as warn
