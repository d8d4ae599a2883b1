"""Writes an archive's members into a folder, under names that are safe anywhere."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import unicodedata
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import (
    Any,
    Callable,
    Deque,
    Dict,
    Iterable,
    List,
    NoReturn,
    Optional,
    Set,
    Tuple,
    TypeVar,
)

from unihub.handles.archive.extract_errors import ArchiveTooLarge, UnsafeArchive

_T = TypeVar("_T")

_LONGEST_NAME = 255
_LONGEST_PATH = 1024
_RATIO_JUDGED_FROM = 16 * 1024 * 1024
_WORTH_A_THREAD = 256 * 1024
_CHUNKS_AHEAD = 16

# Windows lacks some of the flags.
_CREATE = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_RELATIVE_TO_FOLDER = os.open in os.supports_dir_fd and os.mkdir in os.supports_dir_fd


@dataclass(frozen=True)
class Caps:
    """The most that an archive may make of the disk and memory.

    Attributes:
        extracted_bytes: all files together (UNIHUB_MAX_EXTRACTED_BYTES).
        ratio: unpacked to packed bytes, judged beyond 16 MiB (UNIHUB_MAX_RATIO).
        members: files and folders (UNIHUB_MAX_MEMBERS).
        header_bytes: what describes one member (UNIHUB_MAX_HEADER_BYTES).
    """

    extracted_bytes: int
    ratio: float
    members: int
    header_bytes: int


@dataclass(frozen=True)
class ExtractedFile:
    """A file that was extracted.

    Attributes:
        path: relative to the folder, with forward slashes.
        size: in bytes.
        sha256: of its content, in hexadecimal.
    """

    path: str
    size: int
    sha256: str


def check_ratio(archive: str, caps: Caps, packed: int, unpacked: int) -> None:
    """Raises ArchiveTooLarge when so many packed bytes cannot honestly hold so many."""
    if unpacked <= _RATIO_JUDGED_FROM or unpacked <= caps.ratio * packed:
        return
    ratio = unpacked / max(packed, 1)
    raise ArchiveTooLarge(
        archive=archive,
        found=f"its first {packed} bytes unpack to {unpacked}, {ratio:.0f} times as many",
        cap=f"{caps.ratio:g} times",
        setting="UNIHUB_MAX_RATIO",
        suggestion=int(2 * ratio),
    )


def check_header(archive: str, caps: Caps, size: int) -> None:
    """Raises ArchiveTooLarge when the description of one member is too long to read."""
    if size > caps.header_bytes:
        raise ArchiveTooLarge(
            archive=archive,
            found=f"the header of one member takes {size} bytes",
            cap=f"{caps.header_bytes} bytes",
            setting="UNIHUB_MAX_HEADER_BYTES",
            suggestion=size,
        )


def check_members(archive: str, caps: Caps, members: int) -> None:
    """Raises ArchiveTooLarge when there are too many files and folders."""
    if members > caps.members:
        raise ArchiveTooLarge(
            archive=archive,
            found=f"it holds at least {members} files and folders",
            cap=f"{caps.members} files and folders",
            setting="UNIHUB_MAX_MEMBERS",
            suggestion=2 * members,
        )


def decoded_name(archive: str, name: bytes) -> str:
    """A member's name as text.

    Raises:
        UnsafeArchive: when it is not UTF-8, and would be another name elsewhere.
    """
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        reason = "has a name that is not UTF-8"
        raise UnsafeArchive(
            archive=archive, member=name.decode("utf-8", "backslashreplace"), reason=reason
        ) from None


# What is wrong with a name, as the rest of the sentence "its member 'x' …".
_FAULTS: Tuple[Tuple[Callable[[str], Any], str], ...] = (
    (lambda name: not name, "has no name"),
    (lambda name: name.startswith("/"), "has an absolute path"),
    (lambda name: "\\" in name, "has a backslash in its name"),
    (re.compile(r"[A-Za-z]:").match, "starts with a drive letter"),
    (lambda name: ".." in name.split("/"), "leads out of the folder with '..'"),
    (re.compile(r"[\x00-\x1f\x7f]").search, "has a control character in its name"),
    (
        lambda name: max(map(_encoded_length, name.split("/"))) > _LONGEST_NAME,
        f"has a name of over {_LONGEST_NAME} bytes",
    ),
    (
        lambda name: _encoded_length(name) > _LONGEST_PATH,
        f"has a path of over {_LONGEST_PATH} bytes",
    ),
    (
        lambda name: not _can_be_encoded(name),
        f"cannot be named in this file system's encoding, {sys.getfilesystemencoding()}",
    ),
)


def _encoded_length(name: str) -> int:
    return len(name.encode("utf-8"))


def _can_be_encoded(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def _sha256(chunks: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _folded(path: str) -> str:
    """Equal for paths that a file system may take for one: Unicode's canonical caseless match."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


