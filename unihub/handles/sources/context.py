"""Beside its handle, what every source is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Union

from unihub.errors import UnihubError
from unihub.handles.archive.members import Caps
from unihub.handles.cache.cache import Cache
from unihub.handles.download.progress import Progress
from unihub.handles.download.retrying import Limits
from unihub.settings import Settings


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
        """What a download may cost."""
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
