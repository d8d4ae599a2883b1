"""A loaded signature that takes arrays and gives arrays, eagerly or in a graph of its own."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import numpy as np
import tensorflow as tf

from unihub.apis.arrival import Sent, loaded
from unihub.apis.module.initialize import initialize
from unihub.dispatch.load import load
from unihub.formats.model import Signature, TensorInfo
from unihub.matrix.values import Runtime
from unihub.runtime import current_runtime

Run = Callable[[Mapping[str, Any]], Dict[str, Any]]


def runner(sent: Sent, signature: Signature) -> Run:
    """Loads a signature in this process.

    Args:
        sent: what tells the model, with the choices of its load.
        signature: that is called.

    Returns:
        A function of arrays by name, to arrays by name.
    """
    if current_runtime() is Runtime.TF2:
        model = loaded(sent, load)

        def run(arrays: Mapping[str, Any]) -> Dict[str, Any]:
            inputs = {
                name: tf.constant(arrays[name], info.dtype)
                for name, info in signature.inputs.items()
            }
            return {name: output.numpy() for name, output in model(**inputs).items()}

        return run
    return _in_graph(sent, signature)


def _in_graph(sent: Sent, signature: Signature) -> Run:
    with tf.Graph().as_default() as graph:
        inputs = {
            name: tf.compat.v1.placeholder(info.dtype, info.shape)
            for name, info in signature.inputs.items()
        }
        outputs = dict(loaded(sent, load)(inputs))
        session = tf.compat.v1.Session(graph=graph)
        initialize(session)

    def run(arrays: Mapping[str, Any]) -> Dict[str, Any]:
        feeds = {inputs[name]: array for name, array in arrays.items()}
        found: Dict[str, Any] = session.run(outputs, feeds)
        return found

    return run


def image_decoder(info: TensorInfo, resize: Any) -> Optional[Callable[[bytes], Any]]:
    """The function that decodes images for an input.

    Args:
        info: of the input.
        resize: whether to the input's size; or a size.

    Returns:
        None for an input that takes no images: those have rows of height, width and channels.
        Values of floats are from 0 to 1.
    """
    shape = info.shape
    if shape is None or len(shape) != 4 or info.dtype == "string":
        return None
    size: Optional[Tuple[int, int]] = None
    if resize is True and shape[1] is not None and shape[2] is not None:
        size = (shape[1], shape[2])
    elif resize and resize is not True:
        size = (int(resize[0]), int(resize[1]))
    dtype = tf.as_dtype(info.dtype)

    def build(data: Any) -> Any:
        image = tf.image.decode_image(data, channels=shape[3] or 0, expand_animations=False)
        if dtype.is_floating:
            image = tf.image.convert_image_dtype(image, tf.float32)
        if size is not None:
            image = tf.compat.v1.image.resize(image, size, align_corners=False)
            if not dtype.is_floating:
                image = tf.round(image)
        return tf.cast(image, dtype)

    if current_runtime() is Runtime.TF2:
        # Of five ops, each small.
        decode = tf.function(build, input_signature=[tf.TensorSpec([], tf.string)])
        return lambda data: decode(tf.constant(data)).numpy()
    with tf.Graph().as_default() as graph:
        place = tf.compat.v1.placeholder(tf.string, [])
        image = build(place)
        session = tf.compat.v1.Session(graph=graph)
    return lambda data: np.asarray(session.run(image, {place: data}))
