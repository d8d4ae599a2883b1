from __future__ import annotations

import contextlib
import sys

import pytest
from golden import check_golden
from hand_made import encode, meta_graph, saved_model, signature, tensor_info
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inspection.acting_table import ACTING, EXPECTED, findings_in, other_models

from unihub.errors import UnihubError
from unihub.formats import read_saved_model
from unihub.inspection import other_files
from unihub.inspection.op_dangers import DANGERS, Severity
from unihub.inspection.refused_files import AssetEscapes
from unihub.inspection.security import (
    When,
    escapes,
    refuse_escaping_assets,
    security_findings,
)


@pytest.mark.parametrize("name", EXPECTED)
def test_models_that_act_are_flagged_and_others_not(name):
    found = findings_in(ACTING / name)
    told = [(f.severity.value, f.op, f.when.value) for f in found]
    assert told == [row[:3] for row in EXPECTED[name]]
    for finding, row in zip(found, EXPECTED[name]):
        assert row[3] in finding.detail


def test_every_acting_model_has_its_row():
    assert sorted(path.name for path in ACTING.iterdir()) == sorted(EXPECTED)


@pytest.mark.parametrize("folder", list(other_models()), ids=lambda path: path.name)
def test_no_alarm_in_models_that_do_not_act(folder):
    assert findings_in(folder) == ()


def test_only_what_matters_enough_is_told():
    model = read_saved_model(ACTING / "reads")
    assert security_findings(model, Severity.HIGH) == ()
    assert len(security_findings(model, Severity.MEDIUM)) == 1


def test_ops_that_are_registered_beside_tensorflows_are_known():
    model = read_saved_model(ACTING / "unknown_op")
    assert security_findings(model, also_known=["OpenBackDoor"]) == ()


def test_a_finding_says_who_runs_it_and_where():
    (finding,) = findings_in(ACTING / "tf1_main_op_writes")
    assert str(finding) == (
        "high: WriteFile writes files 'acted.txt', when it is loaded, by the initialiser in "
        "saved_model_main_op (node 'WriteFile')"
    )


@pytest.mark.parametrize("op", sorted(DANGERS))
def test_every_danger_is_found_where_something_runs_it(tmp_path, op):
    (tmp_path / "saved_model.pb").write_bytes(writing(op, attributes={"module": b"custom_call"}))
    danger = DANGERS[op]
    # Without its attribute an op does nothing, where "" is harmless.
    is_harmless = danger.attribute and danger.harmless
    expected = [] if is_harmless else [(op, danger.severity, danger.effect, When.CALL)]
    found = security_findings(read_saved_model(tmp_path))
    assert [(f.op, f.severity, f.effect, f.when) for f in found] == expected


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("words.txt", False),
        ("folder/words.txt", False),
        ("..words", False),
        ("../words.txt", True),
        ("folder/../../words.txt", True),
        ("/etc/passwd", True),
        ("..\\words.txt", True),
        ("C:\\words.txt", True),
        ("gs://bucket/words.txt", True),
    ],
)
def test_names_that_lead_out_of_the_folder(asset, expected):
    assert escapes(asset) is expected


def test_an_escaping_asset_is_refused():
    folder = ACTING / "asset_escapes"
    with pytest.raises(AssetEscapes) as refused:
        refuse_escaping_assets("model", read_saved_model(folder))
    check_golden("asset-escapes", str(refused.value), folder=folder)


def test_assets_that_stay_are_not_refused():
    refuse_escaping_assets("model", read_saved_model(ACTING / "harmless_table"))


@pytest.mark.parametrize(
    ("name", "severity"), [("ops.so", "medium"), ("a.pkl", "medium"), ("w.h5", "low")]
)
def test_files_that_run_code_elsewhere(tmp_path, name, severity):
    (tmp_path / "saved_model.pb").write_bytes(writing("Identity"))
    (tmp_path / name).write_bytes(b"")
    (finding,) = security_findings(read_saved_model(tmp_path))
    assert (finding.severity.value, finding.op, finding.when) == (severity, name, When.NEVER)


def attribute(key, value):
    return 5, [(1, key), (2, [(2, value)])]


def writing(*ops, graph_input="path", attributes=()):
    """A SavedModel whose signature runs a node; it has each of these ops in turn."""
    given = [attribute(key, value) for key, value in dict(attributes).items()]
    nodes = [
        (1, [(1, "path"), (2, "Const"), (5, [(1, "value"), (2, [(8, [(1, 7), (8, "p")])])])]),
        (1, [(1, "y"), *((2, op) for op in ops), (3, graph_input), *given]),
    ]
    tensors = signature({}, {"y": tensor_info("y:0", 1)})
    return saved_model(meta_graph(signatures={"s": tensors}, more=[(2, nodes)]))


