"""Caches, archives and models for the tests of sources."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

import unihub
from unihub.errors import UnihubError
from unihub.settings import OPTIONS

# Enough of a model to be stored; no test here loads it.
FILES = {
    "saved_model.pb": b"model",
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": b"data",
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An own cache, no setting from outside, and no cache of another program."""
    for option in OPTIONS:
        for variable in option.variables:
            monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UNIHUB_TFHUB_CACHE", str(tmp_path / "tfhub"))
    monkeypatch.setenv("UNIHUB_KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    monkeypatch.setenv("UNIHUB_RETRIES", "0")
    monkeypatch.setenv("UNIHUB_PROGRESS", "off")
    return tmp_path / "cache"


def refused(code, handle, builtin=OSError, **kwargs):
    """The error by which a handle is not resolved; with a function for a handle, its error."""
    with pytest.raises(UnihubError) as raised:
        handle() if callable(handle) else unihub.resolve(handle, **kwargs)
    assert raised.value.code == code
    assert isinstance(raised.value, builtin)
    return raised.value


def tar_gz(files=FILES, folder=""):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(folder + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def zipped(files=FILES, folder=""):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(folder + name, data)
    return content.getvalue()


def tree(folder):
    """Every file of a folder, as FILES has them."""
    from pathlib import Path

    folder = Path(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write(folder, files=FILES):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
