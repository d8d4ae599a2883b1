"""The hashes that a server promises in its headers, and those of the bytes that came."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO, Callable, Dict, Iterable, Mapping, Optional, Tuple

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Digest:
    """A promise: the hash of the whole file, and the header that makes it."""

    algorithm: str
    value: bytes
    header: str


@dataclass(frozen=True)
class _Header:
    name: str
    algorithms: Mapping[str, str]
    of_the_message: bool = False  # so that it tells nothing of the file in a 206


_GOOGLE = {"md5": "md5", "crc32c": "crc32c"}
_REGISTERED = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5"}
_HEADERS = (
    _Header("X-Goog-Hash", _GOOGLE),
    _Header("Repr-Digest", _REGISTERED),
    _Header("Digest", _REGISTERED),
    _Header("Content-Digest", _REGISTERED, of_the_message=True),
    _Header("Content-MD5", {"": "md5"}, of_the_message=True),
)
_LENGTHS = {"md5": 16, "crc32c": 4, "sha256": 32, "sha512": 64}


def promised(headers: Mapping[str, str], whole: bool) -> Tuple[Digest, ...]:
    """The hashes of the file that an answer's headers state and this process can compute.

    Args:
        headers: of the answer; their names in any case.
        whole: whether the answer holds the whole file (200, not 206).
    """
    found = []
    for header in _HEADERS:
        if header.of_the_message and not whole:
            continue
        if header.name == "X-Goog-Hash" and not _is_of_the_bytes_sent(headers):
            continue
        for name, text in _members(headers.get(header.name, ""), bare="" in header.algorithms):
            algorithm = header.algorithms.get(name, "")
            value = _decoded(text)
            if len(value) == _LENGTHS.get(algorithm) and _maker(algorithm) is not None:
                found.append(Digest(algorithm, value, header.name))
    return tuple(found)


def _is_of_the_bytes_sent(headers: Mapping[str, str]) -> bool:
    """Google Cloud Storage hashes what it stores, and may unpack it for sending."""
    stored = headers.get("X-Goog-Stored-Content-Encoding", "identity")
    return stored == headers.get("Content-Encoding", "identity")


def _members(text: str, bare: bool) -> Iterable[Tuple[str, str]]:
    """(name, base64) of each member of a list such as ``md5=…==, sha-256=:…=:``."""
    for member in text.split(","):
        name, _, value = ("", "", member) if bare else member.partition("=")
        yield name.strip().lower(), value.strip().strip(":")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _maker(algorithm: str) -> Optional[Callable[[], Any]]:
    """The maker of a hash, None where there is none: FIPS has no md5, and crc32c is optional."""
    if algorithm == "crc32c":
        return _crc32c()
    try:
        getattr(hashlib, algorithm)()
    except ValueError:
        return None
    maker: Callable[[], Any] = getattr(hashlib, algorithm)
    return maker


@functools.lru_cache(maxsize=None)
def _crc32c() -> Optional[Callable[[], Any]]:
    if find_spec("google_crc32c") is None:
        return None
    with warnings.catch_warnings():
        # It warns of its fallback in Python, which is slower than a network: not used.
        warnings.simplefilter("ignore", RuntimeWarning)
        import google_crc32c  # type: ignore[import-not-found,import-untyped,unused-ignore]
    return google_crc32c.Checksum if google_crc32c.implementation == "c" else None


class Hashes:
    """The hashes of a growing file, of the algorithms asked for so far."""

    def __init__(self) -> None:
        self.size = 0
        self._states: Dict[str, Any] = {}

    def cover(self, algorithms: Iterable[str], file: BinaryIO, size: int) -> None:
        """Makes the hashes those of the first ``size`` bytes of ``file``, read only if needed."""
        wanted = set(algorithms) | {"sha256"}
        if self.size == size and wanted <= set(self._states):
            return
        makers = {name: _maker(name) for name in wanted}
        self._states = {name: maker() for name, maker in makers.items() if maker is not None}
        self.size = 0
        file.seek(0)
        while self.size < size:
            chunk = file.read(min(_CHUNK, size - self.size))
            if not chunk:
                raise EOFError(f"{size - self.size} bytes are missing")
            self.update(chunk)

    def update(self, data: bytes) -> None:
        for state in self._states.values():
            state.update(data)
        self.size += len(data)

    def value(self, algorithm: str) -> bytes:
        value: bytes = self._states[algorithm].digest()
        return value
