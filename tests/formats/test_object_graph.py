from __future__ import annotations

import pytest
from conftest import MODELS
from hand_made import encode, function, saved_object

from unihub.formats import read_saved_model
from unihub.formats.object_graph import ObjectGraph, read_object_graph
from unihub.formats.wire import read_message

BARE_FUNCTION = saved_object(8, {}, [(1, "f")])
VARIABLE = saved_object(7, {}, [(1, 1)])


def user_object(identifier="_generic_user_object", **children):
    return saved_object(4, children, [(1, identifier)])


def read(*objects):
    data = encode([(1, node) for node in objects])
    return read_object_graph(read_message(data, "saved_model.pb", "SavedObjectGraph"))


def test_no_objects():
    assert read() is None


def test_nothing_offered():
    assert read(user_object()) == ObjectGraph(
        callable=False,
        children=(),
        callables=(),
        variables=0,
        trainable_variables=0,
        regularization_losses=0,
        has_training_argument=False,
    )


def test_reusable_saved_model():
    lists = {"variables": 2, "trainable_variables": 3, "regularization_losses": 4}
    graph = read(
        user_object(__call__=1, **lists),
        function("self", "inputs", "training"),
        saved_object(4, {"0": 5, "1": 5, "2": 5}, [(1, "trackable_list_wrapper")]),
        saved_object(4, {"0": 5, "1": 5}, [(1, "trackable_list_wrapper")]),
        saved_object(4, {"0": 6}, [(1, "trackable_list_wrapper")]),
        VARIABLE,
        function(),
    )
    assert graph == ObjectGraph(
        callable=True,
        children=("__call__", "variables", "trainable_variables", "regularization_losses"),
        callables=(),
        variables=3,
        trainable_variables=2,
        regularization_losses=1,
        has_training_argument=True,
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (function("inputs", "training"), True),
        (function("inputs"), False),
        (BARE_FUNCTION, False),
        (user_object(), False),
    ],
)
def test_training_argument(call, expected):
    assert read(user_object(__call__=1), call).has_training_argument is expected


def test_training_as_a_keyword_only_argument():
    names = [(51, [(1, [(13, "training")])])]
    spec = [(54, [(2, [(1, "args"), (2, [(51, [])])]), (2, [(1, "kwonlyargs"), (2, names)])])]
    call = saved_object(6, {}, [(2, [(1, spec)])])
    assert read(user_object(__call__=1), call).has_training_argument


def test_callables_nearest_first_and_each_once():
    graph = read(
        user_object(deep=1, encode=4, again=4),
        user_object(deeper=2, near=3),
        user_object(__call__=5, encode=4, inner=6),
        user_object(__call__=5),
        function("x"),
        function("self", "x"),
        BARE_FUNCTION,
    )
    assert graph.callables == ("encode", "deep.deeper", "deep.near", "deep.deeper.inner")


def test_callables_in_containers():
    graph = read(
        user_object(heads=1, by_name=2, pair=3),
        saved_object(4, {"0": 4, "1": 5, "x": 6}, [(1, "trackable_list_wrapper")]),
        saved_object(4, {"a": 7, "it's": 8}, [(1, "trackable_dict_wrapper")]),
        saved_object(4, {"0": 9}, [(1, "trackable_tuple_wrapper")]),
        *[function("x")] * 6,
    )
    assert graph.callables == (
        "heads[0]",
        "heads[1]",
        "by_name['a']",
        'by_name["it\'s"]',
        "pair[0]",
    )


@pytest.mark.parametrize(
    "name",
    [
        "_private",
        "__call__",
        "layer-0",
        "0",
        "lambda",
        "",
        "call_and_return_conditional_losses",
        "keras_api",
        "regularization_losses",
        "trainable_variables",
        "variables",
    ],
)
def test_not_offered(name):
    graph = read(user_object(**{name: 1}), user_object(f=2), function("x"))
    assert graph.callables == ()


def test_signatures_are_no_callables():
    graph = read(
        user_object(signatures=1, other=2),
        user_object("signature_map", serving_default=3),
        user_object("signature_map", serving_default=3),
        BARE_FUNCTION,
    )
    assert graph.callables == ()


@pytest.mark.parametrize("index", [1, 5, -1, 1 << 31, (1 << 63) - 1])
def test_a_child_that_does_not_exist(index):
    graph = read(user_object(__call__=index, f=index))
    assert (graph.callable, graph.children, graph.callables) == (False, (), ())


def test_a_graph_with_cycles():
    graph = read(user_object(root=0, a=1), user_object(root=0, a=1, b=2, __call__=2), function())
    assert graph.callables == ("a", "a.b")


def test_long_chains_are_cut():
    chain = [user_object(attribute=index + 1, __call__=index + 1) for index in range(1000)]
    callables = read(*chain).callables
    assert len(callables) == 20
    assert len(callables[-1]) == 199


def test_many_callables_are_cut():
    names = {f"f{index}": index + 1 for index in range(300)}
    assert len(read(user_object(**names), *[function()] * 300).callables) == 100


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tf2_reusable", ObjectGraph(True, (), ("kernel_penalty",), 3, 2, 1, True)),
        (
            "tf2_signatures_only",
            ObjectGraph(False, (), ("pair", "statistics"), 0, 0, 0, False, "pair"),
        ),
        (
            "tf2_sub_objects",
            ObjectGraph(False, (), ("encoder", "decoder"), 0, 0, 0, False, "encoder", "encoder"),
        ),
        ("keras2_saved_model", ObjectGraph(True, (), (), 5, 3, 1, True)),
        ("keras3_export", ObjectGraph(False, (), ("serve",), 5, 3, 0, False, "serve")),
    ],
)
def test_fixtures(name, expected):
    (graph,) = read_saved_model(MODELS / name).meta_graphs
    found = graph.object_graph
    assert ObjectGraph(**{**vars(found), "children": ()}) == expected


def test_callables_of_a_loaded_model(eager, tmp_path):
    import tensorflow as tf

    class Piece(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None])])
        def __call__(self, x):
            return x + 1.0

        @tf.function(input_signature=[tf.TensorSpec([None])])
        def embed(self, x):
            return x

    root = tf.Module()
    root.encoder = Piece()
    root.heads = [Piece(), Piece()]
    root.by_name = {"a": Piece()}
    root.pair = (Piece(),)
    root.bare = Piece().embed.get_concrete_function()
    tf.saved_model.save(root, str(tmp_path))

    callables = read_saved_model(tmp_path).meta_graphs[0].object_graph.callables
    assert sorted(callables) == [
        "bare",
        "by_name['a']",
        "by_name['a'].embed",
        "encoder",
        "encoder.embed",
        "heads[0]",
        "heads[0].embed",
        "heads[1]",
        "heads[1].embed",
        "pair[0]",
        "pair[0].embed",
    ]
    loaded = tf.saved_model.load(str(tmp_path))
    reached = [eval(f"loaded.{path}", {"loaded": loaded}) for path in callables]
    assert [found for found in reached if not callable(found)] == []
