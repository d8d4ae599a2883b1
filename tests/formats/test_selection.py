from __future__ import annotations

import pytest

from unihub.formats import MetaGraph, ObjectGraph, SavedModel, Signature, TensorInfo
from unihub.formats.not_there import (
    AmbiguousSignature,
    AmbiguousTags,
    NothingToCall,
    OutputOfCallable,
    UnknownOutputKey,
    UnknownSignature,
    UnknownTags,
)
from unihub.formats.selection import (
    choose_meta_graph,
    choose_output,
    choose_signature,
)
from unihub.matrix import Format, Operation

FLOAT = TensorInfo("x:0", "float32", (None,), "dense")


def signature(name="default", outputs=("default",)):
    return Signature(name, {"x": FLOAT}, dict.fromkeys(outputs, FLOAT), "")


def graph(*signatures, tags=(), callable=None, callables=()):
    objects = None
    if callable is not None:
        objects = ObjectGraph(
            callable=callable,
            children=(),
            callables=callables,
            variables=0,
            trainable_variables=0,
            regularization_losses=0,
            has_training_argument=False,
        )
    return MetaGraph(tags, {s.name: s for s in signatures}, "2.0", (), objects, ())


def model(*variants, format=Format.TF1_HUB):
    return SavedModel("path", format, "", tuple(graph(tags=tags) for tags in variants))


FINE_TUNING, INFERENCE = Operation.FINE_TUNING, Operation.INFERENCE


@pytest.mark.parametrize(
    ("variants", "operation", "training", "tags", "expected"),
    [
        ([(), ("train",)], INFERENCE, None, None, ()),
        ([(), ("train",)], FINE_TUNING, None, None, ("train",)),
        ([(), ("train",)], FINE_TUNING, True, None, ("train",)),
        ([(), ("train",)], FINE_TUNING, False, None, ()),
        ([()], FINE_TUNING, True, None, ()),
        ([("serve",), ("gpu", "serve")], INFERENCE, None, None, ("serve",)),
        ([("serve",), ("gpu", "serve")], INFERENCE, None, ["serve", "gpu"], ("gpu", "serve")),
        ([("serve",), ("gpu", "serve")], INFERENCE, None, {"gpu", "serve"}, ("gpu", "serve")),
        ([("odd",)], INFERENCE, None, None, ("odd",)),
        ([("serve",), ("train",)], INFERENCE, None, "train", ("train",)),
        ([(), ("train",)], FINE_TUNING, True, [], ()),
    ],
)
def test_tags(variants, operation, training, tags, expected):
    assert choose_meta_graph(model(*variants), "h", operation, training, tags).tags == expected


def test_a_tf2_saved_model_has_no_train_graph():
    two = model(("serve",), ("train",), format=Format.TF2_SAVED_MODEL)
    assert choose_meta_graph(two, "h", FINE_TUNING).tags == ("serve",)


def test_unknown_tags():
    with pytest.raises(UnknownTags, match=r"\['gpu'\].*") as raised:
        choose_meta_graph(model((), ("train",)), "h", tags={"gpu"})
    assert "[], ['train']" in str(raised.value)


def test_ambiguous_tags():
    with pytest.raises(AmbiguousTags):
        choose_meta_graph(model(("a",), ("b",)), "h")


@pytest.mark.parametrize(
    ("names", "wanted", "expected"),
    [
        (["default", "other"], None, "default"),
        (["a", "serving_default"], None, "serving_default"),
        (["only"], None, "only"),
        (["a", "b"], "b", "b"),
    ],
)
def test_signature(names, wanted, expected):
    chosen = choose_signature(graph(*map(signature, names)), "h", wanted)
    assert chosen.name == expected


def test_a_callable_needs_no_signature():
    assert choose_signature(graph(signature(), callable=True), "h") is None


def test_a_callable_can_be_called_by_signature():
    assert choose_signature(graph(signature("s"), callable=True), "h", "s").name == "s"


def test_unknown_signature_names_the_nearest():
    with pytest.raises(UnknownSignature) as raised:
        choose_signature(graph(signature("serving_default")), "h", "serving_defualt")
    assert raised.value.do == "unihub.load('h', signature='serving_default')"


def test_ambiguous_signature():
    with pytest.raises(AmbiguousSignature, match="'a', 'b'"):
        choose_signature(graph(signature("a"), signature("b")), "h")


def test_nothing_to_call_names_the_parts():
    with pytest.raises(NothingToCall) as raised:
        choose_signature(graph(callable=False, callables=("encoder",)), "h")
    assert raised.value.do == "unihub.load('h').encoder(inputs)"


@pytest.mark.parametrize(
    ("outputs", "output_key", "as_dict", "expected"),
    [
        (["default", "other"], None, None, "default"),
        (["only"], None, None, "only"),
        (["a", "b"], None, None, None),
        (["a", "b"], "b", None, "b"),
        (["default", "other"], None, True, None),
        (["only"], None, True, None),
        (["only"], None, False, "only"),
        (["a", "b"], None, False, None),
    ],
)
def test_output(outputs, output_key, as_dict, expected):
    assert choose_output(signature(outputs=outputs), "h", output_key, as_dict) == expected


def test_unknown_output_key():
    with pytest.raises(UnknownOutputKey, match="'a', 'b'"):
        choose_output(signature(outputs=["a", "b"]), "h", "c")


def test_outputs_of_a_callable_have_no_names():
    with pytest.raises(OutputOfCallable):
        choose_output(None, "h", "c")
