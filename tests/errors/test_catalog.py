"""The catalog against what the errors say when they are raised, which the golden files hold."""

from __future__ import annotations

from golden import GOLDEN

from unihub.errors import UnknownChoice
from unihub.errors.catalog import known

CODES = {
    code
    for code, colon, _ in (
        file.read_text(encoding="utf-8").partition(": ") for file in GOLDEN.glob("*.txt")
    )
    if colon and code.replace("-", "").isalnum()
}


def test_every_error_that_is_raised_is_known():
    # Findings of commands begin so, and an error of the network with the address.
    assert CODES - set(known()) <= {"error", "warning", "https"}
    assert len(CODES) > 200


def test_each_says_what_why_and_what_to_do():
    for error in known().values():
        assert error.what
        assert error.do
        assert error.meaning
        # Its reason is of the case.
        assert error.why or error.code == "unsafe-model"


def test_the_exceptions_of_python_are_those_of_the_class():
    error = known()["unknown-choice"]
    assert (error.name, error.builtins) == ("UnknownChoice", ("ValueError",))
    assert set(error.builtins) <= {base.__name__ for base in UnknownChoice.__mro__}
