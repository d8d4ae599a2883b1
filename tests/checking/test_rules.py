"""Each rule, on a script that breaks it; and its words."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf
from checking.checked import model_with_op, rules_of
from conftest import MODELS
from golden import check_golden
from inspection import judged_models

from unihub.checking import RULES, check
from unihub.checking.targets import TARGETS
from unihub.runtime import tensorflow_version

HUB = "import tensorflow as tf\nimport tensorflow_hub as hub\n"
IMAGE = MODELS / "tf1_hub_image"
TAGS = MODELS / "tf1_saved_model_tags"
SAVED_MODEL = MODELS / "tf1_saved_model_pb"
REUSABLE = MODELS / "tf2_reusable"
MULTI = MODELS / "tf1_hub_multi"
KAGGLE_1 = "https://www.kaggle.com/models/google/elmo/TensorFlow1/elmo/3"

# rule, runtime, script
CASES = [
    ("module-in-eager-mode", "tf2", HUB + "hub.Module('a')"),
    ("removed-name", "keras3", HUB + "hub.load_module_spec('a')"),
    ("unknown-name", "tf2", HUB + "hub.KerasLayr('a')"),
    ("internal-name", "tf2", "from tensorflow_hub import registry"),
    ("hub-import-fails", "keras3", "import tensorflow_hub"),
    ("loaded-not-callable", "tf2", HUB + f"hub.load('{IMAGE}')(x)"),
    (
        "module-without-signatures",
        "tf1",
        f"import unihub\nunihub.load('{IMAGE}').signatures['default']",
    ),
    ("tf1-hub-fine-tuning-in-tf2", "tf2", HUB + f"hub.KerasLayer('{IMAGE}', trainable=True)"),
    (
        "tf1-saved-model-fine-tuning-in-tf2",
        "tf2",
        "import unihub\n" + f"unihub.load('{SAVED_MODEL}', op='fine_tuning')",
    ),
    (
        "not-reusable-saved-model",
        "keras3",
        "import unihub\n" + f"unihub.load('{MODELS / 'tf2_signatures_only'}', op='fine_tuning')",
    ),
    (
        "nothing-to-train",
        "keras3",
        "import unihub\n" + f"unihub.load('{MODELS / 'tf2_text'}', op='fine_tuning')",
    ),
    (
        "mistyped-signature",
        "tf2",
        "import unihub\nunihub.load('<model of mistyped>', signature='lengths')",
    ),
    ("signature-input-missing", "tf2", HUB + "hub.load('<model of unfed>', signature='dropped')"),
    ("reference-output", "keras3", HUB + "hub.load('<model of references>')"),
    ("keras-layer-trainable-tf1-format", "tf1", HUB + f"hub.KerasLayer('{IMAGE}', True)"),
    ("trainable-with-signature", "tf2", HUB + "hub.KerasLayer(h, trainable=True, signature='s')"),
    ("trainable-without-train-graph", "tf1", HUB + f"hub.Module('{IMAGE}', trainable=True)"),
    ("missing-tags", "tf2", HUB + f"hub.load('{TAGS}')"),
    ("unknown-tags", "tf1", HUB + f"hub.Module('{IMAGE}', tags={{'gpu'}})"),
    ("unknown-signature", "tf2", HUB + f"hub.load('{MULTI}').signatures['pears']"),
    ("signature-required", "tf2", HUB + f"hub.KerasLayer('{SAVED_MODEL}')"),
    (
        "keras-layer-of-other-keras",
        "keras3",
        HUB + "x = tf.keras.Input([3])\nhub.KerasLayer(h)(x)",
    ),
    (
        "keras-layer-backend",
        "keras3",
        "import os\nos.environ['KERAS_BACKEND'] = 'numpy'\nimport unihub\nunihub.KerasLayer(h)",
    ),
    (
        "keras-layer-text-on-backend",
        "keras3",
        (
            "import os\nos.environ.setdefault('KERAS_BACKEND', 'jax')\nimport unihub\n"
            f"unihub.KerasLayer('{MODELS / 'tf2_text'}')"
        ),
    ),
    ("name-of-tensorflow-1", "tf2", HUB + "tf.placeholder(tf.float32)"),
    ("graph-call-in-eager-mode", "keras3", HUB + "tf.compat.v1.placeholder(tf.float32)"),
    ("keras-3-saves-no-folder", "keras3", HUB + "tf.keras.Sequential([]).save('folder')"),
    (
        "keras-3-loads-no-layer-of-hub",
        "keras3",
        HUB
        + "tf.keras.models.load_model('m.keras', custom_objects={'KerasLayer': hub.KerasLayer})",
    ),
    (
        "keras-3-takes-no-numpy-texts",
        "keras3",
        HUB + "import numpy as np\ntf.keras.Sequential([]).fit(np.array(['a', 'b']), y)",
    ),
    ("contrib-gone", "tf2", HUB + "from tensorflow.contrib import lookup"),
    ("keras-3-loads-no-folder", "keras3", HUB + "tf.keras.models.load_model('folder')"),
    (
        "keras-3-saves-weights-by-another-name",
        "keras3",
        HUB + "tf.keras.Sequential([]).save_weights('w.h5')",
    ),
    (
        "collections-not-filled",
        "tf1",
        HUB + "hub.KerasLayer(h)\ntf.losses.get_regularization_losses()",
    ),
    ("column-in-eager-mode", "tf2", HUB + "hub.text_embedding_column('a', h)"),
    ("estimator-gone", "keras3", "import unihub as hub\nhub.register_module_for_export(m, 'a')"),
    ("tf1-hub-creation-in-tf2", "tf2", HUB + "hub.create_module_spec(f)"),
    ("model-in-lambda", "tf1", HUB + "m = hub.Module(h)\ntf.keras.layers.Lambda(lambda x: m(x))"),
    ("tfhub-dev-handle", "tf2", HUB + "hub.load('https://tfhub.dev/google/a/1')"),
    ("model-unreadable", "tf2", HUB + f"hub.load('{MODELS}')"),
    ("op-package-not-imported", "tf2", HUB + "hub.load('<model of text>')"),
    ("op-package-not-installed", "here", "import unihub\nunihub.load('<model of nobody>')"),
    ("python-2", "tf2", "import tensorflow_hub\nprint 'a'\n"),
    ("syntax-error", "tf2", "import tensorflow_hub\nx = = 1\n"),
]
OF_FILES = {
    "file-too-large",
    "file-unreadable",
    "nested-too-deeply",
    "notebook-unreadable",
    "nul-byte",
    "source-encoding",
}


def with_models(script, folder):
    """A script with models of ops that nobody has installed, or that are not what they say."""
    for name, op in (("text", "CaseFoldUTF8"), ("nobody", "TFRA>NoSuchO")):
        if f"<model of {name}>" in script:
            script = script.replace(f"<model of {name}>", str(model_with_op(folder / name, op)))
    made = {
        "mistyped": judged_models.mistyped,
        "references": judged_models.gives_references,
        "unfed": judged_models.unfed,
    }
    for name, make in made.items():
        if f"<model of {name}>" in script:
            script = script.replace(f"<model of {name}>", make(folder / name))
    return script


def test_every_rule_has_a_case():
    assert {rule for rule, _, _ in CASES} | OF_FILES == set(RULES)


@pytest.mark.parametrize(("rule", "runtime", "script"), CASES, ids=[case[0] for case in CASES])
def test_rule(rule, runtime, script, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(with_models(script, tmp_path) + "\n")
    found = {one.rule: one for one in check([file], runtime=runtime).findings}
    one = found[rule]
    assert one.level is RULES[rule].level
    assert runtime in (*RULES[rule].runtimes, "here")
    text = f"{one.what}\n  why: {one.why}\n  do:  {one.do}\n  line {one.place.line}: {one.code}"
    # The parser's own words differ between releases of Python.
    text = re.sub(r"reads: .*\.$", "reads: <reason>.", text, flags=re.MULTILINE)
    text = re.sub(r"Python 3\.\d+", "Python <version>", text)
    if runtime == "here":
        text = text.replace(tensorflow_version(), "<tensorflow>")
    check_golden(f"check-{rule}", text, models=MODELS, folder=tmp_path)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("texts = numpy.array(['a'])\nmodel.fit(texts, y)", "keras-3-takes-no-numpy-texts"),
        ("model.fit(x=['a'], y=y)", "keras-3-takes-no-numpy-texts"),
        ("model.predict(['a'])", "keras-3-takes-no-numpy-texts"),
        ("model.predict(tf.constant(['a']))", None),
        ("model.predict([1.0])", None),
        ("import tensorflow.contrib.slim as slim\nslim.conv2d(x)", "contrib-gone"),
        ("from tensorflow import contrib", "contrib-gone"),
        ("tf.contrib.layers.flatten(x)", "contrib-gone"),
        ("tf.keras.models.load_model('model.keras')", None),
        ("model.save_weights('w.weights.h5')", None),
    ],
)
def test_what_breaks_around_is_followed(line, rule):
    script = "import numpy, tensorflow as tf, unihub\nmodel = tf.keras.Sequential([])\n" + line
    found = [one for _, one in rules_of(script, "keras3")]
    assert found == [rule] * (rule is not None)


@pytest.mark.parametrize(("rule", "runtime", "script"), CASES, ids=[case[0] for case in CASES])
def test_comment_ignores_the_rule(rule, runtime, script, tmp_path):
    if rule in ("python-2", "syntax-error"):
        pytest.skip("there is no line of Python to put the comment on")
    file = tmp_path / "script.py"
    script = with_models(script, tmp_path)
    script = "".join(f"{line}  # unihub: ignore[a-rule, {rule}]\n" for line in script.splitlines())
    file.write_text(script)
    report = check([file], runtime=runtime, select=[rule])
    assert (report.findings, report.ignored, report.exit_code) == ((), 1, 0)


@pytest.mark.parametrize("line", ["hub.KerasLayer({0!r})", "hub.load({0!r})(1)"])
def test_of_a_model_without_signatures_a_part_is_offered(line, tmp_path):
    file = tmp_path / "script.py"
    path = str(MODELS / "tf2_sub_objects")
    file.write_text(HUB + line.format(path))
    offered = [one.do for one in check([file], runtime="tf2").findings]
    assert f"unihub.load({path!r}).encoder(inputs)" in offered


def test_a_comment_without_rules_ignores_all():
    assert rules_of(HUB + "hub.Module(\n    'a'\n)  # unihub: ignore\n") == []


def test_a_comment_ignores_no_other_rule():
    text = HUB + "hub.Module('a')  # unihub: ignore[unknown-name]\n"
    assert rules_of(text) == [(3, "module-in-eager-mode")]


@pytest.mark.parametrize("rule", sorted(RULES))
def test_words_are_whole(rule):
    words = RULES[rule].message
    assert all([words.what, words.why, words.do, RULES[rule].source])
    assert set(RULES[rule].runtimes) <= set(TARGETS)


KERAS = [
    ("tensorflow_hub", "from tensorflow import keras", "tf2", 0),
    ("tensorflow_hub", "from tensorflow import keras", "keras3", 1),
    ("tensorflow_hub", "import keras", "keras3", 1),
    ("tensorflow_hub", "import tf_keras as keras", "keras3", 0),
    ("tensorflow_hub", "import tf_keras as keras", "tf2", 1),
    ("unihub", "from tensorflow import keras", "keras3", 0),
    ("unihub", "import keras", "keras3", 0),
    ("unihub", "import tf_keras as keras", "keras3", 1),
    (
        "tensorflow_hub",
        "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nfrom tensorflow import keras",
        "keras3",
        0,
    ),
    (
        "tensorflow_hub",
        "import os\nos.environ.setdefault('TF_USE_LEGACY_KERAS', '1')\nimport keras",
        "keras3",
        1,
    ),
]
MODELS_OF_KERAS = [
    "keras.Sequential([hub.KerasLayer(h)])",
    "l = hub.KerasLayer(h)\nkeras.models.Sequential((keras.layers.Dense(1), l))",
    "m = keras.Sequential()\nm.add(hub.KerasLayer(h))",
    "x = keras.Input([1])\ny = hub.KerasLayer(h)(x)",
    "x = keras.layers.Input([1])\nx = keras.layers.Dense(1)(x)\ny = hub.KerasLayer(h)(x)",
]


@pytest.mark.parametrize("model", MODELS_OF_KERAS)
@pytest.mark.parametrize(("library", "keras", "runtime", "count"), KERAS)
def test_layers_of_another_keras(library, keras, runtime, count, model):
    rules = rules_of(
        f"{keras}\nimport {library} as hub\n{model}\n",
        runtime,
        select=["keras-layer-of-other-keras"],
    )
    assert len(rules) == count


@pytest.mark.parametrize(
    ("handle", "is_tf1"),
    [
        (KAGGLE_1, True),
        (KAGGLE_1.replace("TensorFlow1", "tensorFlow2"), False),
        ("https://tfhub.dev/google/nnlm-en-dim128-with-normalization/1", True),
        ("https://tfhub.dev/google/nnlm-en-dim128/2", False),
        ("https://tfhub.dev/google/universal-sentence-encoder/3", True),
        ("https://tfhub.dev/google/universal-sentence-encoder/4", False),
        ("https://tfhub.dev/google/elmo/3", True),
        ("https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/3", True),
        ("https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5", False),
        ("https://tfhub.dev/google/imagenet/efficientnet_v2_b0/feature_vector/2", False),
        ("https://example.com/model.tar.gz", False),
        ("gs://bucket/model", False),
        ("", False),
        ("/no/such/folder", False),
    ],
)
def test_formats_by_published_names_are_warnings(tmp_path, handle, is_tf1):
    file = tmp_path / "script.py"
    file.write_text(HUB + f"hub.load({handle!r})(x)\n")
    report = check([file], runtime="tf2", select=["loaded-not-callable"])
    assert [one.level.value for one in report.findings] == ["warning"] * is_tf1


@pytest.mark.parametrize(
    ("script", "count"),
    [
        (f"hub.Module('{IMAGE}', trainable=True, tags={{'train'}})", 0),
        (f"hub.Module('{IMAGE}', trainable=True)", 1),
        (f"hub.Module('{MULTI}', trainable=True)", 0),
        ("hub.Module(h, trainable=True)", 1),
        ("hub.Module(h, trainable=is_training)", 0),
        ("hub.Module(h, trainable=True, **rest)", 0),
        (f"hub.load('{IMAGE}', tags=[])", 0),
        (f"hub.KerasLayer('{REUSABLE}', trainable=True)", 0),
        (f"hub.load('{REUSABLE}')(x)", 0),
        (f"hub.KerasLayer('{IMAGE}')(x)", 0),
        (f"hub.KerasLayer('{SAVED_MODEL}', signature='project', output_key='projected')", 0),
        (f"hub.load('{TAGS}', tags='serve')", 0),
        ("hub.__version__, hub.__name__, hub.keras_layer.KerasLayer", 0),
        ("hub.Module(h)\ntf.get_collection(tf.GraphKeys.UPDATE_OPS)", 0),
        ("hub.load(h)\ntf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)", 0),
        ("hub.text_embedding_column('a', h)\ntf.estimator.DNNClassifier()", 0),
        ("print('see https://tfhub.dev/google/a/1')", 0),
    ],
)
def test_finer_points_on_tensorflow_1(script, count):
    assert len(rules_of(HUB + script, "tf1")) == count


def test_convert_is_advised_where_it_converts(tmp_path):
    script = tmp_path / "train.py"
    for name, advised in (("tf1_hub_image", True), ("tf1_hub_control_flow", False)):
        script.write_text(f"import unihub\nunihub.load('{MODELS / name}', op='fine_tuning')\n")
        (found,) = check([script], runtime="tf2").findings
        assert ("convert=True" in found.do) is advised
        assert f"{name}'" in found.do


@pytest.mark.usefixtures("eager")
def test_of_a_model_without_signatures_none_is_advised(tmp_path):
    file, path = tmp_path / "script.py", str(tmp_path / "model")
    model = tf.Module()
    model.__call__ = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(model, path, signatures={})
    file.write_text(HUB + f"hub.load({path!r}).signatures['default']")
    offered = [one.do for one in check([file], runtime="tf2").findings]
    assert f"m = unihub.load({path!r}); m(inputs)" in offered
