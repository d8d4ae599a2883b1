"""What the tests of handles share: a server, a cache, the path of a download."""

from __future__ import annotations

import pytest
from handles.places import cache
from handles.server import Server

__all__ = ["cache"]


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture
def partial(tmp_path):
    return str(tmp_path / "partial")
