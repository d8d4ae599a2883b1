from __future__ import annotations

import importlib
import pickle
import pkgutil
import re
import string
from importlib.util import find_spec
from pathlib import Path

import pytest

import unihub
from unihub import errors
from unihub.errors import Message, UnihubError, counted, listed, nearest, size
from unihub.runtime import tensorflow_version
from unihub.runtime.installed import Keras, current_keras


class LampBroken(UnihubError, LookupError):
    code = "lamp-broken"
    what = "{lamp!r} is dark."
    why = "it fell.\nTwice."
    do = "replace({lamp!r})"


def test_message_has_three_parts():
    assert str(LampBroken(lamp="desk")) == (
        "lamp-broken: 'desk' is dark.\n  why: it fell.\n       Twice.\n  do:  replace('desk')"
    )


def test_parts_are_attributes():
    error = LampBroken(lamp="desk")
    assert (error.code, error.what, error.do, error.facts) == (
        "lamp-broken",
        "'desk' is dark.",
        "replace('desk')",
        {"lamp": "desk"},
    )


def test_hostile_facts_cannot_forge_lines_or_flood():
    error = LampBroken(lamp="a\n  do:  rm -rf ~\x1b[2J" + "x" * 10_000)
    assert str(error).count("\n") == 3
    assert "\x1b" not in str(error)
    assert len(str(error)) < 2_000


def test_braces_in_facts_are_text():
    assert LampBroken(lamp="{lamp}").what == "'{lamp}' is dark."


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo", "one"),
        ("", ""),
        (
            (
                "Graph execution error:\n\nDetected at node a\n<stack traces unavailable>\n"
                "Could not parse example input, value: 'text'\n"
                "\t [[{{node a}}]] [Op:__inference_f_1]"
            ),
            "Could not parse example input, value: 'text'",
        ),
        (
            "2 root error(s) found.\n  (0) INVALID_ARGUMENT: no such key\n\t [[{{node b}}]]",
            "INVALID_ARGUMENT: no such key",
        ),
        (
            'in user code:\n\n    File "a.py", line 1, in f\n\n    ValueError: bad',
            "ValueError: bad",
        ),
        (
            "Exception encountered when calling layer 'd' (type Dense).\n\nbad shape\n\nCall args:",
            "bad shape",
        ),
    ],
)
def test_first_line_says_what_and_not_where(text, line):
    assert errors.first_line(ValueError(text)) == line


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(LampBroken(lamp="desk")))
    assert (type(error), str(error)) == (LampBroken, str(LampBroken(lamp="desk")))


def test_matrix_refusal_survives_pickling():
    refusal = errors.MatrixRefusal(
        Message("lamp-broken", "{lamp!r} is dark.", "it fell.", "replace({lamp!r})"), lamp="desk"
    )
    assert str(pickle.loads(pickle.dumps(refusal))) == str(refusal)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "none"),
        (["a", "b"], "'a', 'b'"),
        (range(14), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"),
    ],
)
def test_listed(names, expected):
    assert listed(names) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("serving_defualt", "serving_default"), ("zzz", "default"), (3, "default")],
)
def test_nearest(word, expected):
    assert nearest(word, ["default", "serving_default"]) == expected


def test_nearest_of_nothing():
    assert nearest("x", []) == ""


# Modules that are for a package of others, which an extra brings.
OF_EXTRAS = {
    "unihub.apis.functional.in_jax": "jax",
    "unihub.apis.functional.in_torch": "torch",
    "unihub.checking.rewriting": "libcst",
    "unihub.engines.beam": "apache_beam",
    "unihub.engines.ray": "ray",
    "unihub.engines.spark": "pyspark",
}


def belongs_here(name):
    """Whether a module imports in this stack: some need Keras 3, TensorFlow 2 or an extra."""
    if name in OF_EXTRAS:
        return find_spec(OF_EXTRAS[name]) is not None
    if name.startswith("unihub.apis.keras3."):
        return current_keras() is Keras.KERAS3
    if name.startswith(("unihub.apis.lean.", "unihub.apis.functional.")):
        return not tensorflow_version().startswith("1.")
    return True


def all_error_classes():
    """Every error class of the modules that can be imported in this stack."""
    for module in pkgutil.walk_packages(unihub.__path__, "unihub."):
        if module.name != "unihub.__main__" and belongs_here(module.name):
            importlib.import_module(module.name)
    found, todo = [], [UnihubError]
    while todo:
        for cls in todo.pop().__subclasses__():
            todo.append(cls)
            if cls.__module__.startswith("unihub.") and "code" in vars(cls):
                found.append(cls)
    return found


def test_codes_are_unique_and_kebab_case():
    codes = [cls.code for cls in all_error_classes()]
    assert sorted(set(codes)) == sorted(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code)] == []


def test_every_error_is_also_a_builtin():
    strange = [
        cls.__name__
        for cls in all_error_classes()
        if not any(
            base.__module__ == "builtins" and base not in (Exception, BaseException, object)
            for base in cls.__mro__
        )
    ]
    assert strange == []


