"""A zoo of archives, byte by byte: those that tarfile and zipfile would not write, too."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import Dict

BLOCK = 512
END = bytes(2 * BLOCK)
USTAR, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)

MODEL = {
    "saved_model.pb": b"graph" * 200,
    "variables/variables.index": b"",
    "variables/variables.data-00000-of-00001": bytes(range(256)) * 3,
    "assets/..hidden": b"x",
}


def header(
    name,
    size=0,
    type=b"0",
    link=b"",
    magic=USTAR,
    prefix=b"",
    size_field=None,
    checksum=None,
):
    """A tar header block; the checksum is right unless one is given."""
    block = bytearray(BLOCK)
    block[0 : len(name)] = name
    block[100:108] = b"0006755\0"
    block[124:136] = size_field if size_field is not None else b"%011o\0" % size
    block[136:148] = b"%011o\0" % 86400
    block[148:156] = b" " * 8
    block[156:157] = type
    block[157 : 157 + len(link)] = link
    block[257:265] = magic
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b"%06o\0 " % (sum(block) if checksum is None else checksum)
    return bytes(block)


def padded(content):
    return content + bytes(-len(content) % BLOCK)


def member(name, content=b"", **fields):
    return header(name, len(content), **fields) + padded(content)


def tar(*members):
    return b"".join(members) + END


def pax(records, type=b"x"):
    content = b"".join(pax_record(key, value) for key, value in records)
    return member(b"PaxHeaders/x", content, type=type)


def pax_record(key, value):
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length += 1
    return b"%d" % length + rest


def gnu_long(name, type=b"L"):
    return member(b"././@LongLink", name + b"\0", type=type, magic=GNU)


def model_tar(files=MODEL, format=tarfile.USTAR_FORMAT, end=END):
    """A tar of regular files by tarfile, with no padding beyond its end-of-archive marker."""
    file = io.BytesIO()
    with tarfile.open(mode="w", fileobj=file, format=format) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        length = archive.offset
    return file.getvalue()[:length] + end


def compressed(content):
    file = io.BytesIO()
    with gzip.GzipFile(mode="wb", fileobj=file, mtime=0) as archive:
        archive.write(content)
    return file.getvalue()


def zipped(files=MODEL, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def zip64():
    """As zipfile writes it for large files and many of them, with its limits lowered."""
    limits = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = 10, 1
    try:
        return zipped()
    finally:
        zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = limits


def zip_member(name, content=b"x", **attributes):
    """A zip of one member, with attributes of ZipInfo that writestr() keeps."""
    file = io.BytesIO()
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    for key, value in attributes.items():
        setattr(info, key, value)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(info, content)
    return file.getvalue()


def zip_mode(kind):
    return zip_member("x", b"/etc/passwd", create_system=3, external_attr=(kind | 0o777) << 16)


def patched(archive, old, new, count=-1):
    assert old in archive and len(old) == len(new)
    return archive.replace(old, new, count)


def overlapping_zip():
    """Two entries of one directory for the same bytes, as overlap bombs have them."""
    archive = zipped({"a": b"a" * 99, "b": b"b" * 99}, zipfile.ZIP_STORED)
    start = archive.index(b"PK\1\2")
    second = archive.index(b"PK\1\2", start + 1)
    entry = archive[start:second]
    return archive[:second] + entry + archive[archive.index(b"PK\5\6") :]


def long_lying_zip():
    """A member that inflates to more than both of its headers say."""
    archive = zipped({"a": b"a" * 4096})
    return patched(archive, (4096).to_bytes(4, "little"), (4000).to_bytes(4, "little"))


def two_names(first, second):
    return tar(member(first, b"1"), member(second, b"2"))


def deflated_zeros(size):
    """Zeros that unpack to much more than they are, made without packing them all."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    mebibyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return mebibyte * (size >> 20)


def gzip_bomb(size):
    """The beginning of a .tar.gz whose one member is ``size`` zeros."""
    start = header(b"zeros", size, size_field=b"\x80" + size.to_bytes(11, "big"))
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + head + deflated_zeros(size)


@dataclass(frozen=True)
class Refused:
    """An archive, and the code and a part of the message that it has to meet with."""

    archive: bytes
    code: str
    says: str


def _unsafe(archive, says):
    return Refused(archive, "unsafe-archive", says)


def _damaged(archive, says):
    return Refused(archive, "damaged-archive", says)


_WHOLE = model_tar()
_GZ = compressed(_WHOLE)

