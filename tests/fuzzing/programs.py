"""Random programs: a model as source that writes it, and what is done with it when it is loaded.

Both are lines of Python, so that a program that fails can be pasted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Tuple

from hypothesis import strategies as st

from unihub.apis.keras.kerases import keras3_in_use

HEAD = "import collections, os\nimport numpy as np\nimport tensorflow as tf\n"
# Of each piece of a __call__: what it needs in the object, and its lines. `y` is of four columns.
PIECES: Tuple[Tuple[str, str], ...] = (
    ("self.kernel = tf.Variable(tf.cos(grid(4, 4)))", "y = y @ self.kernel"),
    ("self.bias = tf.Variable(tf.sin(grid(4)))", "y = y + self.bias"),
    ("self.frozen = tf.Variable(grid(4), trainable=False)", "y = y - self.frozen"),
    ("self.constant = tf.constant(np.cos(np.arange(4.)), tf.float32)", "y = y * self.constant"),
    ("", "y = y * x"),
    ("", "y = tf.tanh(y)"),
    ("", "y = tf.nn.softmax(y) + tf.math.erf(y)"),
    ("", "y = tf.where(y > 0.0, y, 0.1 * y)"),
    ("", "y = tf.concat([y[:, :2], y[:, 2:] * 2.0], 1)"),
    ("", "y = tf.stop_gradient(y) * y"),
    ("", "y = clipped(y)"),
    ("", "y = tf.einsum('ij,kj->ik', y, tf.ones([4, 4]))"),
    ("", "y = y + tf.random.stateless_uniform(tf.shape(y), [1, 2])"),
    ("", "y = y + tf.random.uniform([4], seed=7)"),
    ("", "tf.debugging.assert_less(tf.reduce_max(tf.abs(y)), 1e9)"),
    ("", "y = tf.map_fn(lambda row: row * 2.0 - 1.0, y)"),
    ("", "y = tf.scan(lambda a, b: a * 0.5 + b, y)"),
    ("", "with tf.name_scope('inside'):\n    y = tf.identity(y) / 3.0"),
    ("", "with tf.device('CPU:0'):\n    y = y * 1.5"),
    ("", "if tf.reduce_sum(y) > 0.0:\n    y = y - 1.0\nelse:\n    y = y * 2.0"),
    ("", "for i in tf.range(3):\n    y = y * 0.9 + tf.cast(i, tf.float32)"),
    ("", "y = tf.switch_case(tf.size(y) % 2, [lambda: y + 1.0, lambda: y - 1.0])"),
    ("", "y = y + tf.cast(tf.strings.length(tf.strings.as_string(y)), tf.float32)"),
    (
        "self.slope = tf.Variable(0.3)",
        "y = tf.cond(tf.reduce_mean(y) > 0.0, lambda: y * self.slope, lambda: y + self.slope)",
    ),
    (
        "self.step = tf.Variable(grid(4))",
        "y = tf.while_loop(lambda i, z: i < 2, lambda i, z: (i + 1, z + self.step), [0, y])[1]",
    ),
    (
        "self.count = tf.Variable(0.0, trainable=False)",
        "self.count.assign_add(1.0)\ny = y + self.count",
    ),
    (
        "self.mean = tf.Variable(grid(4), trainable=False)",
        (
            "if training:\n    self.mean.assign(self.mean * 0.9 + 0.1 * tf.reduce_mean(y, 0))\n"
            "y = y - self.mean"
        ),
    ),
    (
        (
            "self.gain = tf.Variable(grid(4))\n"
            "self.inner = tf.function(lambda z: z * self.gain + tf.sin(z))"
        ),
        "y = self.inner(y)",
    ),
    (
        "self.scale = tf.Variable(grid(4))",
        "y = tf.recompute_grad(lambda z: tf.sigmoid(z * self.scale))(y)",
    ),
    (
        (
            "self.table = tf.lookup.StaticHashTable(\n"
            "    tf.lookup.KeyValueTensorInitializer(['a', 'b'], [3, 5]), -1)"
        ),
        "y = y + tf.cast(self.table.lookup(tf.constant(['b'])), tf.float32)",
    ),
    (
        "self.rows = [tf.Variable(grid(4)), tf.Variable(grid(4) * 2.0)]",
        "y = y * self.rows[1] + self.rows[0]",
    ),
    (
        "self.words = tf.Variable(grid(6, 4))",
        "y = y + tf.gather(self.words, tf.cast(tf.abs(y[:, 0]) * 9.0, tf.int32) % 6)",
    ),
    (
        "self.cells = tf.Variable(grid(3, 2))",
        "y = y * tf.gather_nd(self.cells, [[0, 1], [2, 0], [1, 1], [0, 0]])",
    ),
    (
        "self.parts = {'left': tf.Variable(grid(4)), 'right': tf.Variable(1.5)}",
        "y = (y - self.parts['left']) / self.parts['right']",
    ),
)
FIRST = ("x", "inputs", "b", "y0", "Identity")
OTHERS = ("mask", "a", "Const", "noop")
RESULTS = ("y", "{'out': y, 'a': [y, y * 2.0]}", "(y, tf.reduce_sum(y))", "[y, {'z': x}]")
SPECS = ("[None, 4]", "[2, 4]", "[None, None]", "None")
MODULE = """
def grid(*sizes):
    return tf.reshape(tf.linspace(-1.0, 1.0, int(np.prod(sizes))), sizes)

