"""Additions in graph mode to an object that tf.saved_model.load gives."""

from __future__ import annotations

import os
import shlex
from typing import Any

import tensorflow as tf

from unihub.apis.failures import CheckpointCut
from unihub.errors import UnihubError, listed
from unihub.formats.files import CHECKPOINT
from unihub.inspection.checkpoint import read_checkpoint

_RESTORING_COLLECTION = "saved_model_initializers"


class ReferenceVariables(UnihubError, NotImplementedError):
    """TensorFlow 1.15 loads reference variables that nothing can initialise."""

    code = "reference-variables"
    what = "TensorFlow {version} cannot use {handle} by api='load' in graph mode."
    why = (
        "its reference variables end up inside of functions, where no session "
        "initialises them. (found: {names})"
    )
    do = "unihub.load({handle!r}, api='module')"


def check_weights(handle: str, folder: str) -> None:
    """Makes sure that weights are there, which a session reads only when it initialises them.

    Raises:
        CheckpointCut: when a file of them is shorter than their index says.
    """
    prefix = os.path.join(folder, CHECKPOINT)
    found = read_checkpoint(prefix)
    if found is not None and found.damage:
        variables = shlex.quote(os.path.dirname(prefix))
        raise CheckpointCut(handle=handle, reason=found.damage, folder=variables)


def offer_initializers(handle: str, loaded: Any) -> None:
    """Makes tables_initializer() restore what no variables_initializer() reaches.

    In graph mode the reference variables of a TF1 graph stay inside of the
    loaded functions. TensorFlow 2 collects an op that restores them, under a
    name that no script knows; 1.15 keeps their values for one call only.
    """
    graph = getattr(loaded, "graph", None)
    if graph is None:
        return
    v1 = tf.compat.v1
    inside = [
        variable
        for variable in graph.get_collection(v1.GraphKeys.GLOBAL_VARIABLES)
        if variable.graph is graph
    ]
    if not inside:
        return
    restoring = v1.get_collection(_RESTORING_COLLECTION)
    if not restoring:
        names = listed(variable.op.name for variable in inside)
        raise ReferenceVariables(version=tf.__version__, handle=handle, names=names)
    known = v1.get_collection(v1.GraphKeys.TABLE_INITIALIZERS)
    for tensor in restoring:
        if tensor.op not in known:
            v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, tensor.op)
