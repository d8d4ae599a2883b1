"""Each row of the table of Keras behaviours, in the Keras of this stack."""

from __future__ import annotations

import pytest
from keras_behaviours import BEHAVIOURS, Here, table


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
def test_behaviour(behaviour, tmp_path):
    here = Here(tmp_path)
    if here.in_tf1 and not behaviour.in_tf1:
        pytest.skip("the Keras of TensorFlow 1.15 cannot do it")
    here.start_afresh()
    behaviour.check(here)


def test_the_table_has_a_row_for_each():
    lines = table({"keras2": {}, "keras3": {}}).splitlines()
    assert lines[0] == "| behaviour | keras2 | keras3 |"
    assert len(lines) == 2 + len(BEHAVIOURS)
    assert lines[-1].endswith("| not run | not run |")
