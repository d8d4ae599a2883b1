"""What is followed from line to line, and what is not."""

from __future__ import annotations

import pytest
from checking.checked import rules_of

from unihub.checking import check

EAGER = "module-in-eager-mode"

SPELLINGS = [
    "import tensorflow_hub\ntensorflow_hub.Module(h)",
    "import tensorflow_hub as h\nh.Module(h)",
    "from tensorflow_hub import Module\nModule(h)",
    "from tensorflow_hub import Module as M\nM(h)",
    "from tensorflow_hub import *\nModule(h)",
    "import tensorflow_hub.module\ntensorflow_hub.module.Module(h)",
    "import tensorflow_hub.module as m\nm.Module(h)",
    "from tensorflow_hub.module import Module\nModule(h)",
    "from tensorflow_hub import module\nmodule.Module(h)",
    "import importlib\nimportlib.import_module('tensorflow_hub').Module(h)",
    "from importlib import import_module as i\ni('tensorflow_hub').Module(h)",
    "hub = __import__('tensorflow_hub')\nhub.Module(h)",
    "import tensorflow_hub as hub\ngetattr(hub, 'Module')(h)",
    "import unihub as hub\nhub.Module(h)",
    "import unihub\nunihub.Module(h)",
    "try:\n    import tensorflow_hub as hub\nexcept ImportError:\n    hub = None\nhub.Module(h)",
    "import tensorflow_hub as hub\nM = hub.Module\nM(h)",
    "import tensorflow_hub as hub\nhub, x = hub, 1\nhub.Module(h)",
    "import tensorflow_hub as hub\n[hub.Module(h) for h in x]",
    "import tensorflow_hub as hub\nf = lambda: hub.Module(h)",
    "import tensorflow_hub as hub\nclass A:\n    def f(self):\n        return hub.Module(h)",
    "import tensorflow_hub as hub\nasync def f():\n    await hub.Module(h)",
    "import tensorflow_hub as hub\nwith open(x) as f:\n    hub.Module(h)",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_way_to_write_it(text):
    assert [rule for _, rule in rules_of(text)] == [EAGER]


IN_A_GRAPH = [
    "with tf.Graph().as_default():\n    hub.Module(h)",
    "g = tf.Graph()\nwith g.as_default(), other:\n    hub.Module(h)",
    "with tf.Graph().as_default() as g:\n    pass\nwith g.as_default():\n    hub.Module(h)",
    "tf.compat.v1.disable_v2_behavior()\nhub.Module(h)",
    "def main():\n    tf.compat.v1.disable_eager_execution()\ndef f():\n    hub.Module(h)",
    "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\nhub.Module(h)",
    "from tensorflow.compat.v1 import disable_v2_behavior\ndisable_v2_behavior()\nhub.Module(h)",
    "def f():\n    hub.Module(h)\nwith tf.Graph().as_default():\n    f()",
    "def f():\n    hub.Module(h)\ndef g():\n    f()\nwith tf.Graph().as_default():\n    g()",
    (
        "def f():\n    hub.Module(h)\nhub.create_module_spec(f)\nwith tf.Graph().as_default():\n"
        "    hub.Module(1)"
    ),
    "def model_fn(features):\n    hub.Module(h)\ntf.estimator.Estimator(model_fn=model_fn)",
    (
        "class A:\n    def f(self):\n        hub.Module(h)\n    def g(self):\n"
        "        with tf.Graph().as_default():\n            self.f()"
    ),
]


@pytest.mark.parametrize("text", IN_A_GRAPH)
def test_graph_mode(text):
    assert rules_of("import tensorflow as tf\nimport tensorflow_hub as hub\n" + text) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    hub.Module(h)\nf()\nwith tf.Graph().as_default():\n    f()",
        "with tf.device('cpu'):\n    hub.Module(h)",
        "with tf.Graph().as_default():\n    pass\nhub.Module(h)",
        "@tf.function\ndef f():\n    hub.Module(h)",
    ],
)
def test_eager_mode(text):
    text = "import tensorflow as tf\nimport tensorflow_hub as hub\n" + text
    assert [rule for _, rule in rules_of(text)] == [EAGER]


def test_graph_mode_is_the_rule_on_tensorflow_1():
    text = "import tensorflow_hub as hub\nhub.Module(h)"
    assert rules_of(text, "tf1") == []
    assert rules_of(text, "tf1_compat") == []
    eager = "import tensorflow as tf\ntf.enable_eager_execution()\n" + text
    assert rules_of(eager, "tf1") == [(4, EAGER)]


