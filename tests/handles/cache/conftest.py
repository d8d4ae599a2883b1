"""What the tests of the cache share."""

from __future__ import annotations

import pytest

from unihub.handles.cache.cache import Cache


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def cache(root):
    return Cache(str(root))
