"""The list of a cached model's files: written once beside it, compared at every use."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from unihub.errors import UnihubError
from unihub.handles.cache.storage import is_trusted, objection

MANIFEST = "manifest.json"
MODEL = "model"
FORMAT = 1

_BLOCK = 1 << 20
_MANIFEST_MODE = 0o644
_FILE_SYSTEM_LITTER = (".nfs", ".fuse_hidden", ".DS_Store")

# What `rehashed_once` has found sound, and the state of its files then.
_sound: Dict[Entry, Tuple[Any, ...]] = {}


@dataclass(frozen=True)
class StoredFile:
    """A file of a model.

    Attributes:
        path: relative to the model's folder, with "/".
        size: in bytes.
        sha256: of its content, in hex.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Facts:
    """Facts about a model that was just fetched.

    Attributes:
        url: where it came from, without secrets.
        sha256: of the archive it came in, in hex; None without one.
        etag: that the server gave the archive.
        version: that a handle without one was resolved to.
        files: those extracted, with ``path``, ``size`` and ``sha256``; when None,
            the files are found and hashed on disk.
    """

    url: str = ""
    sha256: Optional[str] = None
    etag: Optional[str] = None
    version: Optional[str] = None
    files: Optional[Sequence[Any]] = None


@dataclass(frozen=True)
class Entry:
    """A complete model in the cache.

    Attributes:
        key: its name in the cache.
        handle: that it was stored for, without secrets.
        path: the model's folder.
        files: of the model, by path.
        url, sha256, etag, version: see `Facts`.
        created: when it was stored, in seconds since the epoch.
    """

    key: str
    handle: str
    path: str
    files: Tuple[StoredFile, ...]
    url: str
    sha256: Optional[str]
    etag: Optional[str]
    version: Optional[str]
    created: float

    @property
    def folder(self) -> str:
        """The folder that holds the model's and the manifest."""
        return os.path.dirname(self.path)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Damage:
    """A difference between a cached model and its manifest.

    Attributes:
        path: of the file, relative to the entry's folder.
        what: is wrong with it, as the rest of a sentence.
    """

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path} {self.what}"


def walk(model: str) -> Iterator[Tuple[str, os.stat_result]]:
    """Every file in a folder, and what is neither file nor folder: its relative path and lstat."""
    todo = [(model, "")]
    while todo:
        folder, prefix = todo.pop()
        with os.scandir(folder) as found:
            for item in found:
                status = item.stat(follow_symlinks=False)
                path = prefix + item.name
                if stat.S_ISDIR(status.st_mode):
                    _require_trusted(item.path, status)
                    todo.append((item.path, path + "/"))
                else:
                    yield path, status


def compared(model: str, files: Sequence[Any]) -> Tuple[Damage, ...]:
    """The differences between a folder and the files it should hold, by size.

    Raises:
        CacheOwnedByAnother, CacheNotPrivate: when others can change it.
    """
    expected = {file.path: file.size for file in files}
    damage: List[Damage] = []
    _require_trusted(model, os.stat(model))
    for path, status in walk(model):
        if path not in expected and _is_litter(path):
            continue
        if not stat.S_ISREG(status.st_mode):
            damage.append(Damage(f"{MODEL}/{path}", f"is {_kind(status.st_mode)}, no file"))
            expected.pop(path, None)
            continue
        if not is_trusted(status):
            _require_trusted(os.path.join(model, path), status)
        size = expected.pop(path, None)
        if size is None:
            damage.append(Damage(f"{MODEL}/{path}", "does not belong to it"))
        elif size != status.st_size:
            damage.append(
                Damage(f"{MODEL}/{path}", f"has {status.st_size} bytes and should have {size}")
            )
    damage.extend(
        Damage(f"{MODEL}/{path}", f"is missing ({size} bytes)") for path, size in expected.items()
    )
    return tuple(sorted(damage, key=str))


