"""Which nodes and functions may be run by themselves."""

from __future__ import annotations

import pytest
import tensorflow as tf

from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from unihub.apis.lean import functions as nodes
from unihub.apis.lean.plan import Declined
from unihub.apis.lean.private import FunctionDef, op_definition

FLOAT = tf.float32.as_datatype_enum


def node(op, device="", **types):
    """A NodeDef with attributes that are types."""
    made = tf.compat.v1.NodeDef(name="n", op=op, device=device)
    for name, value in types.items():
        made.attr[name].type = value
    return made


def reason(made, **also):
    """Why a node is declined; "" when it is not."""
    try:
        nodes.check_node(made, **also)
    except Declined as declined:
        return str(declined)
    return ""


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (node("Relu", T=FLOAT), ""),
        (node("Relu", "/device:CPU:0", T=FLOAT), ""),
        (node("Relu", "/job:localhost/device:cpu:*", T=FLOAT), ""),
        (node("Relu", "/device:GPU:0", T=FLOAT), "n wants the device /device:GPU:0"),
        (node("Relu", "/device:CPU:1", T=FLOAT), "n wants the device /device:CPU:1"),
        (node("Relu"), "the attributes of n are not those of Relu"),
        (node("Relu", T=FLOAT, U=FLOAT), "the attributes of n are not those of Relu"),
        (node("NoSuchOp"), "the op NoSuchOp is not registered"),
        (node("_FusedMatMul", T=FLOAT), "_FusedMatMul is no op of TensorFlow's own"),
        (node("RandomUniform"), "RandomUniform has a state"),
        (node("AssignVariableOp"), "AssignVariableOp has a state"),
        (node("MapDataset"), "MapDataset takes functions"),
        (node("RemoteCall"), "RemoteCall takes functions"),
        (node("Switch", T=FLOAT), ""),
        (node("RefSwitch", T=FLOAT), "RefSwitch takes references"),
        (node("HashTableV2"), "HashTableV2 has a state"),
        (node("LookupTableFind"), "LookupTableFind takes references"),
        (node("LookupTableFindV2", Tin=FLOAT, Tout=FLOAT), ""),
        (node("LookupTableInsertV2"), "LookupTableInsertV2 has a state"),
        (node("LookupTableExportV2"), "LookupTableExportV2 has a state"),
    ],
    ids=lambda value: f"{value.op} {value.device}" if hasattr(value, "op") else "",
)
def test_which_nodes_only_compute(made, expected):
    assert reason(made) == expected


def test_an_op_that_may_do_more_is_looked_at_all_the_same():
    also = frozenset(("HashTableV2",))
    made = node("HashTableV2", key_dtype=FLOAT, value_dtype=FLOAT)
    assert reason(made, also=also) == ""
    assert reason(made, also=frozenset(("RandomUniform",))) == "HashTableV2 has a state"
    made.device = "/device:GPU:0"
    assert reason(made, also=also) == "n wants the device /device:GPU:0"


def test_a_node_that_is_compiled_is_declined():
    made = node("Relu", T=FLOAT)
    made.attr["_XlaMustCompile"].b = True
    assert reason(made) == "n is compiled by XLA"


def test_all_the_functions_of_a_node_are_found():
    for op in nodes._CALLING:
        made = node(op)
        expected = []
        for attribute in op_definition(op).attr:
            if attribute.type == "func":
                expected.append(attribute.name)
                made.attr[attribute.name].func.name = attribute.name
            elif attribute.type == "list(func)":
                for name in ("first", "second"):
                    expected.append(name)
                    made.attr[attribute.name].list.func.add(name=name)
        assert [called.name for called in nodes.called_functions(made)] == expected
        assert expected
    assert list(nodes.called_functions(node("Relu"))) == []


def of_one_type(function):
    function.signature.attr.add(name="T", type="type")


def not_inlined(function):
    function.attr["_noinline"].b = True


def compiled(function):
    function.attr["_XlaMustCompile"].b = True


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (of_one_type, "f is many functions in one"),
        (not_inlined, "f has the attribute _noinline"),
        (compiled, "f has the attribute _XlaMustCompile"),
    ],
    ids=["of any type", "not inlined", "compiled"],
)
def test_which_functions_are_more_than_their_nodes(change, expected):
    function = FunctionDef()
    function.signature.name = "f"
    function.attr["_XlaMustCompile"].b = False
    function.attr["time_major"].b = True
    nodes.check_function(function)
    change(function)
    with pytest.raises(Declined) as caught:
        nodes.check_function(function)
    assert str(caught.value) == expected
