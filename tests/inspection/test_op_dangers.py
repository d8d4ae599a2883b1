"""Every op that TensorFlow registers, in whatever release these tests run, has been judged."""

from __future__ import annotations

import collections
import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from unihub.inspection import op_dangers
from unihub.inspection.op_dangers import (
    DANGERS,
    STATELESS,
    harmless_ops,
    judged_ops,
    tensorflow_ops,
)

HARMLESS = ROOT / "unihub" / "inspection" / "harmless_ops.txt"
# Prints each op that is registered: its inputs, attributes, and whether it has side effects.
REGISTERED = """
import json, pathlib, sys
import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
if "contrib" in sys.argv:
    import tensorflow_core.contrib as contrib
    for library in pathlib.Path(contrib.__file__).parent.rglob("*.so"):
        tf.load_op_library(str(library))
try:
    from tensorflow.python.client import pywrap_tf_session as session
    session.TF_GetAllOpList
except (ImportError, AttributeError):
    from tensorflow.python import pywrap_tensorflow as session
ops = op_def_pb2.OpList.FromString(session.TF_GetBuffer(session.TF_GetAllOpList())).op
print(json.dumps({
    op.name: (
        [bool(arg.number_attr or arg.type_list_attr) for arg in op.input_arg],
        [attr.name for attr in op.attr],
        op.is_stateful,
    )
    for op in ops
}))
"""


def registered_with(*arguments):
    # In a process of its own, where no other test has registered anything.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REGISTERED, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return json.loads(done.stdout.decode().splitlines()[-1])


@pytest.fixture(scope="module")
def registered():
    return registered_with()


def test_every_op_that_tensorflow_registers_is_judged(registered):
    assert len(registered) > 1300
    assert sorted(set(registered) - judged_ops()) == []
    assert sorted(set(registered) - tensorflow_ops()) == []


def test_every_op_of_contrib_is_judged(registered):
    if "StatelessCase" in registered:
        pytest.skip("TensorFlow 2 has no tf.contrib")
    of_contrib = set(registered_with("contrib")) - set(registered)
    assert len(of_contrib) > 100
    assert sorted(of_contrib - judged_ops()) == []


def test_no_op_is_judged_twice():
    lines = HARMLESS.read_text(encoding="utf-8").splitlines()
    names = " ".join(line for line in lines if not re.match(r"#|\[", line)).split()
    assert [name for name, count in collections.Counter(names).items() if count > 1] == []
    assert sorted(harmless_ops() & set(DANGERS)) == []
    assert set(names) == harmless_ops()


def test_the_dangers_are_as_tensorflow_registers_the_ops(registered):
    for op, danger in DANGERS.items():
        if op not in registered:
            continue
        are_lists, attributes, is_stateful = registered[op]
        assert (op in STATELESS) is not is_stateful, op
        assert not danger.attribute or danger.attribute in attributes, op
        for path in danger.paths:
            # After a list of unknown length nothing could be told by its index.
            assert not any(are_lists[: path + 1]), op


def test_an_op_in_no_row_is_a_danger():
    danger = op_dangers.danger_of("OpenBackDoor")
    assert danger.severity.rank < op_dangers.Severity.MEDIUM.rank
    assert "nobody has judged" in danger.effect


def test_ops_by_the_package_that_registers_them():
    ops = ["Add", "WriteFile", "IO>KafkaDataset", "TFText>Utf8Binarize", "OpenBackDoor"]
    assert op_dangers.unknown_ops(ops) == {
        "": ["OpenBackDoor"],
        "tensorflow_io": ["IO>KafkaDataset"],
        "tensorflow_text": ["TFText>Utf8Binarize"],
    }