def test_of_an_op_given_twice_neither_hides_the_other(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(writing("Identity", "WriteFile"))
    (finding,) = security_findings(read_saved_model(tmp_path))
    assert (finding.op, finding.detail) == ("WriteFile", "'p'")


def const(name, text):
    return (1, [(1, name), (2, "Const"), (5, [(1, "value"), (2, [(8, [(1, 7), (8, text)])])])])


def in_a_row(tmp_path, nodes):
    """Findings in a model whose signature runs every node but the constants."""
    outputs = {f"y{i}": tensor_info(f"{fields[0][1]}:0", 1) for i, (_, fields) in enumerate(nodes)}
    tensors = signature({}, outputs)
    graph = meta_graph(signatures={"s": tensors}, more=[(2, nodes)])
    (tmp_path / "saved_model.pb").write_bytes(saved_model(graph))
    return security_findings(read_saved_model(tmp_path))


def prints(index, stream):
    return (1, [(1, f"print{index}"), (2, "PrintV2"), attribute("output_stream", stream)])


def test_harmless_occurrences_do_not_hide_another(tmp_path):
    nodes = [prints(i, "log(info)") for i in range(105)] + [prints(105, "file://acted")]
    (finding,) = in_a_row(tmp_path, nodes)
    assert finding.detail == "'file://acted'"


def with_paths(op, texts):
    for index, text in enumerate(texts):
        yield const(f"path{index}", text)
        yield (1, [(1, f"acts{index}"), (2, op), (3, f"path{index}")])


def test_what_is_too_much_to_tell_is_counted(tmp_path):
    found = in_a_row(tmp_path, list(with_paths("WriteFile", [f"out{i}" for i in range(1250)])))
    assert len(found) == 101
    details = [finding.detail for finding in found]
    assert [detail for detail in details if "more" in detail] == ["'out100' and 1,149 more like it"]


def test_what_is_graver_than_much_else_is_told(tmp_path):
    paths = [f"/etc/{i}" for i in range(120)] + ["gs://bucket/secret"]
    first, *_ = in_a_row(tmp_path, list(with_paths("ReadFile", paths)))
    assert (first.severity, first.detail) == (Severity.HIGH, "'gs://bucket/secret'")


def test_a_folder_of_too_many_files_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(other_files, "_MOST_FILES", 2)
    for name in ("a.txt", "b.txt", "c.so"):
        (tmp_path / name).write_bytes(b"")
    (finding,) = in_a_row(tmp_path, [])
    assert "more files" in finding.effect


def test_a_graph_in_many_strings_is_searched_once(tmp_path):
    inner = encode([const("p", "inner.txt"), (1, [(1, "w"), (2, "WriteFile"), (3, "p")])])
    found = in_a_row(tmp_path, list(with_paths("DatasetFromGraph", [inner] * 50)))
    assert [finding.op for finding in found].count("DatasetFromGraph") == 50
    assert [finding.op for finding in found].count("WriteFile") == 1


def twice(*entries):
    """Entries of one key, one with an unknown field, for which protobuf may leave it out."""
    for marked in range(len(entries)):
        yield [[*one, (9, 5)] if place == marked else one for place, one in enumerate(entries)]


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_key_given_twice_neither_value_hides_the_other(tmp_path, order):
    for collections in twice(*named_ops("acts", "rests")[::order]):
        nodes = [const("path", "out"), (1, [(1, "acts"), (2, "WriteFile"), (3, "path")])]
        nodes += [(1, [(1, "rests"), (2, "NoOp")])]
        graph = meta_graph(more=[(2, nodes), *((4, one) for one in collections)])
        (tmp_path / "saved_model.pb").write_bytes(saved_model(graph))
        (finding,) = security_findings(read_saved_model(tmp_path))
        assert (finding.op, finding.when) == ("WriteFile", When.LOAD)
    streams = [attribute("output_stream", text)[1] for text in ("stderr", "file://out")]
    for attributes in twice(*streams[::order]):
        node = (1, [(1, "print"), (2, "PrintV2"), *((5, one) for one in attributes)])
        (finding,) = in_a_row(tmp_path, [node])
        assert "file://out" in finding.detail


def named_ops(*names):
    return [[(1, "saved_model_main_op"), (2, [(1, [(1, name)])])] for name in names]


def test_names_of_a_hostile_model_cannot_forge_lines(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(writing("Bad\n\x1b[2JOp"))
    (finding,) = security_findings(read_saved_model(tmp_path))
    assert finding.op == "Bad\\n\\x1b[2JOp"
    assert "\n" not in str(finding)


def test_inputs_that_go_round_in_a_circle(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(writing("WriteFile", graph_input="y"))
    (finding,) = security_findings(read_saved_model(tmp_path))
    assert finding.detail == "what 'WriteFile' computes"


def in_functions_that_call_on(count):
    """A model whose functions each write to the path that they are given, and pass it on."""
    functions = []
    for index in range(count):
        writes = (3, [(1, "w"), (2, "WriteFile"), (3, "x"), (3, "x")])
        calls = (3, [(1, "c"), (2, f"f{index + 1}"), (3, "x")])
        body = [writes, calls] if index + 1 < count else [writes]
        functions.append((1, [(1, [(1, f"f{index}"), (2, [(1, "x")])]), *body]))
    nodes = [const("path", "p"), (1, [(1, "y"), (2, "f0"), (3, "path")]), (2, functions)]
    tensors = signature({}, {"y": tensor_info("y:0", 1)})
    return saved_model(meta_graph(signatures={"s": tensors}, more=[(2, nodes)]))


def test_of_many_paths_through_the_same_functions_each_is_looked_at_once(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(in_functions_that_call_on(80))
    model = read_saved_model(tmp_path)
    decoded = []

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_name == "_walk_place":
            decoded.append(frame)

    sys.setprofile(note)
    try:
        found = security_findings(model)
    finally:
        sys.setprofile(None)
    assert {(f.op, f.detail) for f in found} == {("WriteFile", "'p'")}
    assert len(found) == 80
    # Seven for each; every path by itself would be 160 for each.
    assert len(decoded) < 80 * 20


def test_many_functions_that_call_one_another(tmp_path):
    count = 3000
    functions = []
    for index in range(count):
        calls = [(1, "c"), (2, "PartitionedCall")]
        calls += [(5, [(1, "f"), (2, [(10, [(1, f"f{index + 1}")])])])]
        body = [(3, calls), (3, [(1, "w"), (2, "WriteFile")])]
        functions.append((1, [(1, [(1, f"f{index}")]), *body]))
    node = [(1, "y"), (2, "PartitionedCall"), (5, [(1, "f"), (2, [(10, [(1, "f0")])])])]
    tensors = signature({}, {"y": tensor_info("y:0", 1)})
    graph = [(2, [(1, node), (2, functions)])]
    (tmp_path / "saved_model.pb").write_bytes(
        saved_model(meta_graph(signatures={"s": tensors}, more=graph))
    )
    found = security_findings(read_saved_model(tmp_path))
    assert {(finding.op, finding.when) for finding in found} == {("WriteFile", When.CALL)}
    # 3,000 of them act: as many are told as ever, and the others are counted.
    assert [f.detail for f in found if f.detail] == ["and 2,899 more like it"]


SEEDS = [ACTING / name for name in ("dataset_graph", "tf1_main_op_writes", "harmless_table")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 200),
)
def test_damaged_files_raise_nothing_but_our_errors(tmp_path, seed, changes, cut):
    content = bytearray((seed / "saved_model.pb").read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    (tmp_path / "saved_model.pb").write_bytes(bytes(content[: len(content) - cut * (cut > 100)]))
    with contextlib.suppress(UnihubError):
        security_findings(read_saved_model(tmp_path))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=st.binary(max_size=200))
def test_any_bytes_as_a_graph(tmp_path, graph):
    (tmp_path / "saved_model.pb").write_bytes(
        saved_model(meta_graph(more=[(2, graph)])) + encode([])
    )
    with contextlib.suppress(UnihubError):
        security_findings(read_saved_model(tmp_path))


def test_the_models_do_act(tmp_path, monkeypatch):
    import tensorflow as tf

    if tf.__version__.startswith("1."):
        pytest.skip("these models are TF 2.15's, which TensorFlow 1.15 does not load")
    monkeypatch.chdir(tmp_path)
    written = tmp_path / "acted.txt"
    model = tf.saved_model.load(str(ACTING / "writes"))
    assert not written.exists()
    model(tf.constant([1.0]))
    assert written.read_text() == "acted"
    written.unlink()
    tf.saved_model.load(str(ACTING / "load_writes"))
    assert written.read_text() == "acted"