TF1_FORMAT = "https://www.kaggle.com/models/google/elmo/tensorFlow1/elmo/3"


@pytest.mark.parametrize(
    "text",
    [
        "m = hub.load(H)\nm(x)",
        "hub.load(H)(x)",
        "m = hub.load(handle=H)\nif x:\n    m(x)",
        "m = None\nif x:\n    m = hub.load(H)\nm(x)",
        "def f():\n    return hub.load(H)\nm = f()\nm(x)",
        (
            "class A:\n    def __init__(self):\n        self.m = hub.load(H)\n"
            "    def f(self, x):\n        return self.m(x)"
        ),
        "class A:\n    def __init__(self):\n        self.m = hub.load(H)\na = A()\na.m(x)",
        "m = hub.load({'a': H}['a'])\nm(x)",
        "handles = {'a': H}\nm = hub.load(handles.get('a'))\nm(x)",
        "m = hub.load({'a': 'b'}.get('c', H))\nm(x)",
        "m = hub.load(f'{H}')\nm(x)",
        "m = hub.load('%s' % H)\nm(x)",
        "m = hub.load('{}'.format(H))\nm(x)",
        "m = hub.load('{h}'.format(h=H))\nm(x)",
        "def f():\n    global m\n    m = hub.load(H)\ndef g():\n    m(x)\n",
    ],
)
def test_a_loaded_object_is_followed_to_its_call(text):
    text = f"import tensorflow_hub as hub\nH = '{TF1_FORMAT}'\n" + text
    assert [rule for _, rule in rules_of(text)] == ["loaded-not-callable"]


@pytest.mark.parametrize(
    "text",
    [
        "m = hub.load(H)\nm = f\nm(x)",
        "m = hub.load(H)\nm.signatures['default'](x)",
        "def f(m):\n    m(x)\nm = hub.load(H)",
        "m = hub.load(unknown)\nm(x)",
        "m = hub.load({'a': H}.get('b'))\nm(x)",
        "m = hub.load({'a': H}.get(unknown))\nm(x)",
        "m = hub.load({'a': H}.get(['a'], 1, 2, 3))\nm(x)",
        "m = hub.load({'a': H}.get())\nm(x)",
        "m = hub.load(f'{H}{unknown}')\nm(x)",
        "m = hub.load(f'{H!r}')\nm(x)",
        "m = hub.load('%s%s' % (H, unknown))\nm(x)",
        "m = hub.load('{}'.format(H, **rest))\nm(x)",
        "m = hub.load(H.replace('1', '2'))\nm(x)",
    ],
)
def test_nothing_is_said_of_what_is_not_known(text):
    assert rules_of(f"import tensorflow_hub as hub\nH = '{TF1_FORMAT}'\n" + text) == []


def test_unihub_gives_an_object_to_call():
    text = f"as hub\nm = hub.load('{TF1_FORMAT}')\nm(x)\n"
    assert rules_of("import unihub " + text) == []
    assert rules_of("import unihub\nunihub.install()\nimport tensorflow_hub " + text) == []


@pytest.mark.parametrize(
    "text", ["", "import os", "x = 1 +", "hub.Module(1)", "import numpy as hub"]
)
def test_other_scripts(text):
    assert [rule for _, rule in rules_of(text) if rule != "syntax-error"] == []


def test_the_installation_that_is_here(tmp_path):
    (tmp_path / "a.py").write_text("import tensorflow_hub as hub\nhub.load_all()\n")
    report = check([tmp_path])
    assert report.target.name == "here"
    assert [one.rule for one in report.findings][-1] == "unknown-name"


@pytest.mark.parametrize(
    ("before", "after"),
    [("keras.Sequential([", "])"), ("a, (", ")"), ("f(x=", ")"), ("(lambda: ", ")()")],
)
def test_nesting_takes_no_longer_than_its_length(before, after):
    """Thirty levels, which would take days if each level were looked at twice."""
    nested = before * 30 + "hub.KerasLayer(h)" + after * 30
    text = f"from tensorflow import keras\nimport tensorflow_hub as hub\nm, n = {nested}, 1\n"
    layers = rules_of(text, "keras3", select=["keras-layer-of-other-keras"])
    assert len(layers) == ("Sequential" in before)
