"""`import tensorflow_hub` where unihub is installed in its place."""

from __future__ import annotations

import importlib
import json
import pydoc
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import tensorflow as tf
from conftest import MODELS
from doctor.installations import python_without
from golden import check_golden

import unihub
from unihub.apis.tensorflow_hub import import_tensorflow_hub
from unihub.dropin import hub_names
from unihub.runtime import installed


def state():
    family = {name: sys.modules[name] for name in sys.modules if "tensorflow_hub" in name}
    return family, list(sys.meta_path), sorted(vars(real()))


def real():
    return import_tensorflow_hub()


@pytest.fixture(autouse=True)
def as_before():
    """Whatever a test installs, everything is as it was after it."""
    real()
    before = state()
    yield
    unihub.uninstall()
    assert state() == before


@pytest.fixture
def hub():
    with unihub.install():
        yield importlib.import_module("tensorflow_hub")


def test_import_yields_unihub(hub):
    import tensorflow_hub
    from tensorflow_hub import KerasLayer, load, resolve

    assert tensorflow_hub is hub
    assert (load, resolve) == (unihub.load, unihub.resolve)
    assert KerasLayer is unihub.KerasLayer
    assert hub.Module is unihub.Module
    assert "unihub" in repr(hub)


def test_every_public_name(hub):
    assert [
        name for name in hub_names.NAMES if getattr(hub, name) is not getattr(unihub, name)
    ] == []
    assert set(hub_names.NAMES) <= set(dir(hub))
    with pytest.raises(AttributeError, match="no_such_name"):
        hub.no_such_name  # noqa: B018


@pytest.mark.parametrize("submodule", sorted(hub_names.SUBMODULES))
def test_every_public_submodule(hub, submodule):
    module = importlib.import_module(f"tensorflow_hub.{submodule}")
    names = hub_names.SUBMODULES[submodule]
    assert getattr(hub, submodule) is module
    assert set(names) <= set(dir(module))
    for name in names:
        expected = hub.__version__ if name == "__version__" else getattr(unihub, name)
        assert getattr(module, name) == expected


def test_star_import_gives_what_it_always_gave(hub):
    names = {}
    exec("from tensorflow_hub import *", names)
    assert set(names) - {"__builtins__"} == set(hub_names.STAR_NAMES) == set(real().__all__)


def test_version_is_that_of_the_installed_release(hub):
    assert hub.__version__ == real().__version__


def test_help(hub):
    text = pydoc.render_doc(hub, renderer=pydoc.plaintext)
    assert "tensorflow_hub, served by unihub" in text
    assert [name for name in hub_names.STAR_NAMES if name not in text] == []


def test_it_can_be_reloaded_and_found(hub):
    assert importlib.reload(hub) is hub
    assert importlib.util.find_spec("tensorflow_hub") is hub.__spec__
    del sys.modules["tensorflow_hub"]
    assert importlib.import_module("tensorflow_hub").load is unihub.load


def test_unihub_keeps_the_real_one(hub):
    assert real() is not hub
    assert real().load.__module__ == "tensorflow_hub.module_v2"
    assert real() is not sys.modules["tensorflow_hub"]


def test_internal_modules_are_those_of_the_installed_release(hub):
    from tensorflow_hub import registry

    assert registry is real().registry is hub.registry
    assert registry.resolver is real().registry.resolver
    with pytest.raises(ModuleNotFoundError, match=r"tensorflow_hub\.mistyped"):
        importlib.import_module("tensorflow_hub.mistyped")


