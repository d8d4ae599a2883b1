"""The tensorflow_hub that is installed."""

from __future__ import annotations

from functools import lru_cache

from benchmarks.measuring import python


@lru_cache(maxsize=None)
def imports_as_installed() -> bool:
    """Whether a plain ``import tensorflow_hub`` works: it needs pkg_resources."""
    try:
        python("-c", "import tensorflow_hub")()
    except RuntimeError:
        return False
    return True
