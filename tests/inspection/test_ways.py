"""Ways round the search for acting ops: each in a graph that is written by hand."""

from __future__ import annotations

import pytest
from hand_made import HUB_MODULE, meta_graph, saved_model, signature, tensor_info

from unihub.formats import read_saved_model
from unihub.inspection import evaluated, reachability
from unihub.inspection.security import When, security_findings


def node(name, op, *inputs, **attributes):
    values = [(5, [(1, key), (2, value)]) for key, value in attributes.items()]
    return 1, [(1, name), (2, op), *((3, one) for one in inputs), *values]


def strings(*texts, shape=()):
    """The value of a constant of strings."""
    return [(8, [(1, 7), (2, [(2, [(1, size)]) for size in shape]), *((8, t) for t in texts)])]


def text(value):
    return [(2, value)]


def found_in(tmp_path, graph, **of_meta_graph):
    """The ops that act, when, and what they are given."""
    more = [(2, graph), *of_meta_graph.pop("more", [])]
    content = saved_model(meta_graph(more=more, **of_meta_graph))
    (tmp_path / "saved_model.pb").write_bytes(content)
    return [(f.op, f.when, f.detail) for f in security_findings(read_saved_model(tmp_path))]


MAIN_OP = {"saved_model_main_op": [(1, [(1, "acts")])]}
WRITES = [node("path", "Const", value=strings("p")), node("acts", "WriteFile", "path")]


def test_all_tensors_of_a_signature_are_run(tmp_path):
    plain = tensor_info("rests:0", 1)
    sparse = [[(4, [(number, "acts:0")])] for number in (1, 2, 3)]
    composite = [(5, [(2, plain), (2, sparse[1])])]
    for info in (*sparse, composite):
        signatures = {"s": signature({}, {"y": info})}
        found = found_in(tmp_path, WRITES, signatures=signatures)
        assert found == [("WriteFile", When.CALL, "'p'")]


def function(name, arguments, *nodes):
    """A function of a library."""
    return 1, [
        (1, [(1, name), *((2, [(1, one)]) for one in arguments)]),
        *((3, n) for _, n in nodes),
    ]


def test_of_a_captured_constant_every_string_counts(tmp_path):
    number, fields = node("c", "Const", value=strings(""))
    repeated = number, [*fields, (5, [(1, "value"), (2, strings("gs://b"))])]
    vector = node("c", "Const", value=strings("", "gs://b", shape=(2,)))
    library = [function("f", ["p"], node("acts", "CacheDatasetV2", "p", "p"))]
    concrete = (2, [(1, "f"), (2, [(2, 1)])])
    objects = (7, [(1, []), (1, [(9, [(1, "c")])]), concrete])
    for constant in (repeated, vector):
        found = found_in(tmp_path, [constant, (2, library)], more=[objects])
        assert found == [("CacheDatasetV2", When.CALL, "'gs://b'")]


def test_nodes_with_one_name_for_what_they_share_are_one_variable(tmp_path):
    def handle(name, shared):
        return node(name, "VarHandleOp", shared_name=text(shared))

    read = node("read", "ReadVariableOp", "h2"), node("acts", "ReadFile", "read")
    local = node("local", "Const", value=strings("/words"))
    remote = node("remote", "Const", value=strings("gs://b"))
    handles = [handle("h1", "v"), handle("h2", "v"), handle("h3", "other")]
    assign = [node("one", "AssignVariableOp", "h2", "local")]
    computed = "what 'ReadVariableOp' computes"
    cases = [
        ([*assign, node("two", "AssignVariableOp", "h1", "remote")], ["'/words'", "'gs://b'"]),
        ([*assign, node("two", "AssignVariableOp", "h3", "remote")], ["'/words'"]),
        ([*assign, node("other", "Identity", "h1")], ["'/words'", computed]),
        ([], [computed]),
    ]
    for nodes, expected in cases:
        graph = [*handles, local, remote, *nodes, *read]
        found = found_in(tmp_path, graph, collections=MAIN_OP)
        (detail,) = [detail for op, _, detail in found if op == "ReadFile"]
        assert sorted(detail.split(", ")) == expected


def test_only_what_the_loader_feeds_is_an_asset(tmp_path):
    def asset(tensor, name="words.txt"):
        return [(1, [(1, tensor)]), (2, name)]

    def listed(*assets):
        return {**MAIN_OP, "saved_model_assets": [(5, [(1, [(2, one)]) for one in assets])]}

    def own(*assets):
        return [(6, one) for one in assets]

    graph = [node("p", "Const", value=strings("/etc/x")), node("acts", "ReadFile", "p:0")]
    fed, other = asset("p:0"), asset("other:0")
    for collections, more, is_fed in (
        (listed(fed), [], True),
        (listed(), own(fed), True),
        (listed(fed), own(fed), True),
        # One of both loaders does not feed these.
        (listed(fed), own(other), False),
        (listed(other), own(fed), False),
        (listed(fed), own(asset("p:0", "others.txt")), False),
        (listed(asset("p:1")), [], False),
    ):
        found = found_in(tmp_path, graph, collections=collections, more=more)
        assert [op for op, _, _ in found] == ([] if is_fed else ["ReadFile"])
    (tmp_path / "tfhub_module.pb").write_bytes(HUB_MODULE)
    assert found_in(tmp_path, graph, collections=MAIN_OP, more=own(fed))
    assert not found_in(tmp_path, graph, collections=listed(fed))


