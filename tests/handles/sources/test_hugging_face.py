"""Models of Hugging Face, by huggingface_hub, against a real server on loopback."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from golden import check_golden
from handles.hugging_face_server import HuggingFace
from handles.places import FILES, refused, tree
from handles.server import Reply, Server

import unihub

pytestmark = pytest.mark.usefixtures("cache")

HAS_HUGGING_FACE = importlib.util.find_spec("huggingface_hub") is not None
REPOSITORY = "keras-io/half-plus-two"
# What models of Keras 2 on Hugging Face have beside the SavedModel.
OTHERS = {
    ".gitattributes": b"*.pb filter=lfs",
    "model.png": b"picture",
    "x.safetensors": b"1234567",
}
MODEL = {**FILES, "keras_metadata.pb": b"md", "README.md": b"# half"}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Hugging Face with one repository; nobody has a token."""
    if not HAS_HUGGING_FACE:
        pytest.skip("huggingface_hub is not installed here")
    from huggingface_hub import constants

    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    # It looks for the home folder once.
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    with Server() as server, Server() as storage:
        monkeypatch.setenv("HF_ENDPOINT", server.origin)
        hub = HuggingFace(server, storage)
        hub.commit = hub.add(REPOSITORY, {**MODEL, **OTHERS})
        yield hub


def check(error, name=None, **replacements):
    endpoint = error.facts.get("endpoint")
    check_golden(name or error.code, str(error), endpoint=endpoint, **replacements)


@pytest.mark.parametrize(
    "handle",
    [
        f"hf://{REPOSITORY}",
        f"hf://{REPOSITORY}@main",
        f"https://huggingface.co/{REPOSITORY}",
        f"https://huggingface.co/{REPOSITORY}/tree/main",
        f"hf://{REPOSITORY}/saved_model.pb",
        f"hf://{REPOSITORY}/blob/main/saved_model.pb",
    ],
)
def test_the_model_comes_and_nothing_else(hub, handle):
    folder = unihub.resolve(handle)
    assert tree(folder) == MODEL
    count = len(hub.server.requests)
    assert unihub.resolve(handle) == folder
    assert len(hub.server.requests) == count


def test_a_commit_and_what_is_noted_of_it(hub, cache):
    folder = unihub.resolve(f"hf://{REPOSITORY}@{hub.commit}")
    assert tree(folder) == MODEL
    (manifest,) = cache.glob("models/*/manifest.json")
    stored = json.loads(manifest.read_text())
    assert stored["version"] == hub.commit
    assert stored["handle"] == f"hf://{REPOSITORY}@{hub.commit}"


def test_a_branch_with_a_slash(hub):
    hub.add(REPOSITORY, {**FILES, "saved_model.pb": b"proposed"}, "refs/pr/1")
    for handle in (f"hf://{REPOSITORY}@refs/pr/1", f"hf://{REPOSITORY}@refs%2Fpr%2F1"):
        assert tree(unihub.resolve(handle))["saved_model.pb"] == b"proposed"


def test_a_model_in_a_folder(hub):
    files = {f"exported/1/{name}": data for name, data in FILES.items()}
    hub.add("a/one", {**files, "README.md": b"other"})
    assert tree(unihub.resolve("hf://a/one")) == FILES
    assert tree(unihub.resolve("hf://a/one/exported")) == FILES
    assert tree(unihub.resolve("hf://a/one@main/exported/1")) == FILES
    both = {f"2/{name}": data for name, data in FILES.items()}
    hub.add("a/two", {**files, **both})
    assert tree(unihub.resolve("hf://a/two/2")) == FILES
    check(refused("several-models-there", "hf://a/two", ValueError))
    versions = {f"{n}/{name}": data for n in ("9", "10") for name, data in FILES.items()}
    hub.add("a/versions", versions)
    error = refused("several-models-there", "hf://a/versions", ValueError)
    assert error.do == "unihub.load('hf://a/versions/10')"


def test_a_token_goes_to_hugging_face_and_nowhere_else(hub, monkeypatch, cache):
    hub.private.add(REPOSITORY)
    check(refused("hugging-face-model-not-found", f"hf://{REPOSITORY}"))
    monkeypatch.setenv("HF_TOKEN", "ada's token")
    assert tree(unihub.resolve(f"hf://{REPOSITORY}")) == MODEL
    assert all("authorization" in each.headers for each in hub.server.requests[1:])
    assert not any("authorization" in each.headers for each in hub.storage.requests)
    found = [path for path in cache.rglob("*") if path.is_file()]
    secrets = (b"tip-top-secret", b"ada's token")
    assert not any(secret in path.read_bytes() for path in found for secret in secrets)


def test_a_model_whose_terms_are_not_agreed_to(hub):
    hub.gated.add(REPOSITORY)
    check(refused("hugging-face-access-refused", f"hf://{REPOSITORY}", PermissionError))


def test_a_revision_that_is_not_there(hub):
    path = f"/api/models/{REPOSITORY}/revision/v9"
    hub.server[path] = Reply(status=404, headers={"X-Error-Code": "RevisionNotFound"})
    error = refused("hugging-face-model-not-found", f"hf://{REPOSITORY}@v9")
    check(error, "hugging-face-revision-not-found")


