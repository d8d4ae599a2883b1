from __future__ import annotations

import pytest
from conftest import ROOT

import unihub
from unihub.matrix import Format, Runtime, backends, cells, tables


def test_every_decision_is_in_every_form():
    matrix = unihub.matrix()
    for text in (matrix.markdown(), matrix._repr_html_()):
        assert text.count("refused") == 4
        assert text.count("limited") == 3


def test_runtimes_decided_alike_share_a_column():
    assert tables.merged_columns(tuple(cells())) == [
        (Runtime.TF1, Runtime.TF1_COMPAT),
        (Runtime.TF2,),
    ]


def test_plain_text_fits_its_width():
    text = tables.plain(tuple(cells()), width=100)
    assert max(map(len, text.splitlines())) == 100


def test_html_escapes():
    assert "<script" not in unihub.matrix()._repr_html_()


def test_readme_has_the_table_that_the_rows_give():
    assert unihub.matrix().markdown() in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("format", Format)
def test_titles_name_every_format(format):
    assert format.label in str(unihub.matrix())


def test_the_class_of_the_matrix_is_one_of_its_names():
    from unihub.matrix import Matrix

    assert isinstance(unihub.matrix(), Matrix)


def test_the_backends_of_the_layers_are_told_beside_it():
    text = str(unihub.matrix())
    for backend in backends.BACKENDS:
        assert f"\n  {backend.name}: called " in text
        assert f"| `{backend.name}` | {backend.call} |" in backends.markdown()
