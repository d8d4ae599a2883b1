"""What loads by a handle is attacked as `unihub.load` is: mutants, links, hostile names."""

from __future__ import annotations

import os
import shutil

import pytest
import tensorflow as tf
from apis.attack import LOADS, MODELS, converted, mutated, strange

import unihub

SEEDS = range(12)


@pytest.fixture
def path(tmp_path):
    with unihub.configure(cache=tmp_path / "cache", on_unsafe="ignore"):
        yield str(tmp_path / "model")


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.__name__)
def test_mutants_end_in_errors_of_ours(path, load):
    for seed in SEEDS:
        mutant = mutated(path, load, seed)
        error = strange(load, path)
        assert error is None, (seed, mutant, repr(error))
        shutil.rmtree(path)
        shutil.rmtree(path + "-converted", ignore_errors=True)


NAMES = [
    "with space",
    "ünïcode-𝄞",
    "new\nline",
    "\x1b[2Jescape",
    "{braces}{0}",
    "%s%d",
    "'quote\"s",
    "$(touch hacked)",
    "-rf",
    "x" * 200,
]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rules for names")
@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.__name__)
def test_hostile_names(path, load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A conversion takes a second.
    for name in NAMES[3::3] if load is converted else NAMES:
        shutil.copytree(str(MODELS / LOADS[load][0]), name)
        assert strange(load, name) is None, name
        # And where there is something to say of it.
        with open(os.path.join(name, "saved_model.pb"), "r+b") as file:
            file.truncate(100)
        with pytest.raises(unihub.UnihubError) as refused:
            load(name)
        assert [c for c in str(refused.value) if not c.isprintable() and c != "\n"] == []
        shutil.rmtree(name)
    assert not os.path.exists("hacked")


class PathOf:
    def __init__(self, answer):
        self.answer = answer

    def __fspath__(self):
        return self.answer


@pytest.mark.parametrize(
    "take",
    [
        *(load for load in LOADS if load is not converted),
        unihub.load,
        unihub.resolve,
        unihub.inspect,
        lambda path: unihub.convert(path, "converted"),
        unihub.Module,
        unihub.KerasLayer,
        lambda path: unihub.load(path, op="eating"),
        lambda path: unihub.save(tf.Module(), path),
        lambda path: unihub.convert(MODELS / "tf1_hub_scalar", path),
        lambda path: unihub.text_embedding_column("words", path),
        lambda path: unihub.checking.check([path]),
        lambda path: unihub.configure(cache=path),
    ],
)
def test_a_path_that_gives_no_text(take):
    for answer in (5, None, 1.5):
        with pytest.raises(unihub.UnihubError) as refused:
            take(PathOf(answer))
        assert refused.value.code in ("not-a-path", "setting-not-understood")


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for few users")
@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.__name__)
def test_links_that_lead_nowhere_or_round(path, load):
    for target in ("nowhere", "saved_model.pb", "/proc/self/mem", "/dev/null", "."):
        shutil.copytree(str(MODELS / LOADS[load][0]), path)
        os.remove(os.path.join(path, "saved_model.pb"))
        os.symlink(target, os.path.join(path, "saved_model.pb"))
        with pytest.raises(unihub.UnihubError):
            load(path)
        shutil.rmtree(path)


@pytest.mark.skipif(tf.__version__[:2] == "1.", reason="TensorFlow 1.15 validates no model")
@pytest.mark.parametrize("name", ["variables", "trainable_variables", "regularization_losses"])
def test_functions_under_the_names_of_lists(path, name):
    root = tf.train.Checkpoint(**{name: tf.function(lambda: 1.0, input_signature=[])})
    root.__call__ = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(root, path)
    broken = [point.name for point in unihub.validate(path).points if point.kept is False]
    assert name in broken
    with pytest.raises(unihub.UnihubError):
        unihub.KerasLayer(path)
