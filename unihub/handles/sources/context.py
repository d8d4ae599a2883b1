"""Beside its handle, what every source is given."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Optional, Union

from unihub.errors import UnihubError
from unihub.handles.archive.members import Caps
from unihub.handles.cache.cache import Cache
from unihub.handles.download.progress import Progress
from unihub.handles.download.retrying import Limits
from unihub.handles.kinds import Handle
from unihub.settings import Settings


class NotCached(UnihubError, FileNotFoundError):
    """The model is not in the cache, and there is to be no download."""

    code = "not-cached"
    what = "{handle} is not in the cache, and unihub is offline."
    why = "{setting} forbids downloads. (looked in: {looked})"
    do = (
        "on a machine with a network: UNIHUB_CACHE=models unihub fetch {quoted_handle}\n"
        "then copy the folder models here, and: export UNIHUB_CACHE=path/to/models"
    )


class HashOfFolder(UnihubError, ValueError):
    """sha256= was given for a model that comes in no archive."""

    code = "hash-of-folder"
    what = "{handle} cannot be checked against sha256=."
    why = "that is the hash of one file, an archive, and this handle is {found}."
    do = "{remedy}"


@dataclass(frozen=True)
class Context:
    """One call of `resolve`.

    Attributes:
        text: the handle as it was given.
        settings: as they were when the call began.
        cache: where models are stored.
        sha256: that the archive must have, in lower case; None for any.
        progress: what is told of bytes and waits.
    """

    text: str
    settings: Settings
    cache: Cache
    sha256: Optional[str] = None
    progress: Progress = Progress()  # noqa: RUF009  (it keeps nothing)

    @property
    def caps(self) -> Caps:
        """Where extraction stops."""
        return Caps(
            extracted_bytes=self.settings.max_extracted_bytes,
            ratio=self.settings.max_ratio,
            members=self.settings.max_members,
            header_bytes=self.settings.max_header_bytes,
        )

    @property
    def limits(self) -> Limits:
        """The most that a download may cost."""
        verify: Union[bool, str] = self.settings.verify_certificates
        return Limits(
            connect_timeout=self.settings.connect_timeout,
            read_timeout=self.settings.read_timeout,
            retries=self.settings.retries,
            max_redirects=self.settings.max_redirects,
            max_bytes=self.settings.max_download_bytes,
            verify=(self.settings.ca_bundle or True) if verify else False,
            proxies=self.settings.proxies,
        )

    def showing(self, progress: Progress) -> Context:
        """The same call, with somebody who watches."""
        return replace(self, progress=progress)


def not_cached(handle: Handle, context: Context, setting: str) -> NotCached:
    """The error for a model that is to be downloaded, and must not be.

    Args:
        setting: that forbids it.
    """
    return NotCached(
        handle=handle.shown,
        quoted_handle=shlex.quote(handle.shown),
        setting=setting,
        looked=context.cache.root,
    )
