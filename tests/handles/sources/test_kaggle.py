"""Models of Kaggle, by the kagglehub that is installed, against a real server on loopback."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys

import pytest
from golden import check_golden
from handles.kaggle_server import Kaggle
from handles.places import FILES, refused, tar_gz, tree, write
from handles.server import Reply, Server

import unihub
from unihub.errors import UnihubError

pytestmark = pytest.mark.usefixtures("cache")

HAS_KAGGLEHUB = importlib.util.find_spec("kagglehub") is not None
PATH = "google/half/tensorFlow2/two"
FIRST, SECOND = tar_gz({**FILES, "saved_model.pb": b"first"}), tar_gz()


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """Kaggle with a model of two versions; nobody has credentials."""
    if not HAS_KAGGLEHUB:
        pytest.skip("kagglehub is not installed here")
    import kagglehub  # noqa: F401  (it looks for the home folder once)

    for name in list(os.environ):
        if name.startswith("KAGGLE") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / ".kaggle"))
    with Server() as server, Server() as storage:
        monkeypatch.setenv("KAGGLE_API_ENDPOINT", server.origin)
        monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
        # Only http://localhost itself, where newer kagglehubs look for it.
        monkeypatch.setenv("HTTP_PROXY", server.origin)
        monkeypatch.setenv("http_proxy", server.origin)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        kaggle = Kaggle(server, storage)
        kaggle.add(PATH, FIRST, SECOND)
        yield kaggle


def check(error, name=None, **replacements):
    endpoint = error.facts.get("endpoint")
    check_golden(name or error.code, str(error), endpoint=endpoint, **replacements)


@pytest.mark.parametrize(
    "handle",
    [
        f"kaggle://{PATH}/1",
        "google/half/TensorFlow2/two/1",
        f"https://www.kaggle.com/models/{PATH}/1",
        "https://www.kaggle.com/models/google/half/frameworks/TensorFlow2/variations/two/versions/1",
    ],
)
def test_a_version(kaggle, handle):
    folder = unihub.resolve(handle, sha256=hashlib.sha256(FIRST).hexdigest())
    assert tree(folder) == {**FILES, "saved_model.pb": b"first"}
    count = len(kaggle.server.requests)
    assert unihub.resolve(f"kaggle://{PATH}/1") == folder
    assert len(kaggle.server.requests) == count


def test_the_newest_version_is_found_and_kept(kaggle, cache):
    folder = unihub.resolve(f"kaggle://{PATH}")
    assert tree(folder) == FILES
    kaggle.add(PATH, FIRST, SECOND, FIRST)
    assert unihub.resolve(PATH) == folder
    (manifest,) = cache.glob("models/*/manifest.json")
    stored = json.loads(manifest.read_text())
    assert stored["version"] == "2"
    assert stored["url"] == f"https://www.kaggle.com/models/{PATH}/2"
    assert stored["sha256"] == hashlib.sha256(SECOND).hexdigest()


def test_credentials_go_to_kaggle_and_nowhere_else(kaggle, monkeypatch, cache):
    kaggle.variations[("google", "half", "tensorflow2", "two")].users = {"ada"}
    monkeypatch.setenv("KAGGLE_USERNAME", "ada")
    monkeypatch.setenv("KAGGLE_KEY", "ada's key")
    assert tree(unihub.resolve(PATH)) == FILES
    downloads = kaggle.downloads()
    questions = [request for request in kaggle.server.requests if request not in downloads]
    assert {"authorization" in request.headers for request in questions} == {True}
    assert {"authorization" in request.headers for request in downloads} == {False}
    found = [path for path in cache.rglob("*") if path.is_file()]
    assert [path for path in found if b"tip-top-secret" in path.read_bytes()] == []


def test_credentials_of_a_file(kaggle, tmp_path):
    kaggle.variations[("google", "half", "tensorflow2", "two")].users = {"ada"}
    write(tmp_path / ".kaggle", {"kaggle.json": b'{"username": "ada", "key": "ada\'s key"}'})
    assert tree(unihub.resolve(PATH)) == FILES


def test_a_token_of_the_environment(kaggle, monkeypatch):
    from kagglehub import clients

    if not hasattr(clients, "build_kaggle_client"):
        pytest.skip("KAGGLE_API_TOKEN is read by kagglehub from 0.4 on")
    kaggle.variations[("google", "half", "tensorflow2", "two")].users = {"ada"}
    monkeypatch.setenv("KAGGLE_API_TOKEN", "ada's token")
    assert tree(unihub.resolve(PATH)) == FILES


def test_a_model_that_needs_credentials(kaggle, tmp_path):
    kaggle.variations[("google", "half", "tensorflow2", "two")].users = {"ada"}
    error = refused("kaggle-credentials-missing", PATH, PermissionError)
    check(error, path=tmp_path)
    assert refused("kaggle-credentials-missing", f"{PATH}/1").code == error.code


def test_a_model_whose_licence_is_not_agreed_to(kaggle, monkeypatch):
    kaggle.variations[("google", "half", "tensorflow2", "two")].users = {"grace"}
    monkeypatch.setenv("KAGGLE_USERNAME", "ada")
    monkeypatch.setenv("KAGGLE_KEY", "ada's key")
    check(refused("kaggle-consent-needed", PATH, PermissionError))


def test_credentials_that_are_wrong(kaggle, monkeypatch, tmp_path):
    monkeypatch.setenv("KAGGLE_USERNAME", "ada")
    monkeypatch.setenv("KAGGLE_KEY", "tip-top-secret")
    error = refused("kaggle-credentials-rejected", PATH, PermissionError)
    assert "tip-top-secret" not in str(error)
    check(error, path=tmp_path)


def test_credentials_that_cannot_be_read(kaggle, tmp_path):
    write(tmp_path / ".kaggle", {"kaggle.json": b"tip-top-secret"})
    error = refused("kaggle-failed", PATH)
    assert "tip-top-secret" not in str(error)
    assert "Invalid Kaggle credentials file" in error.why
    check(error, path=tmp_path)


def test_a_version_that_is_not_there(kaggle):
    error = refused("kaggle-model-not-found", f"{PATH}/3", FileNotFoundError)
    assert error.do == f"unihub.load('kaggle://{PATH}/2')"
    assert "the newest version of tensorFlow2/two is 2" in error.why


def test_a_variation_that_is_not_there(kaggle):
    kaggle.add("google/half/tfJs/three", FIRST)
    kaggle.allow("google/half/tensorFlow2/tow", 0)
    error = refused("kaggle-model-not-found", "google/half/tensorFlow2/tow", FileNotFoundError)
    assert error.do == f"unihub.load('kaggle://{PATH}/2')"
    check(error)


def test_a_model_that_is_not_there(kaggle):
    error = refused("kaggle-model-not-found", "google/third/tensorFlow2/two", FileNotFoundError)
    assert error.do == "look for third at https://www.kaggle.com/models"


def test_a_server_that_is_down(kaggle, monkeypatch):
    kaggle.server.__exit__(None, None, None)
    error = refused("kaggle-failed", PATH)
    kaggle.server.__exit__ = lambda *error: None
    assert "ConnectionError" in error.why or "ProxyError" in error.why


def test_where_the_machine_mounts_models_their_folder_is_used(kaggle, tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    there = write(mounts / "half" / "two" / "2")
    answer = {"wasSuccessful": True, "result": {"mountSlug": "half/two/2", "versionNumber": 2}}
    kaggle.server["/kaggle-jwt-handler/AttachDatasourceUsingJwtRequest"] = Reply(
        json.dumps(answer).encode(), headers={"Content-Type": "application/json"}
    )
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_URL", kaggle.server.origin)
    monkeypatch.setenv("KAGGLE_USER_SECRETS_TOKEN", "token")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_TOKEN", "token")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(mounts))
    assert unihub.resolve(PATH) == str(there)
    monkeypatch.setenv("DISABLE_KAGGLE_CACHE", "1")
    assert unihub.resolve(PATH) != str(there)


def test_without_kagglehub_it_is_asked_for_by_name():
    if HAS_KAGGLEHUB:
        pytest.skip("kagglehub is installed here")
    with pytest.raises(UnihubError) as raised:
        unihub.resolve(PATH)
    error = raised.value
    assert isinstance(error, ImportError)
    check_golden(
        error.code, str(error), python=error.facts["python"], executable=error.facts["executable"]
    )


def test_kagglehub_is_imported_for_a_model_of_kaggle_only(kaggle, tmp_path):
    script = (
        "import sys, unihub\n"
        f"unihub.resolve({PATH!r})\n"
        "print('tensorflow' in sys.modules, 'kagglehub' in sys.modules)\n"
    )
    printed = [
        subprocess.check_output([sys.executable, "-c", script], universal_newlines=True)
        for _ in range(2)
    ]
    assert [line.split()[-2:] for line in printed] == [["False", "True"], ["False", "False"]]
