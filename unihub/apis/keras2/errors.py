"""The errors of the Keras 2 layer, beside those that the layers have in common."""

from __future__ import annotations

from unihub.errors import UnihubError


class OtherKeras(UnihubError, ValueError, TypeError):
    """The input comes from Keras 3, and the layer is one of Keras 2, or the like."""

    code = "keras-layer-of-other-keras"
    what = "a KerasLayer of {own} was called on a tensor of {other}."
    why = (
        "tf_keras (Keras 2) and keras (Keras 3) do not share tensors, layers or models, "
        "and unihub.KerasLayer is a layer of what tf.keras is: {own}. (found: {found})"
    )
    do = "{remedy}"