TARS: Dict[str, Refused] = {
    "dot-dot": _unsafe(tar(member(b"../x", b"1")), "with '..'"),
    "dot-dot-inside": _unsafe(tar(member(b"a/../x", b"1")), "with '..'"),
    "dot-dot-last": _unsafe(tar(member(b"a/..", type=b"5")), "with '..'"),
    "dot-dot-by-pax": _unsafe(tar(pax([(b"path", b"../x")]), member(b"x")), "with '..'"),
    "dot-dot-by-gnu": _unsafe(tar(gnu_long(b"../x"), member(b"x")), "with '..'"),
    "dot-dot-by-prefix": _unsafe(tar(member(b"x", prefix=b"..")), "with '..'"),
    "absolute": _unsafe(tar(member(b"/etc/x", b"1")), "absolute"),
    "drive": _unsafe(tar(member(b"C:x", b"1")), "drive"),
    "backslash": _unsafe(tar(member(b"a\\..\\x", b"1")), "backslash"),
    "nul": _unsafe(tar(pax([(b"path", b"a\0b")]), member(b"x")), "control"),
    "newline": _unsafe(tar(member(b"a\nb")), "control"),
    "not-utf-8": _unsafe(tar(member(b"caf\xe9")), "not UTF-8"),
    "no-name": _unsafe(tar(member(b"", b"1")), "no name"),
    "file-named-dot": _unsafe(tar(member(b"./.", b"1")), "names the folder itself"),
    "long-name": _unsafe(tar(gnu_long(b"x" * 256), member(b"x")), "over 255"),
    "long-path": _unsafe(tar(gnu_long(b"xyz/" * 300), member(b"x")), "over 1024"),
    "symlink": _unsafe(tar(member(b"x", type=b"2", link=b"/etc")), "symbolic link to '/etc'"),
    "hardlink": _unsafe(tar(member(b"x", type=b"1", link=b"../y")), "hard link to '../y'"),
    "character-device": _unsafe(tar(member(b"x", type=b"3")), "character device"),
    "block-device": _unsafe(tar(member(b"x", type=b"4")), "block device"),
    "fifo": _unsafe(tar(member(b"x", type=b"6")), "named pipe"),
    "sparse-gnu": _unsafe(tar(member(b"x", type=b"S", magic=GNU)), "sparse"),
    "sparse-pax-0.0": _unsafe(tar(pax([(b"GNU.sparse.size", b"9")]), member(b"x")), "sparse"),
    "sparse-pax-1.0": _unsafe(tar(pax([(b"GNU.sparse.major", b"1")]), member(b"x")), "sparse"),
    "sparse-star": _unsafe(tar(pax([(b"SCHILY.realsize", b"9")]), member(b"x")), "sparse"),
    "multi-volume": _unsafe(tar(member(b"x", type=b"M")), "unknown type"),
    "global-path": _unsafe(tar(pax([(b"path", b"y")], type=b"g"), member(b"x")), "every member"),
    "folder-with-content": _unsafe(tar(member(b"x", b"1", type=b"5")), "folder with 1 bytes"),
    "twice": _unsafe(two_names(b"x", b"x"), "twice, with other content"),
    "twice-spelt-apart": _unsafe(two_names(b"x", b"./x"), "twice"),
    "case": _unsafe(two_names(b"readme", b"README"), "differs from 'readme'"),
    "case-of-folder": _unsafe(two_names(b"Assets/a", b"assets/b"), "differs from 'Assets'"),
    "case-beyond-ascii": _unsafe(two_names("straße".encode(), b"STRASSE"), "differs from 'straße'"),
    "unicode-form": _unsafe(two_names("é".encode(), "e\u0301".encode()), "differs from 'é'"),
    "file-then-folder": _unsafe(two_names(b"x", b"x/y"), "both a file and a folder"),
    "folder-then-file": _unsafe(two_names(b"x/y", b"x"), "both a file and a folder"),
    "no-end": _damaged(model_tar(end=b""), "end-of-archive"),
    "half-an-end": _damaged(model_tar(end=bytes(BLOCK)), "end-of-archive"),
    "lone-zero-block": _damaged(
        member(b"x") + bytes(BLOCK) + member(b"y") + END, "other bytes follow"
    ),
    "second-archive": _damaged(_WHOLE + _WHOLE, "other bytes follow"),
    "garbage": _damaged(_WHOLE + b"x" * BLOCK, "other bytes follow"),
    "odd-length": _damaged(_WHOLE + bytes(100), "middle of a block"),
    "checksum": _damaged(_WHOLE[: 3 * BLOCK] + tar(header(b"x", checksum=1)), "checksum"),
    "negative-size": _damaged(tar(header(b"x", size_field=b"\xff" * 12)), "no valid size"),
    "size-in-other-digits": _damaged(tar(header(b"x", size_field=b"-0000000001\0")), "no valid"),
    "huge-size": Refused(
        tar(header(b"x", size_field=b"\x80" + b"\x7f" * 11)), "archive-too-large", "bytes"
    ),
    "pax-without-member": _damaged(tar(pax([(b"path", b"y")])), "without its member"),
    "pax-length": _damaged(tar(member(b"p", b"99 path=x\n", type=b"x")), "keyword=value"),
    "pax-length-zero": _damaged(tar(member(b"p", b"0 path=x\n", type=b"x")), "keyword=value"),
    "pax-twice": _damaged(tar(pax([(b"path", b"y")] * 2), member(b"x")), "twice"),
    "pax-size": _damaged(tar(pax([(b"size", b"-1")]), member(b"x")), "has the size"),
    "two-long-names": _damaged(tar(gnu_long(b"a"), gnu_long(b"b"), member(b"x")), "two extended"),
    "no-files": Refused(tar(member(b"a/", type=b"5")), "empty-archive", "no file"),
    "only-an-end": Refused(END, "empty-archive", "no file"),
}

