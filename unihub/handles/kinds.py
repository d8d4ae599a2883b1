"""The kinds of handle, each a frozen value whose text is a handle again.

`kind` is what it is, for people; `shown` its text without secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Union

from unihub.errors.redaction import redacted, shown

HUGGING_FACE = "https://huggingface.co"


class _Remote:
    @property
    def shown(self) -> str:
        """The handle without what may be secret in it."""
        return redacted(str(self))


@dataclass(frozen=True)
class _AtPath:
    path: str

    def __str__(self) -> str:
        return self.path

    @property
    def shown(self) -> str:
        """The path, unless it is a URL that was taken for one."""
        return shown(self.path)


class LocalFolder(_AtPath):
    """A path of this machine; whether there is a model is for its reader to say."""

    kind = "a folder of this machine"


class LocalArchive(_AtPath):
    """An archive file of this machine."""

    kind = "an archive of this machine"


@dataclass(frozen=True)
class _AtUrl(_Remote):
    url: str

    def __str__(self) -> str:
        return self.url


class HttpArchive(_AtUrl):
    """The URL of an archive."""

    kind = "an archive by HTTP"


class TfhubModel(_AtUrl):
    """A URL that answers in TF Hub's hosting protocol."""

    kind = "a model by TF Hub's hosting protocol"


@dataclass(frozen=True)
class KaggleModel(_Remote):
    """A variation of a model on Kaggle; version None is the newest there is."""

    kind: ClassVar[str] = "a model of Kaggle"

    owner: str
    model: str
    framework: str
    variation: str
    version: Optional[int] = None

    @property
    def path(self) -> str:
        """The handle in kagglehub's spelling."""
        parts = [self.owner, self.model, self.framework, self.variation]
        return "/".join(parts + ([str(self.version)] if self.version else []))

    def __str__(self) -> str:
        return "kaggle://" + self.path


@dataclass(frozen=True)
class HuggingFaceModel(_Remote):
    """A model of Hugging Face, or one in a folder of it.

    Attributes:
        revision: a branch, tag or commit; None is the default branch.
        folder: that the model lies in; "" for where there is but one.
    """

    kind: ClassVar[str] = "a model of Hugging Face"

    owner: str
    name: str
    revision: Optional[str] = None
    folder: str = ""

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def page(self) -> str:
        """The address of its page, for people."""
        return f"{HUGGING_FACE}/{self.repository}"

    @property
    def shown(self) -> str:
        """The handle as it is: none of its parts is secret, and its @ is no password's."""
        return str(self)

    def __str__(self) -> str:
        revision = f"@{self.revision.replace('/', '%2F')}" if self.revision else ""
        return f"hf://{self.repository}{revision}/{self.folder}".rstrip("/")


@dataclass(frozen=True)
class _InBucket(_Remote):
    bucket: str
    path: str

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.path}".rstrip("/")


class GcsFolder(_InBucket):
    """A folder in a bucket of Google Cloud Storage."""

    kind = "a folder in a bucket of Google Cloud Storage"


class GcsArchive(_InBucket):
    """An archive in a bucket of Google Cloud Storage."""

    kind = "an archive in a bucket of Google Cloud Storage"


class GfileFolder(_AtUrl):
    """A folder of a file system that TensorFlow may be able to read."""

    kind = "a folder of another file system"


class GfileArchive(_AtUrl):
    """An archive in a file system that TensorFlow may be able to read."""

    kind = "an archive of another file system"


@dataclass(frozen=True)
class CustomHandle(_Remote):
    """A handle that a registered resolver takes."""

    kind: ClassVar[str] = "a handle of a registered resolver"

    text: str

    def __str__(self) -> str:
        return self.text


Handle = Union[
    LocalFolder,
    LocalArchive,
    HttpArchive,
    TfhubModel,
    KaggleModel,
    HuggingFaceModel,
    GcsFolder,
    GcsArchive,
    GfileFolder,
    GfileArchive,
    CustomHandle,
]
