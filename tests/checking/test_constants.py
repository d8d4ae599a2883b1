from __future__ import annotations

import pytest
from checking.checked import rules_of
from hypothesis import given
from hypothesis import strategies as st

from unihub.checking.constants import formatted, inserted, percent

HANDLE = "https://tfhub.dev/google/nnlm-en-dim50/1"
BUILT = [
    f"'{HANDLE}'",
    "f'https://tfhub.dev/google/nnlm-en-dim{dim}/1'",
    "f'https://tfhub.dev/google/{name}-dim{50}/1'",
    "'https://tfhub.dev/google/nnlm-en-dim%d/1' % dim",
    "'https://tfhub.dev/google/%s-dim%d/%s' % (name, dim, 1)",
    "'https://tfhub.dev/google/{}-dim{}/1'.format(name, dim)",
    "'https://tfhub.dev/google/{n}-dim{0}/1'.format(dim, n=name)",
    "'https://tfhub.dev/' + 'google/' + f'{name}-dim{dim}/1'",
]


@pytest.mark.parametrize("handle", BUILT)
def test_handles_put_together(handle):
    text = "import tensorflow_hub as hub\nname, dim = 'nnlm-en', 50\n"
    assert rules_of(text + f"m = hub.load({handle})\nm(x)\n", select=["loaded-not-callable"]) == [
        (4, "loaded-not-callable")
    ]


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("%s/%d", ("a", 1), "a/1"),
        ("100%% %s", "a", "100% a"),
        ("%s", ("a", "b"), None),
        ("%s %s", "a", None),
        ("%999999999d", 1, None),
        ("%(a)s", {"a": 1}, None),
        ("%s", 1.5, None),
        ("%d", 10**40, None),
        ("%d", "a", None),
    ],
)
def test_percent(template, value, text):
    assert percent(template, value) == text


@pytest.mark.parametrize(
    ("template", "values", "keywords", "text"),
    [
        ("{}/{}", ["a", 1], {}, "a/1"),
        ("{1}{0}", ["a", "b"], {}, "ba"),
        ("{a}{{}}", [], {"a": "x"}, "x{}"),
        ("{}{}", ["a"], {}, None),
        ("{:999999999}", [1], {}, None),
        ("{0.real}", [1], {}, None),
        ("{a}", [], {}, None),
        ("{", [], {}, None),
        ("{}{0}", ["a"], {}, None),
    ],
)
def test_formatted(template, values, keywords, text):
    assert formatted(template, values, keywords) == text


def test_inserted():
    assert [inserted(value) for value in ("a", 1, 1.5, None)] == ["a", "1", None, None]


VALUES = st.lists(st.one_of(st.text(max_size=3), st.integers(-9, 9)), max_size=3)


@given(st.text(st.sampled_from("{}%sd01a "), max_size=12), VALUES)
def test_what_is_given_is_what_python_gives(template, values):
    for given_here, in_python in (
        (percent(template, tuple(values)), lambda: template % tuple(values)),
        (formatted(template, values, {}), lambda: template.format(*values)),
    ):
        if given_here is not None:
            assert given_here == in_python()


@pytest.mark.parametrize("handle", ["f'https://tfhub.dev/google/{name}/1'", "f'{x}' f'{y}'"])
def test_an_unknown_part_is_shown_as_such(handle, tmp_path):
    from unihub.checking import check

    (tmp_path / "a.py").write_text(f"import tensorflow_hub as hub\nhub.load({handle})\n")
    findings = check([tmp_path / "a.py"], runtime="tf2").findings
    expected = ["https://tfhub.dev/google/{...}/1 is fetched from Kaggle by way of tfhub.dev."]
    assert [one.what for one in findings] == expected[: "tfhub" in handle]