GZIPS: Dict[str, Refused] = {
    "gzip-garbage": _damaged(_GZ + b"garbage", "follow its gzip data"),
    "gzip-padding-then-garbage": _damaged(_GZ + bytes(100) + b"x", "follow its gzip data"),
    "gzip-padding-then-gzip": _damaged(_GZ + bytes(100) + _GZ, "follow its gzip data"),
    "gzip-crc": _damaged(_GZ[:-8] + bytes(4) + _GZ[-4:], "incorrect data check"),
    "gzip-length": _damaged(_GZ[:-4] + bytes(4), "incorrect length check"),
    "gzip-second-cut": _damaged(_GZ + compressed(b"")[:-1], "ends too early"),
    "gzip-of-nothing": Refused(compressed(b""), "empty-archive", "0 bytes"),
    "gzip-of-text": Refused(compressed(b"hello"), "not-an-archive", "b'hello': no tar archive"),
    "gzip-in-crumbs": _damaged(compressed(b"") * 1100, "1001 streams"),
    "gzip-of-zip": Refused(compressed(zipped()), "not-an-archive", "PK\\x03\\x04"),
    "gzip-tar-after-end": _damaged(compressed(_WHOLE) + compressed(_WHOLE), "end-of-archive"),
}

_STORED = zipped({"a": b"content"}, zipfile.ZIP_STORED)

ZIPS: Dict[str, Refused] = {
    "zip-dot-dot": _unsafe(zip_member("../x"), "with '..'"),
    "zip-absolute": _unsafe(zip_member("/x"), "absolute"),
    "zip-backslash": _unsafe(zip_member("a\\x"), "backslash"),
    "zip-drive": _unsafe(zip_member("c:x"), "drive"),
    "zip-nul": _unsafe(patched(zip_member("aXb"), b"aXb", b"a\0b"), "control"),
    "zip-not-utf-8": _unsafe(patched(zip_member("aXb"), b"aXb", b"a\xffb"), "not UTF-8"),
    "zip-symlink": _unsafe(zip_mode(stat.S_IFLNK), "symbolic link"),
    "zip-fifo": _unsafe(zip_mode(stat.S_IFIFO), "named pipe"),
    "zip-device": _unsafe(zip_mode(stat.S_IFCHR), "character device"),
    "zip-folder-mode": _unsafe(zip_mode(stat.S_IFDIR), "by its mode or its name"),
    "zip-case": _unsafe(zipped({"a": b"1", "A": b"2"}), "differs from 'a'"),
    "zip-twice": _unsafe(patched(zipped({"aa": b"1", "ab": b"2"}), b"ab", b"aa"), "twice"),
    "zip-overlap": _unsafe(overlapping_zip(), "shares its bytes"),
    "zip-folder-with-content": _unsafe(
        patched(zip_member("aX"), b"aX", b"a/"), "folder with 1 bytes"
    ),
    "zip-lies-short": _damaged(long_lying_zip(), "over 4000 bytes"),
    "zip-crc": _damaged(patched(_STORED, b"content", b"c0ntent"), "CRC"),
    "zip-local-name": _damaged(patched(_STORED, b"\0\0a", b"\0\0b", 1), "another header"),
    "zip64-no-end": _damaged(patched(zip64(), b"PK\6\6", b"PK\6\0"), "zip64 end-of-directory"),
    "zip64-no-locator": _damaged(patched(zip64(), b"PK\6\7", b"PK\6\0"), "its directory is not at"),
    "zip-no-end": _damaged(_STORED[:-1], "end is missing"),
    "zip-prefixed": _damaged(
        _STORED[:-22].replace(b"PK\1\2", b"xPK\1\2") + _STORED[-22:], "not at"
    ),
    "zip-empty": Refused(zipped({}), "empty-archive", "no file"),
    "zip-encrypted": Refused(
        patched(_STORED, b"PK\1\2\x14\x03\x14\0\0", b"PK\1\2\x14\x03\x14\0\1"),
        "archive-not-supported",
        "encrypted",
    ),
    "zip-bzip2": Refused(zipped(compression=zipfile.ZIP_BZIP2), "archive-not-supported", "12"),
}

