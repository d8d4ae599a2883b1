"""Which release of a package is for a TensorFlow, and the command that installs it."""

from __future__ import annotations

import pytest

from unihub.runtime.op_packages import PACKAGES, RELEASES, installing, package_of


@pytest.mark.parametrize(
    ("package", "tensorflow", "command"),
    [
        ("tensorflow_text", "2.15.1", 'pip install "tensorflow-text==2.15.*"'),
        ("tensorflow_text", "1.15.5", 'pip install "tensorflow-text==1.15.*"'),
        ("tensorflow_io", "1.15.5", 'pip install "tensorflow-io==0.8.1"'),
        ("tensorflow_addons", "2.15.1", 'pip install "tensorflow-addons==0.23.0"'),
        (
            "tensorflow_decision_forests",
            "2.15.1",
            'pip install "tensorflow-decision-forests==1.8.1"',
        ),
        (
            "tensorflow_decision_forests",
            "2.21.0",
            (
                "python3.11 -m venv tf219 && tf219/bin/pip install unihub "
                '"tensorflow-decision-forests==1.12.0" "tensorflow==2.19.*"'
                "  # none is for TensorFlow 2.21"
            ),
        ),
        ("tensorflow_ranking", "2.15.1", 'pip install tensorflow-ranking "tensorflow==2.15.1"'),
    ],
)
def test_the_command_keeps_tensorflow_or_makes_a_place_beside_it(package, tensorflow, command):
    assert installing(package, tensorflow) == command


def test_releases_are_of_known_packages_and_in_the_order_of_tensorflow():
    assert set(RELEASES) <= set(PACKAGES)
    for releases in RELEASES.values():
        numbers = [tuple(map(int, number.split("."))) for number in releases]
        assert numbers == sorted(numbers)


def test_an_op_of_no_package():
    assert package_of(["MatMul"]) is None
