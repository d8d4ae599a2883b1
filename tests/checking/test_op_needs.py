from __future__ import annotations

import json

import pytest
from checking.checked import model_with_op, rules_of
from conftest import MODELS

from unihub.checking import check
from unihub.checking.fixing import rewritten_content
from unihub.checking.models import model_at_hand
from unihub.checking.op_needs import Need, need_of
from unihub.checking.targets import TARGETS

RULES = ("op-package-not-imported", "op-package-not-installed")
TFHUB = "https://tfhub.dev"
KAGGLE = "https://www.kaggle.com/models"


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    return model_with_op(tmp_path_factory.mktemp("models") / "text")


def found(text, runtime="tf2"):
    return [(line, rule) for line, rule in rules_of(text, runtime) if rule in RULES]


def test_need_by_the_graph(text_model):
    model = model_at_hand(str(text_model), "")
    assert need_of(str(text_model), model) == Need(
        "tensorflow_text", "it has the op CaseFoldUTF8", certain=True
    )
    assert need_of(str(text_model), model).package == "tensorflow_text"


@pytest.mark.parametrize("name", ["tf1_hub_image", "tf1_hub_text", "tf2_text", "keras3_export"])
def test_ops_of_tensorflow_need_nothing(name):
    path = str(MODELS / name)
    assert need_of(path, model_at_hand(path, "")) is None


@pytest.mark.parametrize(
    "handle",
    [
        f"{TFHUB}/google/universal-sentence-encoder-multilingual/3",
        f"{TFHUB}/google/universal-sentence-encoder-multilingual-large/2",
        f"{TFHUB}/google/universal-sentence-encoder-multilingual-qa/3",
        f"{TFHUB}/tensorflow/bert_en_uncased_preprocess/3",
        f"{TFHUB}/tensorflow/albert_en_preprocess/2",
        f"{KAGGLE}/tensorflow/bert/tensorFlow2/en-uncased-preprocess/3",
        f"{KAGGLE}/tensorflow/bert/frameworks/TensorFlow2/variations/en-uncased-preprocess/versions/3",
        f"{KAGGLE}/google/universal-sentence-encoder/tensorFlow2/multilingual/2",
    ],
)
def test_need_by_a_published_name(handle):
    need = need_of(handle, model_at_hand(handle, ""))
    assert (need.package, need.certain) == ("tensorflow_text", False)


@pytest.mark.parametrize(
    "handle",
    [
        f"{TFHUB}/google/universal-sentence-encoder-multilingual/1",
        f"{TFHUB}/google/universal-sentence-encoder/4",
        f"{TFHUB}/tensorflow/bert_en_uncased_L-12_H-768_A-12/4",
        f"{KAGGLE}/google/universal-sentence-encoder/tensorFlow2/large/2",
        f"{KAGGLE}/tensorflow/bert/tensorFlow2/bert-en-uncased-l-4-h-128-a-2/2",
        "a/local/bert_en_uncased_preprocess/3",
        3,
    ],
)
def test_nothing_is_said_of_other_names(handle):
    assert need_of(handle, None) is None


@pytest.mark.parametrize("runtime", sorted(TARGETS))
@pytest.mark.parametrize("call", ["load", "KerasLayer", "Module"])
def test_every_way_to_load(call, runtime, text_model):
    text = f"import tensorflow_hub as hub\nhub.{call}('{text_model}')\n"
    assert found(text, runtime) == [(2, RULES[0])]


@pytest.mark.parametrize(
    "imported",
    [
        "import tensorflow_text",
        "import tensorflow_text as text  # Registers the ops.",
        "from tensorflow_text import SentencepieceTokenizer",
        "def f():\n    import tensorflow_text.python",
        "try:\n    import tensorflow_text\nexcept ImportError:\n    pass",
        "import importlib\nimportlib.import_module('tensorflow_text')",
        "__import__('tensorflow_text')",
        "import keras_nlp",
    ],
)
def test_imported_anywhere(imported, text_model):
    text = f"import tensorflow_hub as hub\nhub.load('{text_model}')\n"
    assert found(f"{imported}\n{text}") == found(f"{text}{imported}\n") == []


@pytest.mark.parametrize("imported", ["", "import tensorflow_text_tools", "tensorflow_text = 1"])
def test_not_imported(imported, text_model):
    text = f"{imported}\nimport tensorflow_hub as hub\nhub.load('{text_model}')\n"
    assert found(text) == [(3, RULES[0])]


@pytest.mark.parametrize("imported", ["import helpers", "from helpers import f", "from . import f"])
def test_modules_of_ones_own_may_import_it(imported, text_model, tmp_path):
    (tmp_path / "helpers.py").write_text("")
    script = tmp_path / "script.py"
    script.write_text(f"{imported}\nimport tensorflow_hub as hub\nhub.load('{text_model}')\n")
    (one,) = check([script], runtime="tf2").findings
    assert (one.rule, one.level.value) == (RULES[0], "warning")


def test_unihub_imports_it_by_itself(text_model):
    text = f"import unihub as hub\nhub.load('{text_model}')\nhub.KerasLayer('{text_model}')\n"
    assert found(text) == found(text, "tf1") == []
    assert found(f"import unihub\nunihub.Module('{text_model}')", "tf1") == [(2, RULES[0])]
    text = "import unihub\nunihub.install()\nimport tensorflow_hub as hub\n"
    assert found(text + f"hub.load('{text_model}')\n") == []


def test_what_is_not_installed_here(text_model, tmp_path, monkeypatch):
    text = f"import tensorflow_text, unihub\nunihub.load('{text_model}')\n"
    assert found(text, "here") == [(2, RULES[1])]
    (tmp_path / "tensorflow_text").mkdir()
    (tmp_path / "tensorflow_text" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert found(text, "here") == []


def test_cells_of_a_notebook_are_one_script(text_model, tmp_path):
    sources = ["import tensorflow_hub as hub", f"hub.load('{text_model}')"]
    book = tmp_path / "book.ipynb"
    for cells, expected in ((sources, [(2, 1)]), (["import tensorflow_text", *sources], [])):
        code = [{"cell_type": "code", "source": source} for source in cells]
        book.write_text(json.dumps({"cells": code}))
        places = [one.place for one in check([book], runtime="tf2", select=[RULES[0]]).findings]
        assert [(place.cell, place.line) for place in places] == expected


def test_fixing_mends_it(text_model):
    pytest.importorskip("libcst", reason="libcst, an optional extra, is not installed")
    text = f"import tensorflow_hub as hub\nhub.load('{text_model}')\n"
    after, _ = rewritten_content("script.py", text.encode(), TARGETS["tf2"])
    assert found(after.decode()) == []


def test_a_graph_that_cannot_be_read(tmp_path):
    folder = model_with_op(tmp_path / "text")
    content = (folder / "saved_model.pb").read_bytes()
    # The name would be longer than the message that it is in.
    (folder / "saved_model.pb").write_bytes(content.replace(b"\x0cCaseFold", b"\x7fCaseFold"))
    text = f"import tensorflow_hub as hub\nhub.load('{folder}')\n"
    assert rules_of(text) == [(2, "model-unreadable")]
