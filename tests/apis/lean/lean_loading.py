"""Lean loading, beside the full load, for the tests of it."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

import numpy as np
import tensorflow as tf

from unihub import formats
from unihub.apis.lean import load as fast
from unihub.apis.loading import load_saved_model
from unihub.apis.request import Request
from unihub.formats import selection
from unihub.matrix import Format, Operation


def request_for(path: Any, **choices: Any) -> Request:
    """What dispatch makes of load(path, **choices)."""
    model = formats.read_saved_model(path)
    tags = choices.pop("tags", None)
    return Request(
        handle=os.fspath(path),
        model=model,
        meta_graph=selection.choose_meta_graph(model, os.fspath(path), tags=tags),
        tags_given=tags is not None,
        operation=Operation.INFERENCE,
        **choices,
    )


class FullLoads:
    """The full load of a request, which counts how often it is called."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.count = 0

    def __call__(self, load: Callable[..., Any] = tf.compat.v1.saved_model.load_v2) -> Any:
        self.count += 1
        loaded = load(self.request.model.path, tags=list(self.request.meta_graph.tags))
        loaded._is_hub_module_v1 = self.request.model.format is Format.TF1_HUB
        return loaded


def lean_object(path: Any, **choices: Any) -> Optional[Any]:
    """The lean object of a path; None where it is left to the full load."""
    request = request_for(path, **choices)
    return fast.load_lean(request, FullLoads(request))


def counted(path: Any, **choices: Any) -> Any:
    """The lean object, and the counter of its full loads."""
    request = request_for(path, **choices)
    full = FullLoads(request)
    return fast.load_lean(request, full), full


def full_object(path: Any, **choices: Any) -> Any:
    """What load gives without the fast way."""
    return load_saved_model(request_for(path, **choices, fast=False))


def path_of(lean: Any) -> str:
    """The folder that a lean object was loaded from."""
    return lean._lean_model._source.store.files.path


def inputs_of(signature: Any, seed: int = 0) -> dict:
    """Some inputs that a signature takes: unknown sizes are 2."""
    random = np.random.RandomState(seed)
    made = {}
    for name, info in signature.inputs.items():
        shape = () if info.shape is None else info.shape
        sizes = [2 if size is None else size for size in shape]
        dtype = tf.as_dtype(info.dtype)
        if dtype == tf.string:
            made[name] = tf.constant(np.full(sizes, "seven words of text are in here now"))
        elif dtype.is_integer:
            made[name] = tf.cast(tf.constant(random.randint(0, 2, sizes)), dtype)
        elif dtype.is_bool:
            made[name] = tf.constant(random.randint(0, 2, sizes) > 0)
        else:
            made[name] = tf.cast(tf.constant(random.uniform(0.1, 1, sizes)), dtype)
    return made


def forwards(model, x):
    """The derivative of the outputs along all ones, by forward accumulation."""
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        y = model(x)
    return accumulator.jvp(y)


def second(model, x):
    """The second derivative of the squared outputs."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(model(x) ** 2)
        first = tape.gradient(y, x)
    return outer.gradient(first, x)
