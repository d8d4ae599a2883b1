"""The kinds of handle, each a frozen value whose text is a handle again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union


@dataclass(frozen=True)
class LocalFolder:
    """A path of this machine; whether there is a model is for its reader to say."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class LocalArchive:
    """An archive file of this machine."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class HttpArchive:
    """The URL of an archive."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class TfhubModel:
    """A URL that answers in TF Hub's hosting protocol."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class KaggleModel:
    """A variation of a model on Kaggle; version None is the newest there is."""

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
class GcsFolder:
    """A folder in a bucket of Google Cloud Storage."""

    bucket: str
    path: str

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.path}".rstrip("/")


@dataclass(frozen=True)
class GcsArchive:
    """An archive in a bucket of Google Cloud Storage."""

    bucket: str
    path: str

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.path}"


@dataclass(frozen=True)
class GfileFolder:
    """A folder of a file system that TensorFlow may be able to read."""

    uri: str

    def __str__(self) -> str:
        return self.uri


@dataclass(frozen=True)
class GfileArchive:
    """An archive in a file system that TensorFlow may be able to read."""

    uri: str

    def __str__(self) -> str:
        return self.uri


@dataclass(frozen=True)
class CustomHandle:
    """A handle that a registered resolver takes."""

    text: str

    def __str__(self) -> str:
        return self.text


Handle = Union[
    LocalFolder,
    LocalArchive,
    HttpArchive,
    TfhubModel,
    KaggleModel,
    GcsFolder,
    GcsArchive,
    GfileFolder,
    GfileArchive,
    CustomHandle,
]