PARTS = {
    "scheme": ["gs:/"],
    "bucket": ["/bucket/x"],
    "name": ["gs"],
    "folder": ["/words/"],
    "either": ["/a", "gs:/"],
    "empty": [""],
    "many": [f"s{index}:/" for index in range(100)],
}
COMPUTED = "what 'StringJoin' computes"


@pytest.mark.parametrize(
    ("parts", "separator", "expected"),
    [
        (["scheme", "bucket"], "", {"'gs://bucket/x'"}),
        (["name", "bucket"], ":/", {"'gs://bucket/x'"}),
        (["either", "bucket"], "", {"'/a/bucket/x'", "'gs://bucket/x'"}),
        (["folder", "name"], "", {"'/words/gs'"}),
        (["scheme", "given"], "", {COMPUTED}),
        (["name", "given"], "", {COMPUTED}),
        (["empty", "given"], "gs://", {COMPUTED}),
        (["many", "bucket"], "", {COMPUTED}),
        (["round", "bucket"], "", {COMPUTED}),
        (["folder", "given"], "", {"'/words/'", "what the caller gives as 'given'"}),
        (["empty", "given"], "", {"what the caller gives as 'given'"}),
        (["given", "bucket"], "", {"what the caller gives as 'given'", "'/bucket/x'"}),
    ],
)
def test_strings_are_put_together_before_they_are_judged(tmp_path, parts, separator, expected):
    nodes = [
        node(name, "Const", value=strings(*texts, shape=(len(texts),)))
        for name, texts in PARTS.items()
    ]
    nodes += [node("given", "Placeholder"), node("round", "Identity", "path")]
    nodes += [node("path", "StringJoin", *parts, separator=text(separator))]
    found = found_in(tmp_path, [*nodes, node("acts", "ReadFile", "path")], collections=MAIN_OP)
    (detail,) = [detail for op, _, detail in found if op == "ReadFile"]
    details = set(detail.split(", "))
    assert details >= expected
    assert (COMPUTED in details) == (COMPUTED in expected)


def test_functions_of_one_interface_stand_for_one_another(tmp_path, monkeypatch):
    def implementing(name, api, *nodes):
        number, fields = function(name, ["path"], *nodes)
        return number, [*fields, (5, [(1, "api_implements"), (2, text(api))])]

    acts, rests = node("acts", "WriteFile", "path"), node("rests", "Identity", "path")
    path = node("path", "Const", value=strings("p"))
    call = node("call", "PartitionedCall", "path", f=[(10, [(1, "good")])])
    signatures = {"s": signature({}, {"y": tensor_info("call:0", 1)})}
    for api, expected in (("same", [("WriteFile", When.CALL, "'p'")]), ("other", [])):
        library = [implementing("good", "same", rests), implementing("bad", api, acts)]
        graph = [path, call, (2, library)]
        for most in (50, 0):
            monkeypatch.setattr(reachability, "_MOST_TRACED", most)
            assert found_in(tmp_path, graph, signatures=signatures) == expected


def called_by(op, *given):
    """A function that a node calls, and that evaluates an acting op to know a shape."""
    acts = node("acts", "DebugIdentity", "size", debug_urls=text("file://acted"))
    inner = function("inner", ["size"], acts, node("shape", "Reshape", "size", "acts:output:0"))
    outer = function("outer", ["size"], node("call", "inner", "size"))
    attributes = {"f": [(10, [(1, "outer")])]}
    return [node("call", op, *given, **attributes), (2, [inner, outer])]


SIZE = node("size", "Const", value=[(8, [(1, 3)])])
GIVEN = node("given", "Placeholder")


@pytest.mark.parametrize(
    ("graph", "is_evaluated"),
    [
        ([SIZE, *called_by("PartitionedCall", "size")], True),
        ([SIZE, *called_by("outer", "size")], True),
        ([GIVEN, node("size", "Shape", "given"), *called_by("outer", "size")], True),
        ([GIVEN, node("size", "Neg", "given"), *called_by("outer", "size")], False),
        ([SIZE, *called_by("MapDataset", "size")], False),
    ],
)
def test_constants_are_followed_into_functions(tmp_path, monkeypatch, graph, is_evaluated):
    expected = [("DebugIdentity", When.LOAD, "'file://acted'")] if is_evaluated else []
    for most in (20, -1):
        monkeypatch.setattr(evaluated, "_MOST_ASKED", most)
        assert found_in(tmp_path, graph) == expected


@pytest.mark.parametrize("op", ["Shape", "ShapeN", "Rank", "Size"])
def test_a_known_shape_is_a_constant(tmp_path, op):
    acts = node("acts", "DebugIdentity", "size", debug_urls=text("file://acted"))
    graph = [GIVEN, node("size", op, "given"), acts, node("y", "Reshape", "given", "acts")]
    assert found_in(tmp_path, graph) == [("DebugIdentity", When.LOAD, "'file://acted'")]
