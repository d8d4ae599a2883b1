"""What is said of the release in several files is the same in all."""

from __future__ import annotations

import re

from conftest import ROOT

import unihub


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_one_version():
    assert f"\nversion: {unihub.__version__}\n" in text("CITATION.cff")
    assert f'version = "{unihub.__version__}"' in text("conda/meta.yaml")
    (released,) = re.findall(r"^date-released: (.*)$", text("CITATION.cff"), re.MULTILINE)
    assert f"\n## {unihub.__version__} ({released})\n" in text("CHANGELOG.md")


def test_one_repository():
    (repository,) = re.findall(r'^Repository = "(.*)"$', text("pyproject.toml"), re.MULTILINE)
    assert f"repo_url: {repository}\n" in text("mkdocs.yml")
    assert f"repository-code: {repository}\n" in text("CITATION.cff")
    assert f"home: {repository}\n" in text("conda/meta.yaml")


def test_the_recipe_has_the_dependencies():
    (listed,) = re.findall(r"^dependencies = \[\n(.*?)^\]", text("pyproject.toml"), re.M | re.S)
    for name, least in re.findall(r'"([\w-]+)>=([\d.]+)[";]', listed):
        assert f"    - {name} >={least}\n" in text("conda/meta.yaml"), name


def test_the_workflow_runs_the_sessions_of_nox():
    noxfile, workflow = text("noxfile.py"), text(".github/workflows/ci.yml")
    default = "".join(re.findall(r"^nox.options.sessions .*", noxfile, re.MULTILINE))
    run = {name.partition("-")[0] for name in re.findall(r"session: ([\w.-]+),", workflow)}
    assert run == {*re.findall(r'"(\w+)"', default), "docs", "dist"}
