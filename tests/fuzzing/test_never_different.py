"""Random programs on random models give by default what they give with fast=False."""

from __future__ import annotations

import pytest
from conftest import MANY
from hypothesis import HealthCheck, example, given, note, settings

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from fuzzing.comparing import Count, differences
from fuzzing.programs import HEAD, Program, programs

# In each run of the tests the same ones in the same order, for a minute; `nox -s fuzz` has
# others, and more.
EXAMPLES, LONGEST, SECONDS = (MANY, 40, float("inf")) if MANY else (60, 16, 60.0)
COUNT = Count()

AFTER_A_FAILED_CALL = f"""{HEAD}
model = tf.Module()
model.v = tf.Variable(tf.ones([4, 4]))
model.__call__ = tf.function(lambda x: x @ model.v)
model.__call__.get_concrete_function(tf.TensorSpec(None))
tf.saved_model.save(model, PATH)
"""
CLASS_OF_SIGNATURES = f"""{HEAD}
model = tf.Module()
f = tf.function(lambda x: {{"y": x * 2.0}}).get_concrete_function(tf.TensorSpec([None, 4]))
tf.saved_model.save(model, PATH, signatures=f)
"""
# A gradient's bits depend on whether there was a trace before.
GIVEN_BY_NAME = f"""{HEAD}
model = tf.Module()
model.v = tf.Variable(tf.cos(tf.reshape(tf.linspace(-1.0, 1.0, 16), [4, 4])))
@tf.function
def call(x, power=2, *, shift=None):
    y = tf.stop_gradient(x) * x
    y = (tf.nn.softmax(y) + tf.math.erf(y)) * x
    for i in tf.range(3):
        y = y * 0.9 + tf.cast(i, tf.float32)
    y = (y @ model.v) ** power + shift
    return [y, {{'z': x}}]
model.__call__ = call
spec = tf.TensorSpec([None, 4])
call.get_concrete_function(spec, power=3, shift=spec)
tf.saved_model.save(model, PATH)
"""
SECOND_ORDER = """with tf.GradientTape() as s:
    s.watch(X)
    with tf.GradientTape() as t: t.watch(X); y = total(m(X, power=3, shift=X))
    g = t.gradient(y, X)
out(s.gradient(g, X))"""
NO_LOSSES = f"""{HEAD}
model = tf.train.Checkpoint(v=tf.Variable(2.0))
call = tf.function(lambda x, training=False: x * model.v)
for training in (True, False):
    call.get_concrete_function(tf.TensorSpec([None, 4]), training=training)
model.__call__ = call
model.variables = model.trainable_variables = [model.v]
model.regularization_losses = []
tf.saved_model.save(model, PATH, signatures=call.get_concrete_function(
    tf.TensorSpec([None, 4]), training=False))
"""
# Calls of an unknown size leave TensorFlow a trace that takes any.
TWO_ROWS = f"""{HEAD}
model = tf.Module()
model.v = tf.Variable(tf.cos(tf.reshape(tf.linspace(-1.0, 1.0, 16), [4, 4])))
model.__call__ = tf.function(lambda x, training=False: {{"out": x @ model.v}})
for training in (True, False):
    model.__call__.get_concrete_function(tf.TensorSpec([2, 4]), training=training)
tf.saved_model.save(model, PATH)
"""
WITH_A_TAPE, OF_ANY_SIZE, OF_THREE, OF_THREE_WITH_A_TAPE = (
    "with tf.GradientTape() as t: t.watch(X); y = total(m(X))\nout(t.gradient(y, X))",
    "s = stacked(m); out(s(X))",
    "out(m(np.ones([3, 4], 'f4')))",
    (
        "x = tf.ones([3, 4])\nwith tf.GradientTape() as t: t.watch(x); y = total(m(x))\n"
        "out(t.gradient(y, x))"
    ),
)
THREE_ROWS = (
    ("m = layer(PATH)", WITH_A_TAPE, OF_ANY_SIZE, OF_THREE),
    ("m = layer(PATH)", OF_ANY_SIZE, OF_THREE_WITH_A_TAPE),
    ("m = layer(PATH)", OF_ANY_SIZE, WITH_A_TAPE, OF_THREE_WITH_A_TAPE),
)
LOAD_TRAINED = "m = load(PATH, op='fine_tuning', api='load')"


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(programs(longest=LONGEST))
@example(
    Program(
        AFTER_A_FAILED_CALL,
        (("m = load(PATH)", "m(1.5)", "out(tf.function(plain(lambda: m(X)))())"),),
    )
)
@example(
    Program(GIVEN_BY_NAME, (("m = load(PATH)", "out(m(x=X, power=3, shift=X))", SECOND_ORDER),))
)
@example(Program(NO_LOSSES, ((LOAD_TRAINED, "out([loss() for loss in m.regularization_losses])"),)))
@example(Program(TWO_ROWS, THREE_ROWS))
@example(
    Program(CLASS_OF_SIGNATURES, (("m = load(PATH)", "out(m(X))", "out(m.__class__.__name__)"),))
)
def test_a_program_gives_the_same(program: Program) -> None:
    # What fails is tried again, to be reduced, however late it is.
    if COUNT.seconds > SECONDS and not COUNT.found:
        return
    note(str(program))
    assert differences(program, COUNT) == []


def test_what_was_compared(record_property) -> None:
    """Most of it was lean, or the test above says little."""
    record_property("compared", str(COUNT))
    print(COUNT)
    if COUNT.models:
        assert COUNT.lean > COUNT.lines / 4
        assert COUNT.refused < COUNT.models / 4
