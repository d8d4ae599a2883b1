"""tensorflow.contrib in TF1 scripts that `unihub run --v1` runs on TensorFlow 2."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import tensorflow as tf
from conftest import ROOT
from golden import check_golden

from unihub.dropin import contrib

pytestmark = pytest.mark.skipif(
    tf.__version__.startswith("1."), reason="TensorFlow 1.15 has tf.contrib"
)

SCRIPT = """\
import json
import tensorflow as tf
from tensorflow.contrib import quantize
from tensorflow.contrib.quantize import create_training_graph
import tensorflow.contrib.no_such_package.python.ops as ops
from tensorflow.contrib.lookup import HashTable, KeyValueTensorInitializer
from tensorflow.contrib import lookup

# What is the same by another name.
table = HashTable(KeyValueTensorInitializer(["a"], [3]), -1)
step = tf.contrib.framework.get_or_create_global_step()
found = table.lookup(tf.constant(["a", "b"]))
words = lookup.index_table_from_tensor(mapping=tf.constant(["b", "a"]), num_oov_buckets=1)
names = lookup.index_to_string_table_from_tensor(["x", "y", "z"], default_value="?")
found = tf.concat([found, tf.cast(words.lookup(tf.constant(["a", "c"])), tf.int32)], 0)
shown = names.lookup(words.lookup(tf.constant(["a", "c"])))
with tf.Session() as session:
    session.run([tf.tables_initializer(), tf.global_variables_initializer()])
    assert session.run(shown).tolist() == [b"y", b"z"]
    print(json.dumps([session.run(found).tolist(), int(session.run(step))]))

def derive():
    class Cell(tf.contrib.rnn.LSTMCell):
        pass

for use in (
    lambda: quantize.create_eval_graph(),
    create_training_graph,
    lambda: tf.contrib.slim.no_such_layer(1),
    derive,
    lambda: isinstance(1, tf.contrib.learn.Estimator),
    lambda: tf.contrib.learn.ModeKeys.TRAIN == "train",
    lambda: list(ops.names),
):
    try:
        use()
    except AttributeError as error:
        print(json.dumps(str(error)))
"""


def test_it_is_gone_when_it_is_used_and_not_before(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "unihub", "run", "--v1", str(tmp_path / "script.py")]
    done = subprocess.run(command, cwd=str(ROOT), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    values, *refused = map(json.loads, done.stdout.splitlines())
    assert values == [[3, -1, 1, 2], 0]
    names = ["quantize.create_eval_graph", "quantize.create_training_graph", "slim.no_such_layer"]
    names += ["rnn.LSTMCell", "learn.Estimator", "learn.ModeKeys.TRAIN"]
    names += ["no_such_package.python.ops.names"]
    start = "contrib-gone: tensorflow.contrib."
    assert [text[len(start) :].partition(" is used")[0] for text in refused] == names
    cases = {"contrib-gone-quantize": 0, "contrib-gone-slim": 2, "contrib-gone": 3}
    for case, place in cases.items():
        check_golden(case, refused[place], version=tf.__version__)


@pytest.mark.parametrize("name", contrib._SAME)
def test_what_is_said_to_be_the_same_is_there(name):
    assert callable(contrib._found(name)) or name == "framework.nest"


def test_nothing_of_it_is_found_without_v1():
    with pytest.raises(ImportError):
        import tensorflow.contrib  # noqa: F401