@tf.custom_gradient
def clipped(z):
    return tf.identity(z), lambda dz: tf.clip_by_value(dz, -0.5, 0.5)

class Model(tf.Module):
    def __init__(self):
        super().__init__()
{attributes}

    @tf.function
    def __call__(self, {arguments}):
        x = y = tf.cast({first}, tf.float32)
{body}
        return {result}

    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def signed(self, x):
        y = x
{signed}
        return {{"signed": y}}

model = Model()
{traces}
{lists}
tf.saved_model.save(model, PATH, signatures={signatures})
"""
# What is trained by these lists, which are properties of a tf.Module.
LISTS = """
lists = list(model.variables), list(model.trainable_variables)
Model.variables = Model.trainable_variables = None
model.variables, model.trainable_variables = lists

def loss_of(v):
    return tf.function(lambda: tf.reduce_sum(v * v) * 0.1, input_signature=[])

model.regularization_losses = [loss_of(v) for v in lists[1][:2]]
"""
KERAS = """
layers = tf.keras.layers
tf.keras.utils.set_random_seed(1)
inputs = tf.keras.Input({shape}, dtype="{dtype}")
y = inputs
{body}
model = tf.keras.Model(inputs, y)
if getattr(tf.keras, '__version__', '2')[0] == '3':
    model.export(PATH, verbose=False)
else:
    model.save(PATH)
"""
LAYERS = (
    "layers.Dense(4)",
    "layers.Dense(4, 'relu', kernel_regularizer='l2')",
    "layers.BatchNormalization()",
    "layers.LayerNormalization()",
    "layers.Dropout(0.5, seed=3)",
    "layers.GaussianNoise(0.1, seed=4)",
    "layers.UnitNormalization()",
    "layers.PReLU()",
    "layers.Rescaling(0.5, 0.1)",
    "layers.Reshape([2, 2]),layers.LSTM(4)",
    "layers.Reshape([2, 2]),layers.Bidirectional(layers.GRU(2))",
    "layers.Reshape([4, 1]),layers.Conv1D(2, 3, padding='same'),layers.Flatten(),layers.Dense(4)",
    "layers.Reshape([2, 2]),layers.MultiHeadAttention(1, 2),layers.Flatten()",
)
TEXT_LAYERS = (
    "layers.TextVectorization(vocabulary=['two', 'words'], output_sequence_length=4)",
    "layers.StringLookup(vocabulary=['two', 'words'])",
)
GRAPH = """
v1 = tf.compat.v1
with tf.Graph().as_default(), v1.Session() as session:
    x = v1.placeholder(tf.float32, [None, 4], name="x")
    y = x
{body}
    session.run([v1.global_variables_initializer(), v1.tables_initializer()])
    v1.saved_model.simple_save(
        session, PATH, {{"x": x}}, {{"y": y}}, legacy_init_op=v1.tables_initializer())
