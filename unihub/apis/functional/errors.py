"""Errors where a model is made a pure function, or is called as one."""

from __future__ import annotations

from unihub.errors import UnihubError


class NotLifted(UnihubError, ValueError, NotImplementedError):
    """A call does something that cannot be an argument or a result."""

    code = "functional-not-lifted"
    what = "{handle} cannot be called as a pure function."
    why = "its graph has {found}."
    do = "m = unihub.load({handle!r})  # called from TensorFlow, or by tf.data: data.map(m)"


class FunctionalNotHere(UnihubError, NotImplementedError):
    """This TensorFlow is too old, or in graph mode."""

    code = "functional-not-here"
    what = "unihub.functional cannot make a pure function of {handle} here."
    why = (
        "it needs TensorFlow 2.15 or newer, and eager execution. "
        "(found: TensorFlow {version}, {mode})"
    )
    do = "{remedy}"


class GradientNotSaved(UnihubError, LookupError, ValueError):
    """A gradient is asked for that the model's author wrote, and did not save."""

    code = "functional-gradient-not-saved"
    what = "{handle} cannot be differentiated: it has a gradient of its own, which was not saved."
    why = (
        "its author gave the op {op} another gradient than that of its ops; TensorFlow refuses "
        "it as well."
    )
    do = (
        "options = tf.saved_model.SaveOptions(experimental_custom_gradients=True); "
        "tf.saved_model.save(model, path, options=options)  # where the model is made"
    )


class WrongWeights(UnihubError, ValueError, KeyError):
    """The weights or the state that a pure function is called with are not its own."""

    code = "functional-wrong-weights"
    what = "{argument}[{name!r}] does not fit {handle}."
    why = "it takes {accepted}, and was given {found}."
    do = "f, weights, state = unihub.functional({handle!r}); f(weights, state, inputs, seed)"


class WrongSeed(UnihubError, ValueError, TypeError):
    """A seed is neither an integer nor two."""

    code = "functional-wrong-seed"
    what = "the seed {found} is none that {handle} takes."
    why = "a seed is an integer of {bits} bits, or two of them; equal ones give equal results."
    do = "f(weights, state, inputs, seed=1)"


class CutTo32Bits(UnihubError, ValueError, OverflowError):
    """JAX would cut off bits of what a model computes with."""

    code = "functional-64-bits"
    what = "{handle} computes with {name} in {dtype}, of which JAX keeps 32 bits."
    why = "it has 64 only where it is told so; another number would be another result, unseen."
    do = "jax.config.update('jax_enable_x64', True)  # first of all"


class NotCompiled(UnihubError, ValueError, NotImplementedError):
    """XLA compiles no strings, tables and the like."""

    code = "functional-not-compiled"
    what = "{handle} cannot be called on {backend}'s arrays."
    why = "no such array or compiled function holds {found}."
    do = "m = unihub.load({handle!r}); data = data.map(m)  # in tf.data, before the model"


class OtherDevice(UnihubError, ValueError, RuntimeError):
    """A tensor of PyTorch is on a device that TensorFlow has not."""

    code = "functional-other-device"
    what = "{handle} was called with a tensor on the device {device}."
    why = "its functions are TensorFlow's, which computes here on: {devices}."
    do = "model.to('cpu')  # and what it is called with: inputs = inputs.to('cpu')"