OTHERS: Dict[str, Refused] = {
    "nothing": Refused(b"", "empty-archive", "0 bytes"),
    "html": Refused(b"\n<!DOCTYPE html><html>", "not-an-archive", "web page"),
    "json": Refused(b'{"error": 404}', "not-an-archive", "JSON"),
    "lfs": Refused(b"version https://git-lfs.github.com", "not-an-archive", "LFS"),
    "hdf5": Refused(b"\x89HDF\r\n\x1a\n", "not-an-archive", "HDF5"),
    "text": Refused(b"hello" * 200, "not-an-archive", "none of"),
    "xz": Refused(b"\xfd7zXZ\0" + bytes(600), "archive-not-supported", "an xz file"),
    "bzip2": Refused(b"BZh91AY" + bytes(600), "archive-not-supported", "a bzip2 file"),
}

ZOO = {**TARS, **GZIPS, **ZIPS, **OTHERS}

# Unusual and whole: what each holds.
HARMLESS = {
    "dot-slash": (tar(member(b"./", type=b"5"), member(b"./a", b"1")), {"a": b"1"}),
    "no-folder-entries": (tar(member(b"a/b/c", b"1")), {"a/b/c": b"1"}),
    "late-folder-entry": (tar(member(b"a/b", b"1"), member(b"a/", type=b"5")), {"a/b": b"1"}),
    "file-twice": (
        tar(member(b"a", b"1"), member(b"b"), member(b"./a", b"1")),
        {"a": b"1", "b": b""},
    ),
    "zip-file-twice": (patched(zipped({"aa": b"1", "ab": b"1"}), b"ab", b"aa"), {"aa": b"1"}),
    "folder-twice": (tar(*[member(b"a", type=b"5")] * 2, member(b"a/b")), {"a/b": b""}),
    "hidden": (tar(member(b"..hidden", b"1"), member(b".x", b"2")), {"..hidden": b"1", ".x": b"2"}),
    "double-slash": (tar(member(b"a//b/./c", b"1")), {"a/b/c": b"1"}),
    "zero-length": (tar(member(b"a")), {"a": b""}),
    "version-7": (tar(member(b"a", b"1", magic=V7, type=b"\0")), {"a": b"1"}),
    "version-7-folder": (
        tar(member(b"a/", magic=V7, type=b"\0"), member(b"a/b", magic=V7)),
        {"a/b": b""},
    ),
    "contiguous": (tar(member(b"a", b"1", type=b"7")), {"a": b"1"}),
    "base-256-size": (
        tar(header(b"a", size_field=b"\x80" + (3).to_bytes(11, "big")) + padded(b"123")),
        {"a": b"123"},
    ),
    "gnu-times-are-no-prefix": (tar(member(b"a", b"1", magic=GNU, prefix=b"123")), {"a": b"1"}),
    "prefix": (tar(member(b"b", b"1", prefix=b"a")), {"a/b": b"1"}),
    "git-archive": (tar(pax([(b"comment", b"0123")], type=b"g"), member(b"a")), {"a": b""}),
    "pax-size": (
        tar(pax([(b"size", b"3"), (b"path", "ä".encode())]), header(b"x", 0) + padded(b"123")),
        {"ä": b"123"},
    ),
    "record-padding": (tar(member(b"a", b"1")) + bytes(10240), {"a": b"1"}),
    "gzip-in-pieces": (compressed(_WHOLE[:700]) + compressed(_WHOLE[700:]), MODEL),
    "gzip-padding": (_GZ + bytes(1000), MODEL),
    "zip": (zipped(), MODEL),
    "zip64": (zip64(), MODEL),
    "zip-stored": (zipped(compression=zipfile.ZIP_STORED), MODEL),
    "zip-folder-entries": (zipped({"a/": b"", "a/b": b"1"}), {"a/b": b"1"}),
}