def test_a_repository_without_a_saved_model(hub):
    hub.add("a/keras3", {"model.keras": b"zip", "README.md": b"# it"})
    check(refused("no-saved-model-there", "hf://a/keras3", FileNotFoundError))
    hub.add("a/torch", {"model.safetensors": b"weights"})
    assert "hf download a/torch" in refused("no-saved-model-there", "hf://a/torch").do
    error = refused("no-saved-model-there", f"hf://{REPOSITORY}/exported")
    assert error.do == f"unihub.load('hf://{REPOSITORY}')"


def test_a_file_that_is_not_what_is_listed(hub):
    """By the hash of Git LFS, which the download holds it to, or by that of Git."""
    for name, data in (("saved_model.pb", b"other"), ("keras_metadata.pb", b"MD")):
        commit = hub.add("a/b", MODEL)
        hub.server[f"/a/b/resolve/{commit}/{name}"] = Reply(data)
        error = refused("hugging-face-file-differs", "hf://a/b")
        assert error.what.startswith(name)
    check(error)


@pytest.mark.parametrize("name", ["variables/../../evil", "assets/a\\..\\b"])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_comes(hub, name):
    hub.add("a/b", {**MODEL, name: b"evil"})
    refused("unsafe-archive", "hf://a/b", ValueError)
    assert hub.downloads() == []


def test_a_name_that_huggingface_hub_refuses(hub):
    hub.add("a/b", {**MODEL, "assets/a:b": b"odd"})
    refused("hugging-face-failed", "hf://a/b")


@pytest.mark.parametrize("size", [1, -5, 10**6, "x"])
def test_a_list_that_lies(hub, size):
    commit = hub.add("a/b", MODEL)
    listed = [{"rfilename": name, "size": size, "blobId": None} for name in MODEL]
    body = json.dumps({"id": "a/b", "sha": commit, "siblings": listed}).encode()
    hub.server["/api/models/a/b"] = Reply(body, headers={"Content-Type": "application/json"})
    refused("hugging-face-failed" if size == "x" else "hugging-face-file-differs", "hf://a/b")


@pytest.mark.parametrize("damaged", [False, True])
def test_what_its_cache_has_is_not_downloaded(hub, damaged):
    from huggingface_hub import constants

    snapshot = os.path.join(
        constants.HF_HUB_CACHE, "models--" + REPOSITORY.replace("/", "--"), "snapshots", hub.commit
    )
    for name, data in MODEL.items():
        os.makedirs(os.path.dirname(os.path.join(snapshot, name)), exist_ok=True)
        with open(os.path.join(snapshot, name), "wb") as file:
            file.write(b"damaged" if damaged and name == "saved_model.pb" else data)
    assert tree(unihub.resolve(f"hf://{REPOSITORY}")) == MODEL
    assert len({request.path for request in hub.downloads()}) == 2 * damaged


def test_offline(hub, monkeypatch):
    from huggingface_hub import constants

    with unihub.configure(offline=True):
        refused("not-cached", f"hf://{REPOSITORY}", FileNotFoundError)
    assert hub.server.requests == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    error = refused("not-cached", f"hf://{REPOSITORY}", FileNotFoundError)
    assert "HF_HUB_OFFLINE forbids downloads" in error.why
    assert hub.server.requests == []


def test_a_server_that_fails(hub):
    hub.server[f"/api/models/{REPOSITORY}"] = Reply(status=500, body=b"oh")
    error = refused("hugging-face-failed", f"hf://{REPOSITORY}")
    assert "500" in error.why
    error.why = error.why.partition(":")[0]
    check(error)


def test_a_lockfile_holds_it_to_a_commit(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from click.testing import CliRunner

    from unihub.cli.commands import main

    assert CliRunner().invoke(main, ["lock", f"hf://{REPOSITORY}"]).exit_code == 0
    hub.add(REPOSITORY, {**MODEL, "saved_model.pb": b"newer"})
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "another"))
    assert tree(unihub.resolve(f"hf://{REPOSITORY}")) == MODEL


def test_it_is_described_without_a_download(hub):
    info = unihub.inspect(f"hf://{REPOSITORY}", download=False)
    assert (info.version, info.files) == (hub.commit, len(MODEL) + len(OTHERS))
    assert hub.downloads() == []
    hub.add("keras-io/of-keras-3", {"model.keras": b"PK", "config.json": b"{}"})
    info = unihub.inspect("hf://keras-io/of-keras-3", download=False)
    assert info.problem == "none of its files is a SavedModel: 'model.keras', 'config.json'"


def test_without_huggingface_hub(cache):
    code = (
        "import sys; sys.modules['huggingface_hub'] = None\n"
        "import unihub\n"
        "try: unihub.resolve('hf://a/b')\n"
        "except ImportError as error: print(error)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], universal_newlines=True)
    version = ".".join(map(str, sys.version_info[:3]))
    check_golden(
        "huggingface-hub-missing", said.rstrip(), python=version, executable=sys.executable
    )
