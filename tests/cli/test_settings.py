from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import unihub
from unihub.cli.commands import main
from unihub.settings.options import OPTIONS


def run(*arguments, **env):
    return CliRunner().invoke(main, ["settings", *arguments], env=env)


def test_every_setting_is_there():
    found = json.loads(run("--json").output)
    assert [one["name"] for one in found] == [option.name for option in OPTIONS]
    assert all(one["value"] and one["purpose"] for one in found)


def test_each_says_where_it_comes_from():
    def source(name, **env):
        found = json.loads(run("--json", **env).output)
        return next((one["value"], one["source"]) for one in found if one["name"] == name)

    assert source("retries", UNIHUB_RETRIES="") == ("5", "default")
    assert source("retries", UNIHUB_RETRIES="7") == ("7", "UNIHUB_RETRIES")
    assert source("cache", UNIHUB_CACHE="", TFHUB_CACHE_DIR="/c")[1] == "TFHUB_CACHE_DIR"
    with unihub.configure(retries=9):
        assert source("retries", UNIHUB_RETRIES="7") == ("9", "unihub.configure")


def test_one_value_for_scripts():
    assert run("offline", UNIHUB_OFFLINE="1").output == "yes\n"


def test_passwords_are_not_shown():
    with unihub.configure(proxies={"https": "http://me:hunter2@proxy:8080"}):
        for arguments in ([], ["--json"], ["proxies"]):
            assert "hunter2" not in run(*arguments).output
        assert "proxy:8080" in run("proxies").output


def test_a_value_that_is_not_understood_is_an_error():
    result = run(UNIHUB_RETRIES="many")
    assert result.exit_code == 1
    assert result.output.startswith("setting-not-understood: ")


def test_a_misspelt_name_is_answered_by_the_right_one():
    result = run("retrys")
    assert result.exit_code == 2
    assert "Did you mean retries?" in result.output


@pytest.mark.parametrize("width", ["80", "200"])
def test_the_table_has_a_row_for_each(width):
    output = run(COLUMNS=width).output
    assert all(option.name in output for option in OPTIONS)


def test_a_misspelt_variable_is_told():
    told = "UNIHUB_CAHCE sets nothing. Did you mean UNIHUB_CACHE?"
    assert told in run(UNIHUB_CAHCE="/data").output
    assert told not in run("--json", UNIHUB_CAHCE="/data").output
    assert "sets nothing" not in run(UNIHUB_DEBUG="1", UNIHUB_SHARED_MODELS="/m").output