def examined(folder: str, key: str) -> Tuple[Optional[Entry], Tuple[Damage, ...]]:
    """Reads an entry's manifest and compares it with the sizes of the files.

    Returns:
        The entry, or None when its manifest cannot be read; and the damage found.
    """
    try:
        with open(os.path.join(folder, MANIFEST), "rb") as file:
            _require_trusted(file.name, os.fstat(file.fileno()))
            content = file.read()
    except FileNotFoundError:
        return None, (Damage(MANIFEST, "is missing"),)
    except (NotADirectoryError, IsADirectoryError) as error:
        return None, (Damage(MANIFEST, f"cannot be read: {error.strerror}"),)
    entry, problem = _parsed(content, folder, key)
    if entry is None:
        return None, (Damage(MANIFEST, problem),)
    try:
        return entry, compared(entry.path, entry.files)
    except (FileNotFoundError, NotADirectoryError) as error:
        return entry, (Damage(MODEL, f"is no folder: {error.strerror}"),)


def rehashed(entry: Entry) -> Tuple[Damage, ...]:
    """As `examined`, by every file's content."""
    found, damage = examined(entry.folder, entry.key)
    if damage or found is None:
        return damage
    return tuple(
        Damage(f"{MODEL}/{file.path}", f"has the SHA-256 {actual} and should have {file.sha256}")
        for file, actual in ((file, sha256_of(entry.path, file.path)) for file in found.files)
        if actual != file.sha256
    )


def rehashed_once(entry: Entry) -> Tuple[Damage, ...]:
    """As `rehashed`, unless this process has found the very same files sound before."""
    state = tuple(
        (path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        for path, status in walk(entry.path)
    )
    if _sound.get(entry) == state:
        return ()
    damage = rehashed(entry)
    if not damage:
        _sound[entry] = state
    return damage


def written(folder: str, key: str, handle: str, facts: Facts, created: float) -> Entry:
    """Writes the manifest of the model in ``folder``, whose files are `compared` already."""
    model = os.path.join(folder, MODEL)
    files = facts.files if facts.files is not None else _hashed(model)
    entry = Entry(
        key=key,
        handle=handle,
        path=model,
        files=tuple(
            StoredFile(file.path, file.size, file.sha256)
            for file in sorted(files, key=lambda file: str(file.path))
        ),
        url=facts.url,
        sha256=facts.sha256,
        etag=facts.etag,
        version=facts.version,
        created=created,
    )
    content = {"format": FORMAT, **asdict(entry)}
    del content["path"]
    descriptor = os.open(os.path.join(folder, MANIFEST), os.O_WRONLY | os.O_CREAT, _MANIFEST_MODE)
    with open(descriptor, "w", encoding="ascii") as file:
        json.dump(content, file, indent=1)
    return entry


def sha256_of(model: str, path: str) -> str:
    """The SHA-256 of a file of a model, in hex."""
    digest = hashlib.sha256()
    with open(os.path.join(model, path), "rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def _hashed(model: str) -> List[StoredFile]:
    return [
        StoredFile(path, status.st_size, sha256_of(model, path))
        for path, status in walk(model)
        if not _is_litter(path)
    ]


def _is_litter(path: str) -> bool:
    """Whether a file system or a file manager may have put it there by itself."""
    return path.rpartition("/")[2].startswith(_FILE_SYSTEM_LITTER)


def _parsed(content: bytes, folder: str, key: str) -> Tuple[Optional[Entry], str]:
    try:
        values = json.loads(content)
        if values.pop("format") != FORMAT:
            return None, f"is of another format than {FORMAT}, which this unihub reads"
        if values["key"] != key:
            return None, f"is that of another entry: {values['key']!r}"
        values["files"] = tuple(_stored(file) for file in values["files"])
        return _typed(Entry(path=os.path.join(folder, MODEL), **values)), ""
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return None, f"cannot be understood: {type(error).__name__}: {error}"


def _stored(values: Mapping[str, Any]) -> StoredFile:
    file = StoredFile(**values)
    if not (type(file.path) is type(file.sha256) is str and type(file.size) is int):
        raise TypeError(f"the file {file.path!r}")
    return file


_TEXT = (str,)
_OPTIONAL_TEXT = (str, type(None))
_TYPES = {
    "handle": _TEXT,
    "url": _TEXT,
    "sha256": _OPTIONAL_TEXT,
    "etag": _OPTIONAL_TEXT,
    "version": _OPTIONAL_TEXT,
    "created": (float, int),
}


def _typed(entry: Entry) -> Entry:
    for name, types in _TYPES.items():
        if type(getattr(entry, name)) not in types:
            raise TypeError(name)
    return entry


def _require_trusted(path: str, status: os.stat_result) -> None:
    refusal: Optional[UnihubError] = objection(path, status)
    if refusal:
        raise refusal


_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")