def test_the_programs_of_a_release_are_run_on_unihub(hub, tmp_path, monkeypatch):
    """They use the public names alone, so that their release need not import here."""
    release = tmp_path / "tensorflow_hub"
    (release / "tools" / "maker").mkdir(parents=True)
    (release / "__init__.py").write_text("raise ImportError('made for another TensorFlow')\n")
    (release / "tools" / "__init__.py").touch()
    (release / "tools" / "maker" / "__init__.py").touch()
    program = "import tensorflow_hub as hub\nfrom tensorflow_hub.tools.maker import lib\n"
    (release / "tools" / "maker" / "main.py").write_text(program)
    (release / "tools" / "maker" / "lib.py").write_text("from tensorflow_hub import load\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    main = importlib.import_module("tensorflow_hub.tools.maker.main")
    assert main.hub is hub
    assert main.lib.load is unihub.load
    with pytest.raises(ModuleNotFoundError, match=r"tensorflow_hub\.tools\.mistyped"):
        importlib.import_module("tensorflow_hub.tools.mistyped")


def test_internal_names_are_those_of_the_installed_release(hub):
    assert hub.keras_layer.load_module is sys.modules["tensorflow_hub.keras_layer"].load_module
    assert hub.keras_layer.load_module.__module__ == "tensorflow_hub.keras_layer"
    assert not hasattr(hub.keras_layer, "__wrapped__")


def test_an_internal_name_that_unihub_has_itself(hub):
    spec = hub.module.as_module_spec(str(MODELS / "tf1_hub_scalar"))
    assert isinstance(spec, unihub.ModuleSpec)


@pytest.mark.skipif(not installed.hub_release().has_module, reason="the release has no Module")
def test_a_spec_that_was_made_before_can_be_exported(hub, tmp_path):
    """tensorflow_hub imports from itself again when a spec is exported."""
    spec = real().load_module_spec(str(MODELS / "tf1_hub_scalar"))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        m = hub.Module(spec)
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(m.variable_map)
        checkpoint = saver.save(session, str(tmp_path / "values"))
    spec.export(str(tmp_path / "module"), checkpoint_path=checkpoint)
    assert (tmp_path / "module" / "tfhub_module.pb").exists()


def test_models_work(hub):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        m = hub.Module(str(MODELS / "tf1_hub_scalar"))
        halves = m(tf.constant([2.0, 4.0]))
        session.run(tf.compat.v1.global_variables_initializer())
        in_graph = session.run(halves).tolist()
    assert len(in_graph) == 2
    if tf.executing_eagerly():
        assert hub.load(str(MODELS / "tf1_hub_scalar"))([2.0, 4.0]).numpy().tolist() == in_graph
        layer = hub.KerasLayer(str(MODELS / "tf2_reusable"), trainable=True)
        model = tf.keras.Sequential([layer])
        assert len(model(tf.ones([2, 3]))) == 2
        assert tf.function(model)(tf.ones([2, 3])).shape[0] == 2


def test_installations_nest():
    first = unihub.install()
    with unihub.install() as second:
        first.uninstall()
        first.uninstall()
        assert importlib.import_module("tensorflow_hub").load is unihub.load
    assert second is not first
    assert sys.modules["tensorflow_hub"] is real()


def test_uninstall_ends_them_all():
    installations = [unihub.install() for _ in range(3)]
    unihub.uninstall()
    assert sys.modules["tensorflow_hub"] is real()
    for installation in installations:
        installation.uninstall()
    unihub.uninstall()


def test_an_import_that_was_blocked(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with unihub.install():
        assert importlib.import_module("tensorflow_hub").load is unihub.load
    assert sys.modules["tensorflow_hub"] is None


def test_threads():
    wrong = []

    def use(number):
        for _ in range(30):
            with unihub.install():
                hub = importlib.import_module("tensorflow_hub")
                layer = importlib.import_module("tensorflow_hub.keras_layer")
                same = layer.KerasLayer is unihub.KerasLayer and real().__version__
                if hub.load is not unihub.load or not same:
                    wrong.append(number)

    # So that none of them is the last one out while another begins.
    with unihub.install():
        threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_installing_imports_no_tensorflow():
    script = (
        "import sys, unihub; unihub.install(); import tensorflow_hub.keras_layer as k;"
        "print(k.__name__, 'tensorflow' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", script], universal_newlines=True)
    assert printed.split() == ["tensorflow_hub.keras_layer", "False"]


# Where `import tensorflow_hub` raises: what happens before, within and after.
WITHOUT_IT = """
import json, sys, unihub

def tried(action):
    try:
        return action()
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)}

def name_of_import(statement):
    names = {}
    exec(statement, names)
    return sorted(set(names) - {"__builtins__"})[0]

def imported():
    return sorted(name for name in sys.modules if name.split(".")[0] == "tensorflow_hub")

def layer():
    import tensorflow_hub as hub
    layer = hub.KerasLayer(MODELS + "/tf2_reusable")
    return layer.__class__.__name__

answers = {"before": tried(lambda: __import__("tensorflow_hub"))}
with unihub.install() as installation:
    import tensorflow_hub as hub
    answers["load"] = hub.load is unihub.load
    answers["version"] = hub.__version__
    answers["loaded"] = hasattr(hub.load(MODELS + "/tf2_reusable"), "signatures")
    answers["module"] = hub.Module.__name__
    answers["layer"] = tried(layer)
    answers["registry"] = tried(lambda: name_of_import("from tensorflow_hub import registry"))
    answers["internal"] = tried(lambda: hub.keras_layer.func_has_training_argument.__name__)
    answers["has"] = [hasattr(hub, "registry"), hasattr(hub.keras_layer, "mistyped")]
answers["after"] = tried(lambda: __import__("tensorflow_hub"))
answers["imported"] = imported()
print(json.dumps(answers))
"""


def answers_without(*patterns, folder):
    script = f"MODELS = {str(MODELS)!r}\n" + WITHOUT_IT
    printed = python_without(*patterns, folder=folder, script=script)
    return SimpleNamespace(**json.loads(printed.splitlines()[-1]))


def test_where_tensorflow_hub_is_absent(tmp_path):
    got = answers_without("tensorflow_hub*", folder=tmp_path)
    assert got.before == {
        "error": "ModuleNotFoundError",
        "text": "No module named 'tensorflow_hub'",
    }
    assert (got.after, got.imported) == (got.before, [])
    assert (got.load, got.version, got.loaded, got.module) == (True, "0.16.1", True, "Module")
    if installed.current_keras() is installed.Keras.KERAS3:
        assert got.layer == "KerasLayer"
    else:
        # The layer for Keras 2 and tf_keras is tensorflow_hub's.
        assert got.layer["error"] == "TensorFlowHubUnusable"
    assert got.has == [False, False]
    assert got.registry["error"] == "InternalModule"
    check_golden("tensorflow-hub-internal-module", got.registry["text"])
    assert got.internal["error"] == "InternalName"
    check_golden("tensorflow-hub-internal-name", got.internal["text"])


@pytest.mark.skipif(
    installed.hub_release().version < "0.15", reason="this release does without pkg_resources"
)
def test_where_importing_tensorflow_hub_raises(tmp_path):
    got = answers_without("pkg_resources", folder=tmp_path)
    assert got.before == {
        "error": "ModuleNotFoundError",
        "text": "No module named 'pkg_resources'",
    }
    assert (got.after, got.imported) == (got.before, [])
    assert (got.load, got.version, got.loaded) == (True, real().__version__, True)
    assert (got.module, got.layer) == ("Module", "KerasLayer")
    assert (got.registry, got.internal) == ("registry", "func_has_training_argument")
    assert got.has == [True, False]


@pytest.mark.skipif(
    installed.current_keras() is not installed.Keras.KERAS3,
    reason="tf.keras here is of itself Keras 2",
)
def test_where_tensorflow_hub_lacks_tf_keras(tmp_path):
    got = answers_without("tf_keras*", folder=tmp_path)
    assert got.before["error"] == "ModuleNotFoundError"
    assert (got.after, got.imported) == (got.before, [])
    assert (got.load, got.loaded, got.module, got.layer) == (True, True, "Module", "KerasLayer")
    assert "tf_keras, which is not installed" in got.registry["text"]
    assert got.has == [False, False]
