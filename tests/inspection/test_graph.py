from __future__ import annotations

import pytest
from hand_made import encode, shape

from unihub.formats.wire import read_message
from unihub.inspection.graph import Node

STRING = 7


def constant(content, *sizes):
    """A Const whose strings are in TensorFlow's packed form."""
    tensor = [(1, STRING), (2, shape(*sizes)), (4, content)]
    attribute = [(1, "value"), (2, [(8, tensor)])]
    node = encode([(1, "c"), (2, "Const"), (5, attribute)])
    return Node(read_message(node, "saved_model.pb", "NodeDef"))


@pytest.mark.parametrize(
    "content,sizes,strings",
    [
        (b"\3abc", (), [b"abc"]),
        (b"\1\2abb", (2,), [b"a", b"bb"]),
        # TensorFlow refuses these; whoever looks for strings sees what there is.
        (b"\1\x80", (2,), [b"\1\x80"]),
        (b"\1a", (3,), [b"\1a"]),
    ],
)
def test_packed_strings_of_a_constant(content, sizes, strings):
    assert constant(content, *sizes).constant_strings() == strings