class Destination:
    """The folder that an archive is extracted into; a context manager.

    Every name passes here before anything is created, and every byte before it is written.
    """

    def __init__(self, folder: str, caps: Caps, archive: str) -> None:
        self._folder = folder
        self._caps = caps
        self._archive = archive
        self._files: Dict[str, ExtractedFile] = {}
        self._paths: Dict[str, Tuple[str, bool]] = {}
        self._folders: Set[str] = set()
        self._members = 0
        self._bytes = 0
        self._descriptor: Optional[int] = None
        self._worker = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Destination:
        if _RELATIVE_TO_FOLDER:
            self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        return self

    def __exit__(self, *raised: object) -> None:
        self._worker.shutdown()
        if self._descriptor is not None:
            os.close(self._descriptor)

    @property
    def files(self) -> Tuple[ExtractedFile, ...]:
        """The files that were written, in the archive's order."""
        return tuple(self._files.values())

    def add_folder(self, name: str) -> None:
        """Creates a folder, and those above it; one that exists is left as it is.

        Args:
            name: as the archive has it.

        Raises:
            UnsafeArchive: for a name that leads elsewhere, or that a file has.
            ArchiveTooLarge: when there are too many members.
            OSError: from the file system, unchanged.
        """
        if not self._make_folders(name, self._parts(name)):
            self._count()

    def add_file(self, name: str, size: int, chunks: Iterable[Any]) -> None:
        """Creates a file, and the folders above it; one that comes again has to be the same.

        Args:
            name: as the archive has it.
            size: in bytes, as the archive has it.
            chunks: the content, exactly so many bytes, as bytes-like objects that
                nobody changes later.

        Raises:
            UnsafeArchive: for a name that leads elsewhere, or that other content has.
            ArchiveTooLarge: when there are too many members or bytes; the file is
                then not created.
            OSError: from the file system, unchanged.
        """
        self._count()
        parts = self._parts(name)
        if not parts:
            self.refuse(name, "is a file that names the folder itself")
        self._count_bytes(name, size)
        self._make_folders(name, parts[:-1])
        path = "/".join(parts)
        if self._claim(name, path, is_folder=False):
            self._files[path] = ExtractedFile(path, size, self._write(name, path, size, chunks))
        # Archivers that are given a file twice pack it twice.
        elif self._files[path] != ExtractedFile(path, size, _sha256(chunks)):
            self.refuse(name, "is there twice, with other content")

    def refuse(self, name: str, reason: str) -> NoReturn:
        """Raises UnsafeArchive; the reason is the rest of "its member 'x' …"."""
        raise UnsafeArchive(archive=self._archive, member=name, reason=reason) from None

    def check_name(self, name: str) -> None:
        """Refuses a name that leads elsewhere, before anything of its member is there.

        Raises:
            UnsafeArchive: for such a name.
        """
        self._parts(name)

    def _parts(self, name: str) -> List[str]:
        for is_faulty, reason in _FAULTS:
            if is_faulty(name):
                self.refuse(name, reason)
        return [part for part in name.split("/") if part not in ("", ".")]

    def _make_folders(self, name: str, parts: List[str]) -> int:
        """Creates the folders that are not there yet, and returns how many they are."""
        # Of files in one deep folder, each would ask for every folder above it.
        if "/".join(parts) in self._folders:
            return 0
        made = 0
        for end in range(1, len(parts) + 1):
            path = "/".join(parts[:end])
            if self._claim(name, path, is_folder=True):
                self._count()
                self._create(name, path, lambda at: os.mkdir(at, 0o755, dir_fd=self._descriptor))
                made += 1
            self._folders.add(path)
        return made

    def _claim(self, name: str, path: str, is_folder: bool) -> bool:
        """Whether the path is new; refuses one that another kind or spelling has."""
        key = _folded(path)
        if key not in self._paths:
            self._paths[key] = (path, is_folder)
            return True
        taken, taken_is_folder = self._paths[key]
        if taken != path:
            self.refuse(name, f"differs from {taken!r} by case or Unicode form only")
        if taken_is_folder != is_folder:
            self.refuse(name, "makes one path both a file and a folder")
        return False

    def _create(self, name: str, path: str, create: Callable[[str], _T]) -> _T:
        at = path if self._descriptor is not None else os.path.join(self._folder, *path.split("/"))
        try:
            return create(at)
        except FileExistsError:
            return self.refuse(name, "has a name that this file system takes for another's")
        except OSError as error:
            # Of a path below a descriptor, it names the rest alone.
            error.filename = os.path.join(self._folder, *path.split("/"))
            raise

    def _write(self, name: str, path: str, size: int, chunks: Iterable[Any]) -> str:
        """Writes a new file, and returns its sha256."""
        descriptor = self._create(
            name, path, lambda at: os.open(at, _CREATE, 0o644, dir_fd=self._descriptor)
        )
        digest = hashlib.sha256()
        pending: Deque[Future[None]] = deque()

        def store(chunk: Any) -> None:
            digest.update(chunk)
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(descriptor, rest) :]

        try:
            # Inflating, hashing and writing release the GIL: two threads take 4/5 of one's time.
            for chunk in chunks:
                if size < _WORTH_A_THREAD:
                    store(chunk)
                    continue
                pending.append(self._worker.submit(store, chunk))
                if len(pending) > _CHUNKS_AHEAD:
                    pending.popleft().result()
            while pending:
                pending.popleft().result()
        finally:
            wait(pending)
            os.close(descriptor)
        return digest.hexdigest()

    def _count(self) -> None:
        self._members += 1
        check_members(self._archive, self._caps, self._members)

    def _count_bytes(self, name: str, size: int) -> None:
        self._bytes += size
        if self._bytes > self._caps.extracted_bytes:
            raise ArchiveTooLarge(
                archive=self._archive,
                found=f"it holds at least {self._bytes} bytes, up to its member {name!r}",
                cap=f"{self._caps.extracted_bytes} bytes",
                setting="UNIHUB_MAX_EXTRACTED_BYTES",
                suggestion=2 * self._bytes,
            )