def test_every_code_has_a_golden_file(golden_folder):
    from unihub.matrix import ROWS

    codes = {cls.code for cls in all_error_classes()}
    codes |= {row.refusal.code for row in ROWS if row.refusal}
    assert sorted(code for code in codes if not (golden_folder / f"{code}.txt").exists()) == []


@pytest.fixture
def golden_folder():
    from conftest import ROOT

    return ROOT / "tests" / "golden"


SECRETS = ("pa55word", "s1gnature")
HANDLE = "https://me:pa55word@example.org/m.tar.gz?X-Goog-Signature=s1gnature"
FACTS = {
    "a handle": HANDLE,
    "a line of code": f"unihub.load({HANDLE!r}, op='fine_tuning')",
    "two in a sentence": f"it is at {HANDLE}, or at {HANDLE}; see there.",
    "beyond the longest": "x" * 380 + HANDLE,
}


def filled_with(template, fact):
    """Facts for a template: numbers where they are formatted as such."""
    names = {}
    for text in template:
        for _, name, spec, _ in string.Formatter().parse(text):
            if name:
                names[name] = 7 if spec or names.get(name) == 7 else fact
    return names


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_no_error_shows_a_secret(fact):
    from unihub.matrix import ROWS

    parts = [(cls.code, cls.what, cls.why, cls.do) for cls in all_error_classes()]
    parts += [(r.code, r.what, r.why, r.do) for row in ROWS for r in [row.refusal] if r]
    assert len(parts) > 200
    told = [str(Message(*part).filled(**filled_with(part, fact))) for part in parts]
    assert [text for text in told if any(secret in text for secret in SECRETS)] == []


HANDLES = (
    "https://h/m.tar.gz?X=a b s1gnature",
    "http://me:pa55 word pa55word@h:9/m.tar.gz",
    "s3://me:x pa55word@b/m.tar.xz?y=s1gnature",
    "HTTP:/me:pa55word@h/x?X=s1gnature",
    " az://h/m?sig= s1gnature",
)


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize("choice", ["op", "api", "on_unsafe", "weights"])
def test_white_space_hides_nothing_of_a_handle(handle, choice):
    raised = []
    for call in (lambda: unihub.load(handle, **{choice: "x"}), lambda: unihub.resolve(handle)):
        with pytest.raises(unihub.UnihubError) as error, unihub.configure(offline=True):
            call()
        raised.append(f"{error.value} {error.value.facts}")
    assert [text for text in raised if any(secret in text for secret in SECRETS)] == []


# As they are mistyped, or copied without their beginning; each is a path to somebody.
ODD = (
    "//me:pa55word@h/m",
    "///me:pa55word@h/m.tar.gz",
    "/me:pa55word@h/m",
    "me:pa55word@h:/m",
    "~me:pa55word@h/m",
    "https//me:pa55word@h/m",
    "https:me:pa55word@h/m",
    "file:///me:pa55word@h/m",
    "./https://me:pa55word@h/m",
    "url=https://me:pa55word@h/m",
    "h/m.tar.gz?X-Goog-Signature=s1gnature",
    "//h/m?s1gnature",
    "localhost:8000/m?k=s1gnature",
    "google/yamnet/tensorFlow2/yamnet/1?k=s1gnature",
    "h/m#access_token=s1gnature",
)
CALLS = (
    unihub.load,
    unihub.resolve,
    unihub.inspect,
    lambda handle: unihub.load(handle, op="x"),
    lambda handle: unihub.resolve(handle, sha256="0" * 64),
    unihub.load_module_spec,
    unihub.Module,
)


@pytest.mark.parametrize("handle", ODD)
def test_a_url_that_is_taken_for_a_path_keeps_its_secrets(handle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in CALLS:
        for given in (handle, Path(handle)):
            with pytest.raises(unihub.UnihubError) as raised, unihub.configure(offline=True):
                call(given)
            told = [str(pickle.dumps(raised.value))]
            error = raised.value
            while error is not None:
                told.append(f"{error} {error!r}")
                error = error.__context__
            assert [text for text in told if any(secret in text for secret in SECRETS)] == []


@pytest.mark.parametrize("path", ["a@b/c", "runs/x=1", "what?", "C#/m", "C:\\Users\\me@work\\m"])
def test_a_path_is_shown_as_it_is(path):
    assert path in str(LampBroken(lamp=path)).replace("\\\\", "\\")


def test_a_pickled_error_carries_no_secret():
    sent = pickle.dumps(LampBroken(lamp=HANDLE))
    assert b"pa55word" not in sent
    assert b"s1gnature" not in sent


@pytest.mark.parametrize(
    "number,text",
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (102_400, "102 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (79_900_000_000, "79.9 GB"),
        ((1 << 64) - 1, "18.4 EB"),
        (10**400, "1e+06 EB"),
    ],
)
def test_size(number, text):
    assert size(number) == text


def test_counted():
    assert [counted(number, "model") for number in (0, 1, 2000)] == [
        "0 models",
        "1 model",
        "2,000 models",
    ]
    assert counted(2, "loss", "es") == "2 losses"
