"""How a Keras layer is called: with inputs, and whether they are for training."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

from unihub.apis.input_lines import Call
from unihub.apis.keras.errors import handle_text, layer_call

_TAKEN = ("training", "mask")


def layer_as_called(handle: Any, model: str, keras: str, ops: str = "tf") -> Call:
    """How messages name the call of a layer.

    Args:
        handle: of the layer.
        model: what it calls, in words.
        keras, ops: see `Call`.
    """
    layer = layer_call(handle)
    # Of an object it is the object itself.
    outside = layer.replace("KerasLayer", "load", 1) + ")"
    if layer == layer_call(handle_text(object)):
        outside = "handle"
    return Call(model, name="layer", ops=ops, keras=keras, layer=f"{layer})", outside=outside)


def only_training(layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Dict[str, Any]:
    """The keywords of a call, which has no more than inputs and ``training``.

    Args:
        layer: that is called.
        args, kwargs: beside the inputs.

    Raises:
        WrongArguments: for any other.
    """
    strange = [name for name in kwargs if name not in _TAKEN]
    is_training = len(args) == 1 and "training" not in kwargs and _is_flag(args[0])
    if not strange and (not args or is_training):
        return {**kwargs, **({"training": args[0]} if args else {})}
    # Most calls are taken.
    from unihub.apis.refused import WrongArguments, plain
    from unihub.apis.traces import parameters_of
    from unihub.errors import nearest

    fix, problem = "layer(x)", f"{1 + len(args)} are given by position"
    if strange:
        name, problem = strange[0], f"{strange[0]!r} is unknown"
        taken = parameters_of(layer._callable)
        choices = [] if taken is None else [*taken.names, *taken.keywords]
        name = nearest(name, ["", *choices])
        if name == "training":
            # It is the layer's own: its arguments do not say it.
            fix = f"layer(x, training={kwargs[strange[0]]!r})"
        elif name and plain(kwargs[strange[0]]):
            value = kwargs[strange[0]]
            fix = (
                f"layer = {layer_call(layer._handle)}, arguments={{{name!r}: {value!r}}}); layer(x)"
            )
    model = f"the layer of {handle_text(layer._handle)}"
    raise WrongArguments(model=model, problem=problem, accepted="inputs, training=None", fix=fix)


def _is_flag(value: Any) -> bool:
    return value is None or not hasattr(value, "shape") or value.shape == ()
