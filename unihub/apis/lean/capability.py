"""Whether this TensorFlow is one in which the fast way works."""

from __future__ import annotations

import functools
import importlib
import logging

import tensorflow as tf

# Those that the tests of unihub run on.
_TESTED = ("2.15", "2.21")

_log = logging.getLogger("unihub.fast")


@functools.lru_cache(maxsize=None)
def is_capable() -> bool:
    """Whether this TensorFlow has what the fast way needs, and it works there.

    A TensorFlow that unihub is not tested on is tried with a tiny model, once in
    a process.
    """
    try:
        importlib.import_module("unihub.apis.lean.private")
    except (ImportError, AttributeError) as error:
        _log.debug("TensorFlow %s lacks what the fast way needs: %s", tf.__version__, error)
        return False
    if ".".join(tf.__version__.split(".")[:2]) in _TESTED:
        return True
    from unihub.apis.lean.trial import trial_failure

    failure = trial_failure()
    if failure:
        _log.debug("the fast way fails in TensorFlow %s: %s", tf.__version__, failure)
    return not failure
