"""Where a pure function is made, and where it says why not."""

from __future__ import annotations

import tensorflow as tf
from conftest import MODELS
from golden import check_golden

import unihub
from unihub.apis.functional.errors import FunctionalNotHere


def test_graph_mode_has_no_pure_functions(graph):
    path = str(MODELS / "tf2_reusable")
    try:
        unihub.functional(path)
    except FunctionalNotHere as error:
        check_golden(error.code, str(error), path=path, version=tf.__version__)
    else:
        raise AssertionError("it was made")
