"""Models of tfhub.dev that it does not give, and those of Kaggle by half a name; on loopback."""

from __future__ import annotations

import json

import pytest
from golden import check_golden
from handles.places import FILES, refused, tar_gz, tree
from handles.server import Reply

import unihub
from unihub.handles.sources.moved import splits

pytestmark = pytest.mark.usefixtures("cache")

# http, for the server stands as the proxy to tfhub.dev.
URL = "http://tfhub.dev/google/nnlm-en-dim50/2"
PAGE = Reply(b"<!DOCTYPE html><title>gone</title>", headers={"Content-Type": "text/html"})


@pytest.fixture
def tfhub(server, monkeypatch):
    """A server that is asked for tfhub.dev, and for Kaggle."""
    monkeypatch.setenv("KAGGLE_API_ENDPOINT", server.origin)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with unihub.configure(proxies={"http": server.origin}):
        yield server


def has(server, model, *variations):
    found = [
        {"framework": framework, "slug": slug, "versionNumber": version}
        for framework, slug, version in variations
    ]
    body = json.dumps({"instances": found}).encode()
    server[f"/api/v1/models/google/{model}/get"] = Reply(body)


NNLM = (("tensorFlow1", "en-dim50", 1), ("tensorFlow2", "de-dim50", 1))
NNLM += (("tensorFlow2", "en-dim50", 1),)


@pytest.mark.parametrize("answer", [PAGE, Reply(status=404), Reply(status=410)])
def test_what_kaggle_has_is_named(tfhub, answer):
    tfhub["/google/nnlm-en-dim50/2"] = answer
    has(tfhub, "nnlm", ("tensorFlow2", "de-dim50", 1), ("tensorFlow2", "en-dim50", 3))
    error = refused("tfhub-dev-failed", URL)
    assert error.do == "unihub.load('kaggle://google/nnlm/tensorFlow2/en-dim50/3')"
    if answer is PAGE:
        check_golden("tfhub-dev-failed", str(error))


@pytest.mark.parametrize("answer", [PAGE, Reply(status=404)])
def test_it_is_described_by_where_kaggle_has_it(tfhub, answer):
    tfhub["/google/nnlm-en-dim50/2"] = answer
    has(tfhub, "nnlm", ("tensorFlow2", "en-dim50", 3))
    there = "kaggle://google/nnlm/tensorFlow2/en-dim50/3"
    found = unihub.inspect(URL, download=False)
    assert found.instead == (there,)
    assert str(found).splitlines()[-3:] == [
        f"  instead: {there}",
        "To see what the model is:",
        f"  unihub inspect {there}",
    ]


def test_a_host_that_is_gone_is_described_by_the_rule():
    with unihub.configure(proxies={"http": "http://127.0.0.1:9"}, connect_timeout=1, retries=0):
        found = unihub.inspect(URL, download=False)
    assert "kaggle://google/nnlm/tensorFlow2/en-dim50" in found.instead
    assert found.problem


def test_where_kaggle_does_not_say_the_rule_does(tfhub):
    tfhub["/google/nnlm-en-dim50/2"] = PAGE
    error = refused("tfhub-dev-failed", URL)
    assert "unihub.load('kaggle://google/nnlm/tensorFlow2/en-dim50')" in error.do
    check_golden("tfhub-dev-failed-by-rule", str(error))


def test_a_host_that_is_gone_leads_to_kaggle_too():
    with unihub.configure(proxies={"http": "http://127.0.0.1:9"}, connect_timeout=1):
        error = refused("tfhub-dev-failed", URL)
    assert "kaggle://google/nnlm-en-dim50/tensorFlow2/nnlm-en-dim50" in error.do
    assert "Kaggle does not answer; by the rule " in error.why


def test_another_host_is_no_matter_of_kaggle(server):
    server["/google/m/1"] = PAGE
    refused("web-page-instead-of-model", server.url("/google/m/1"))


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("nnlm-en-dim50", ("nnlm", "en-dim50")),
        ("yamnet", ("yamnet", "yamnet")),
        ("universal-sentence-encoder-large", ("universal-sentence-encoder", "large")),
        ("ssd-mobilenet-v2", ("ssd-mobilenet-v2", "ssd-mobilenet-v2")),
        ("inception-v3-feature-vector", ("inception-v3", "feature-vector")),
    ],
)
def test_the_rule_knows_names_that_were_given(name, there):
    assert there in splits(name.split("-"))


def test_a_mirror_is_asked_in_its_place(server, cache):
    server["/hub/google/nnlm-en-dim50/2"] = Reply(tar_gz())
    with unihub.configure(tfhub_mirror=server.url("/hub/")):
        assert tree(unihub.resolve("https://tfhub.dev/google/nnlm-en-dim50/2")) == FILES
        missing = unihub.inspect("https://tfhub.dev/google/x/1", download=False)
        assert (missing.status, missing.instead) == (404, ())
    assert server.requests[0].target == "/hub/google/nnlm-en-dim50/2?tf-hub-format=compressed"
    # It is cached by its own name.
    unihub.resolve("https://tfhub.dev/google/nnlm-en-dim50/2")


@pytest.mark.parametrize(
    "handle",
    [
        "kaggle://google/nnlm",
        "https://www.kaggle.com/models/google/nnlm",
        "https://www.kaggle.com/models/google/nnlm/frameworks/tensorFlow2",
        "kaggle://google/nnlm/TensorFlow2",
    ],
)
def test_half_a_name_of_kaggle_lists_what_there_is(tfhub, handle):
    has(tfhub, "nnlm", *NNLM)
    error = refused("kaggle-variation-needed", handle, ValueError)
    assert "'tensorFlow2/de-dim50'" in error.why
    assert "unihub.load('kaggle://google/nnlm/tensorFlow" in error.do
    if handle == "kaggle://google/nnlm":
        check_golden("kaggle-variation-needed", str(error))


def test_half_a_name_where_nobody_answers():
    with unihub.configure(offline=True):
        error = refused("kaggle-variation-needed", "kaggle://google/nnlm", ValueError)
    assert error.do == "unihub.load('kaggle://google/nnlm/tensorFlow2/nnlm')"
    assert error.why == "Kaggle, which lists them, was not asked, for unihub is offline."


def test_half_a_name_of_which_kaggle_has_nothing(tfhub):
    error = refused("kaggle-variation-needed", "kaggle://google/nothing", ValueError)
    assert error.why == "Kaggle, which lists them, named none."
