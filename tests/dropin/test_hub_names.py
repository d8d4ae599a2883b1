"""unihub in the place of tensorflow_hub: its names, signatures and behaviour.

What is expected is read from the tensorflow_hub that is installed.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pydoc
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from fixtures.expected import expected_file, read_cases

import unihub
from unihub.apis.tensorflow_hub import import_tensorflow_hub
from unihub.dropin import hub_names
from unihub.runtime import installed

HUB = import_tensorflow_hub()
PUBLIC = sorted(
    name
    for name, value in vars(HUB).items()
    if not name.startswith("_") and not isinstance(value, types.ModuleType)
)
HAS_MODULE = installed.hub_release().has_module
KEYWORDS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def test_the_names_are_those_of_tensorflow_hub():
    expected = hub_names.NAMES if HAS_MODULE else ("KerasLayer", "load", "resolve")
    assert tuple(PUBLIC) == tuple(expected)
    assert set(HUB.__all__) == set(hub_names.STAR_NAMES)
    assert set(hub_names.NAMES) <= set(unihub.__all__)
    assert set(hub_names.NAMES) <= set(dir(unihub))


def test_the_submodules_are_those_of_tensorflow_hub():
    known = {*hub_names.SUBMODULES, *hub_names.INTERNAL_SUBMODULES}
    names = {name.split(".")[1] for name in sys.modules if name.startswith("tensorflow_hub.")}
    assert names <= known
    for submodule in names & set(hub_names.SUBMODULES):
        module = sys.modules[f"tensorflow_hub.{submodule}"]
        for name in hub_names.SUBMODULES[submodule]:
            assert getattr(module, name) is getattr(HUB, name)


def test_every_name_is_there():
    assert [name for name in hub_names.NAMES if not callable(getattr(unihub, name))] == []
    assert unihub.__version__


def signature_of(function):
    """The parameters for callers: _sentinel only keeps those after it from being positional."""
    parameters, kind = [], inspect.Parameter.POSITIONAL_OR_KEYWORD
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "_sentinel":
            kind = inspect.Parameter.KEYWORD_ONLY
        elif parameter.kind in KEYWORDS:
            parameters.append(parameter)
        else:
            parameters.append(parameter.replace(kind=max(kind, parameter.kind)))
    return inspect.Signature(parameters)


def differences(ours, theirs):
    """What a caller of theirs would find different in ours."""
    expected, got = signature_of(theirs), inspect.signature(ours)
    found = []
    named = [
        parameter for parameter in expected.parameters.values() if parameter.kind not in KEYWORDS
    ]
    by_place = [p.name for p in named if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    needed = [p.name for p in named if p.default is inspect.Parameter.empty]
    calls = [
        (by_place, {p.name: p.name for p in named if p.name not in by_place}),
        ([], {p.name: p.name for p in named}),
        ([], {name: name for name in needed}),
    ]
    for args, kwargs in calls:
        wanted = dict(expected.bind(*args, **kwargs).arguments)
        if dict(got.bind(*args, **kwargs).arguments) != wanted:
            found.append((args, kwargs))
    for parameter in named:
        if got.parameters[parameter.name].default != parameter.default:
            found.append(parameter)
    for parameter in expected.parameters.values():
        kinds = {p.kind for p in got.parameters.values()}
        if parameter.kind in KEYWORDS and parameter.kind not in kinds:
            found.append(parameter)
    return found


def public_members(cls):
    names = {name for name in vars(cls) if not name.startswith("_")}
    return sorted(names | ({"__call__"} & set(vars(cls))))


def assert_same_class(ours, theirs):
    for name in public_members(theirs):
        expected = inspect.getattr_static(theirs, name)
        got = inspect.getattr_static(ours, name)
        if isinstance(expected, property):
            assert isinstance(got, property), name
        else:
            assert differences(getattr(ours, name), getattr(theirs, name)) == [], name


@pytest.mark.parametrize("name", hub_names.MODULE_API)
def test_the_module_api_is_ours_in_every_stack(name):
    ours = getattr(unihub, name)
    assert ours is getattr(importlib.import_module("unihub.apis.module"), name)
    assert ours.__module__.startswith("unihub.apis.module.")


@pytest.mark.parametrize("name", PUBLIC)
def test_the_signatures_are_those_of_tensorflow_hub(name):
    ours, theirs = getattr(unihub, name), getattr(HUB, name)
    if name == "ImageModuleInfo":
        assert sorted(vars(theirs)["DESCRIPTOR"].fields_by_name) == ["default_image_size"]
        size = ours().default_image_size
        size.height = size.width = 3
        assert (size.height, size.width) == (3, 3)
    elif name == "ModuleSpec":
        # It is made by load_module_spec and the like.
        assert_same_class(ours, theirs)
    elif inspect.isclass(theirs):
        assert_same_class(ours, theirs)
        assert differences(ours, theirs) == []
    else:
        assert differences(ours, theirs) == []


def test_the_comparison_can_fail():
    def theirs(handle, tags=None, **kwargs):
        """As in tensorflow_hub."""

    def swapped(tags=None, handle=None, **kwargs):
        """The order differs."""

    def other_default(handle, tags=(), **kwargs):
        """The default differs."""

    def fewer_keywords(handle, tags=None):
        """Other keywords are refused."""

    assert differences(theirs, theirs) == []
    assert differences(swapped, theirs) != []
    assert differences(other_default, theirs) != []
    assert differences(fewer_keywords, theirs) != []


@pytest.mark.skipif(hasattr(tf.compat.v1, "estimator"), reason="TensorFlow has Estimators here")
def test_what_cannot_work_is_there_and_explains_itself():
    with pytest.raises(NotImplementedError, match="estimator-gone"):
        unihub.LatestModuleExporter("exports", lambda: None)
    with pytest.raises(NotImplementedError, match="estimator-gone"):
        unihub.register_module_for_export(None, "module")


def test_help_shows_every_name():
    text = pydoc.render_doc(unihub, renderer=pydoc.plaintext)
    assert [name for name in unihub.__all__ if name not in text] == []


def test_importing_every_name_first_imports_tensorflow():
    script = (
        "import sys, unihub as hub; hub.__all__; dir(hub); hub.__version__; hub.load; hub.resolve;"
        "print('tensorflow' in sys.modules, 'tensorflow_hub' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", script], universal_newlines=True)
    assert printed.split() == ["False", "False"]


# Arguments after the handle, as scripts give them.
LOADED = [
    ("tf1_hub_image", (), {}),
    ("tf1_hub_image", (["train"],), {}),
    ("tf1_hub_image", (), {"tags": {"train"}}),
    ("tf1_hub_image", (), {"tags": []}),
    ("tf1_hub_multi", (), {}),
    ("tf1_hub_text", (None, None), {}),
    ("tf1_saved_model_resource", (), {}),
    ("tf1_saved_model_table", (["serve"],), {}),
    ("tf2_reusable", (), {}),
    ("tf2_reusable", (), {"tags": ["serve"], "options": None}),
    ("tf2_dict", (), {}),
    ("tf2_sub_objects", (), {}),
    ("tf2_signatures_only", (), {}),
    ("keras2_saved_model", (), {}),
]


def picture(loaded, name):
    """What there is to see of a loaded object, with its answers."""
    signatures = {
        key: (function.structured_input_signature, function.output_shapes, function.output_dtypes)
        for key, function in loaded.signatures.items()
    }
    variables = sorted(
        (variable.name, variable.shape.as_list(), float(tf.reduce_sum(variable)))
        for variable in getattr(loaded, "variables", ())
    )
    answers = {}
    for case in read_cases(expected_file(name)):
        function = loaded.signatures[case.signature] if case.signature in signatures else None
        if function is not None and all("/" not in key for key in case.inputs):
            inputs = {key: tf.constant(value) for key, value in case.inputs.items()}
            answers[case.signature] = function(**inputs)
    is_hub = loaded._is_hub_module_v1
    return signatures, variables, is_hub, callable(getattr(loaded, "encoder", None)), answers


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("name", "args", "kwargs"), LOADED)
def test_load_gives_what_tensorflow_hub_gives(name, args, kwargs):
    path = str(MODELS / name)
    *expected, expected_answers = picture(HUB.load(path, *args, **kwargs), name)
    *got, answers = picture(unihub.load(path, *args, **kwargs), name)
    assert got == expected
    assert sorted(answers) == sorted(expected_answers)
    for key in answers:
        if "train" not in str((args, kwargs)):
            tf.nest.map_structure(
                np.testing.assert_array_equal, answers[key], expected_answers[key]
            )
    public = [n for n in dir(HUB.load(path, *args, **kwargs)) if not n.startswith("_")]
    assert set(public) <= set(dir(unihub.load(path, *args, **kwargs)))


@pytest.mark.usefixtures("eager")
def test_load_takes_options_by_place():
    options = tf.saved_model.LoadOptions(allow_partial_checkpoint=False)
    assert callable(unihub.load(str(MODELS / "tf2_reusable"), None, options))


def test_load_in_a_graph_gives_what_tensorflow_hub_gives(graph):
    path = str(MODELS / "tf2_reusable")
    inputs = tf.constant([[1.0, 2.0, 3.0]])
    outputs = [hub.load(path)(inputs) for hub in (HUB, unihub)]
    with tf.compat.v1.Session() as session:
        session.run(tf.compat.v1.global_variables_initializer())
        expected, got = session.run(outputs)
    np.testing.assert_array_equal(got, expected)


def error_of(function, *args):
    with pytest.raises(Exception) as raised:
        function(*args)
    return raised.value


@pytest.mark.usefixtures("eager")
def test_load_raises_what_tensorflow_hub_raises(tmp_path):
    for args in [
        (5,),
        (str(tmp_path),),
        (str(tmp_path / "nowhere"),),
        (str(MODELS / "tf1_hub_image"), ["gpu"]),
        (str(MODELS / "tf2_reusable"), ["gpu"]),
    ]:
        expected, got = error_of(HUB.load, *args), error_of(unihub.load, *args)
        assert isinstance(got, type(expected)), (args, expected, got)


def test_resolve_gives_what_tensorflow_hub_gives(monkeypatch):
    monkeypatch.chdir(MODELS)
    folder = str(MODELS / "tf2_reusable")
    for handle in (folder, folder + os.sep, "tf2_reusable", os.path.join(".", "tf2_reusable")):
        assert unihub.resolve(handle) == HUB.resolve(handle) == handle
        assert unihub.resolve(handle=handle) == handle