"""
GRAPH_PIECES = (
    "y = y @ v1.get_variable('kernel', initializer=tf.eye(4), use_resource=True)",
    "y = y + v1.get_variable('bias', initializer=tf.range(4.0), use_resource=False)",
    "y = y / v1.get_variable('variance', initializer=tf.ones(4) * 3.0, trainable=False)",
    "y = tf.cond(tf.reduce_sum(y) > 0.0, lambda: y * 2.0, lambda: y - 1.0)",
    "y = v1.while_loop(lambda i, z: i < 2, lambda i, z: (i + 1, z * 0.5), [0, y])[1]",
    "y = y + v1.random_uniform([4], seed=5)",
    (
        "y = y + tf.cast(tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer("
        "['a'], [2]), 0).lookup(tf.constant('a')), tf.float32)"
    ),
    "y = tf.tanh(y)",
)


@dataclass(frozen=True)
class Program:
    """A model, and what is done with it.

    Attributes:
        model: source that writes it to PATH.
        sessions: of each the lines, of which the first loads `m` anew; `out` takes what is to
            be compared.
    """

    model: str
    sessions: Tuple[Tuple[str, ...], ...]

    def __str__(self) -> str:
        lines = [f"PATH = 'model'\n{self.model}"]
        for session in self.sessions:
            lines += [*session, ""]
        return "\n".join(lines)


def indented(text: str, depth: int) -> str:
    return "\n".join(" " * depth + line for line in text.split("\n"))


def subset(draw: Any, choices: Any, most: int) -> List[Any]:
    return draw(st.lists(st.sampled_from(choices), max_size=most, unique=True)) if choices else []


@st.composite
def modules(draw: Any) -> Tuple[str, List[str]]:
    """The source of a tf.Module, and lines that call it."""
    pieces = subset(draw, PIECES, 5)
    first = draw(st.sampled_from(FIRST))
    others = subset(draw, OTHERS, 2)
    body = [line for _, line in pieces]
    body += [f"y = y * {other}" for other in others]
    result = draw(st.sampled_from(RESULTS))
    # By name, by position, and in one order or the other.
    names = [first, *others]
    power = draw(st.sampled_from(("", "power=2.0", "power=2")))
    keyword = draw(st.sampled_from(("", "*, shift=None")))
    arguments = [*names, "training=False", *filter(None, (power, keyword))]
    body += ["y = y ** power"] if power else []
    body += ["if shift is not None:\n    y = y + shift"] if keyword else []
    traces, calls = [], []
    for spec in subset(draw, SPECS, 3) or [SPECS[0]]:
        rest = f", training={draw(st.sampled_from(('True', 'False', '1')))}"
        if power:
            rest += f", power={draw(st.sampled_from(('2.0', '3', 'tf.TensorSpec([])')))}"
        if keyword and draw(st.booleans()):
            rest += ", shift=tf.TensorSpec([None, 4])"
        tensors = ", ".join(f"{name}=tf.TensorSpec({spec})" for name in names)
        traces.append(f"model.__call__.get_concrete_function({tensors}{rest})")
        given = rest.replace("tf.TensorSpec([])", "3.0").replace("tf.TensorSpec([None, 4])", "X")
        # None of what a call takes by name is given by position before it.
        calls += [", ".join(f"{name}={{x}}" for name in reversed(names)) + given]
        calls += [", ".join("{x}" for name in names) + given]
    calls.append(", ".join("{x}" for name in names))
    draw_signed = subset(draw, [line for need, line in pieces if "training" not in line], 3)
    source = HEAD + MODULE.format(
        attributes=indented("\n".join(need for need, _ in pieces if need) or "pass", 8),
        arguments=", ".join(arguments),
        first=first,
        body=indented("\n".join(body) or "pass", 8),
        result=result,
        signed=indented("\n".join(draw_signed) or "pass", 8),
        traces="\n".join(traces),
        lists="",
        signatures=draw(st.sampled_from(("None", "model.signed"))),
    )
    return source, [f"m({call})" for call in calls]


@st.composite
def trained_modules(draw: Any) -> Tuple[str, List[str]]:
    """The source of a tf.Module that is made to be trained, and lines that call it."""
    pieces = [PIECES[0], *subset(draw, PIECES[1:], 4)]
    body = draw(st.permutations([line for _, line in pieces]))
    spec = draw(st.sampled_from(SPECS[:2]))
    others = draw(st.sampled_from(("", "", ", mask=None", ", gain=2.0")))
    body += [f"y = y * {others[2:6]}"] if "gain" in others else []
    traces = [
        f"model.__call__.get_concrete_function(tf.TensorSpec({spec}), training={training})"
        for training in draw(st.sampled_from(((True, False), (False, True), (False,))))
    ]
    source = HEAD + MODULE.format(
        attributes=indented("\n".join(need for need, _ in pieces if need), 8),
        arguments=f"x, training=False{others}",
        first="x",
        body=indented("\n".join(body), 8),
        result=draw(st.sampled_from(("y", "y", "{'out': y}"))),
        signed=indented("pass", 8),
        traces="\n".join(traces),
        lists=LISTS,
        signatures="model.signed",
    )
    return source, ["m({x}, training=True)", "m({x}, training=False)", "m({x})", "m({x}, True)"]


@st.composite
def keras_models(draw: Any) -> Tuple[str, List[str]]:
    """The source of a Keras model, of the Keras in use, and lines that call it."""
    text = draw(st.booleans()) and draw(st.booleans())
    lines = []
    if text:
        lines.append(draw(st.sampled_from(TEXT_LAYERS)))
        lines.append("layers.Embedding(6, 4),layers.GlobalAveragePooling1D()")
    for chosen in draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=3)):
        lines.append(chosen)
    body = []
    for line in lines:
        for layer in line.replace("),layers", ")\nlayers").split("\n"):
            body.append(f"y = {layer}({'y, y' if 'MultiHead' in layer else 'y'})")
    source = HEAD + KERAS.format(
        shape="[1]" if text else "[4]",
        dtype="string" if text else "float32",
        body="\n".join(body),
    )
    x = "T" if text else "{x}"
    return source, [f"m({x})", f"m({x}, training=False)", f"m({x}, training=True)"]


@st.composite
def graphs(draw: Any) -> Tuple[str, List[str]]:
    """The source of a SavedModel of TensorFlow 1, and lines that call it."""
    body = draw(st.lists(st.sampled_from(GRAPH_PIECES), max_size=4, unique=True))
    return HEAD + GRAPH.format(body=indented("\n".join(body) or "pass", 4)), ["m({x})", "m(x={x})"]


X = ("X", "X2", "X.numpy()", "X.numpy().tolist()", "tf.Variable(X)", "tf.cast(X, tf.float64)")
X += ("X[0]", "X[:, :3]", "tf.cast(X, tf.int32)", "X[:0]", "'text'", "1.5", "np.ones([2, 4], 'f4')")
X += ("np.ones([3, 4], 'f4')",)
# What is done with {call}, a call on X or another input.
DEEDS = (
    "for _ in range(3): out({call})",
    "out(m.signatures['serving_default'](X))",
    "out(m.signatures['serving_default'](x=X))",
    "out(sorted(m.signatures))",
    "tf.random.set_seed(5); out({call})",
    "with tf.GradientTape() as t: t.watch(X); y = total({call})\nout(t.gradient(y, X))",
    "with tf.GradientTape() as t: y = total({call})\nout(t.gradient(y, variables(m)))",
    (
        "with tf.GradientTape(persistent=True) as t: t.watch(X); y = total({call}); z = y * y\n"
        "out(t.gradient(y, X)); out(t.gradient(z, [X, *variables(m)]))"
    ),
    (
        "with tf.GradientTape() as s:\n  s.watch(X)\n  with tf.GradientTape() as t: t.watch(X); "
        "y = total({call})\n  g = t.gradient(y, X)\nout(s.gradient(g, X))"
    ),
    (
        "with tf.autodiff.ForwardAccumulator(X, tf.ones_like(X)) as a: y = total({call})\n"
        "out(a.jvp(y))"
    ),
    (
        "f = tf.recompute_grad(lambda X: total({call}))\n"
        "with tf.GradientTape() as t: t.watch(X); y = f(X)\nout(t.gradient(y, X))"
    ),
    "with tf.GradientTape() as t:\n  with t.stop_recording(): y = total({call})\nout(y)",
    "out(tf.function(plain(lambda X: {call}))(X))",
    "f = tf.function(plain(lambda: {call})); out(f()); out(f())",
    "out(list(tf.data.Dataset.from_tensors(X).map(plain(lambda X: {call}))))",
    "out(tf.map_fn(plain(lambda row: total({call}) + row[0]), X))",
    "with tf.name_scope('outer'): out({call})",
    "with tf.device('CPU:0'): out({call})",
    "with tf.Graph().as_default(): out({call})",
    "out(names(m))",
    "out([v.numpy() for v in variables(m)])",
    "variables(m)[0].assign_add(tf.ones_like(variables(m)[0])); out({call})",
    "v = variables(m); out({call}); v[-1].assign(v[-1] * 0.5); out({call})",
    "out(in_threads(lambda: {call}))",
    "tf.saved_model.save(m, COPY); out(unihub.load(COPY, fast=False)(X))",
    "out(sorted(name for name in dir(m) if not name.startswith('_')))",
    "out(hasattr(m, 'kernel')); out(hasattr(m, 'variables'))",
    "os.chdir(ELSEWHERE); out({call})",
    "out([v.numpy() for v in m.trainable_variables]); out(len(m.variables))",
    "out(len(m.__call__.concrete_functions))",
    "with tf.variable_creator_scope(lambda f, **k: f(**k)): out({call})",
    "x = tf.Variable(X)\nwith tf.GradientTape() as t: y = total({on_x})\nout(t.gradient(y, x))",
    (
        "any = [tf.TensorSpec([None, 4])]\n"
        "f = tf.function(plain(lambda x: total({on_x})), input_signature=any)\n"
        "out(f(X)); out(f(X[:1]))"
    ),
    "import copy; copy.deepcopy(m)",
    "out(m.__class__.__name__); out(callable(m))",
    "out(m.nothing_of_this_name)",
)
# What was done before is in it, whatever loaded the rest of the model since.
STATE = "out(state(m))"

# What is done with a layer that is not trained.
LAYER_DEEDS = (
    "out(m(X))",
    "out(m(X, training=True))",
    "out(m(tf.Variable(X)))",
    "out(m(np.ones([3, 4], 'f4')))",
    "out(m(X[0]))",
    "out(tf.function(plain(lambda X: m(X)))(X))",
    "out(list(tf.data.Dataset.from_tensors(X).map(plain(lambda X: m(X)))))",
    "with tf.GradientTape() as t: t.watch(X); y = total(m(X))\nout(t.gradient(y, X))",
    "with tf.GradientTape() as t: y = total(m(X))\nout(t.gradient(y, m.weights))",
    "s = stacked(m); out(s.predict(np.array(X), verbose=0))",
    (
        "x = tf.ones([3, 4])\nwith tf.GradientTape() as t: t.watch(x); y = total(m(x))\n"
        "out(t.gradient(y, x))"
    ),
    "s = stacked(m); out(s(X)); out(len(s.weights)); out(s.output_shape)",
    "s = stacked(m, head=True); out(fitted(s)); out(s.predict(np.array(X), verbose=0))",
    "s = stacked(m, head=True); fitted(s); out([w.numpy() for w in s.weights])",
    "out([w.numpy() for w in m.weights]); out(len(m.trainable_weights)); out(len(m.losses))",
    "m.trainable = True; out(len(m.trainable_weights)); s = stacked(m, head=True); out(fitted(s))",
    "m.trainable = False; out(len(m.trainable_weights))",
    "w = m.weights[0]; w.assign(w * 0.5); out(m(X))",
    "out(m.resolved_object.variables[0].numpy()); out(m(X))",
    "out(sorted(m.resolved_object.signatures))",
    "s = stacked(m); s.save(COPY + '/s.keras'); out(len(s.weights))",
    "tf.saved_model.save(m, COPY); out(unihub.load(COPY, fast=False)(X))",
    "m = type(m).from_config(m.get_config()); out(m(X))",
    "out(m.compute_output_shape((2, 4)))",
)

# What is done with a layer that is trained.
TRAINED_DEEDS = (
    "s = stacked(m, head=True); out(fitted(s)); out([w.numpy() for w in s.weights])",
    "s = stacked(m); out(fitted(s)); out(s.predict(np.array(X), verbose=0))",
    "s = stacked(m); s.compile('adam', 'mse'); out(s.train_on_batch(np.array(X), np.ones([2, 4])))",
    "out(stepped(lambda: total(m(X, training=True)), m.trainable_weights))",
    "out(stepped(lambda: total(m(X)), m.weights))",
    (
        "f = tf.function(plain(lambda X: total(m(X, training=True))))\n"
        "out(stepped(lambda: f(X), m.trainable_weights))"
    ),
    (
        "f = tf.function(plain(lambda X: total(m(X, training=False))))\n"
        "out(stepped(lambda: f(X) * 2.0, m.trainable_weights)); out(f(X2))"
    ),
    "out(stepped(lambda: tf.add_n([total(m(X)), *m.losses]), m.trainable_weights))",
    "out([tf.convert_to_tensor(one) for one in m.losses])",
    "out([(w.name.split('/')[-1], w.trainable) for w in m.weights])",
    "m.trainable = False; s = stacked(m, head=True); out(fitted(s)); m.trainable = True",
    "out(tf.train.Checkpoint(m=m).save(COPY + '/c') is None); out(m(X))",
    "s = stacked(m); fitted(s); s.save_weights(COPY + '/s.weights.h5'); out(m(X))",
    "r = m.resolved_object; out(sorted(n for n in dir(r) if n[0] != '_')); out(r.variables[0])",
)
# What is done with a loaded object that is trained.
TUNED_DEEDS = (
    "out(stepped(lambda: total({call}), m.trainable_variables))",
    "f = tf.function(plain(lambda X: total({call})))\nout(stepped(lambda: f(X), m.variables))",
    (
        "out(stepped(lambda: total({call}) + tf.add_n([l() for l in m.regularization_losses]),"
        " m.trainable_variables))"
    ),
    "out([l() for l in m.regularization_losses]); out(type(m.regularization_losses).__name__)",
    "out([(v.name, v.trainable, v.shape) for v in m.trainable_variables]); out(len(m.variables))",
    "out(type(m.variables).__name__); out(m.variables == list(m.variables))",
    "tf.train.Checkpoint(m=m).save(COPY + '/c'); out(len(tf.train.list_variables(COPY)))",
    "tf.saved_model.save(m, COPY); out(unihub.load(COPY, fast=False).trainable_variables[0])",
    "k = unihub.KerasLayer(m, trainable=True); s = stacked(k); out(fitted(s)); out({call})",
    "m.trainable_variables[0].assign(m.trainable_variables[0] * 0.5); out({call})",
    "v = m.trainable_variables; out({call}); m.nothing = 1; out(v[0]); out({call})",
)


@st.composite
def programs(draw: Any, longest: int = 16) -> Program:
    """A model, and what is done with it.

    Args:
        draw: hypothesis's.
        longest: session, in lines.
    """
    kinds = (modules, modules, modules, trained_modules, trained_modules, keras_models, graphs)
    kind = draw(st.sampled_from(kinds))
    source, calls = draw(kind())
    sessions = []
    for length in draw(st.lists(st.integers(3, longest), min_size=1, max_size=6)):
        if "v1." not in source and draw(st.integers(0, 3)) == 3:
            deeds = draw(st.lists(st.sampled_from(LAYER_DEEDS), min_size=3, max_size=10))
            sessions.append(("m = layer(PATH)", *deeds, STATE))
            continue
        # What Keras 3 exports has none of the lists.
        is_of_keras2 = kind is keras_models and not keras3_in_use()
        may_be_trained = LISTS in source or is_of_keras2
        is_trained = may_be_trained and draw(st.booleans())
        if is_trained and draw(st.booleans()):
            every = (*TRAINED_DEEDS, *TRAINED_DEEDS, *LAYER_DEEDS)
            deeds = draw(st.lists(st.sampled_from(every), min_size=3, max_size=10))
            sessions.append(("m = layer(PATH, trainable=True)", *deeds, STATE))
            continue
        tuned = "m = load(PATH, op='fine_tuning', api='load')"
        whole = "m = load(PATH, weights='mmap')" if length % 2 else "m = load(PATH)"
        session = [tuned if is_trained else whole]
        for _ in range(length):
            # Most of what people do is to call it.
            deeds_of_it = (*TUNED_DEEDS, *TUNED_DEEDS, *DEEDS) if is_trained else DEEDS
            deed = "out({call})" if draw(st.booleans()) else draw(st.sampled_from(deeds_of_it))
            call = draw(st.sampled_from(calls))
            plain = deed.startswith(("out", "for", "tf.random"))
            x = draw(st.sampled_from(X)) if plain and draw(st.booleans()) else "X"
            session.append(deed.format(call=call.format(x=x), on_x=call.format(x="x")))
        sessions.append((*session, STATE))
    return Program(source, tuple(sessions))
