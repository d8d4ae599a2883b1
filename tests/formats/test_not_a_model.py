from __future__ import annotations

import os

import pytest
from golden import check_golden
from hand_made import GRAPH_DEF, HUB_MODULE, TF1, encode, saved_model

from unihub.formats import FormatError, read_saved_model
from unihub.formats.not_a_model import OTHER_KINDS, FrozenGraph, ModelInSubfolder, NotAModel

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 8863\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
GRAPH_TEXT = b'node {\n  name: "x"\n  op: "Placeholder"\n}\nnode { name: "y" op: "Relu" }\n'


def write(folder, files):
    """Writes files given as {path: content}; a path that ends in / is a folder."""
    for path, content in files.items():
        target = folder / path
        (target if path.endswith("/") else target.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            target.write_bytes(content)


def refused(path):
    with pytest.raises(FormatError) as caught:
        read_saved_model(path)
    return caught.value


BOTH = (ValueError, OSError)

# Case: the error's code, its builtins, the files, the handle below the folder.
FOLDERS = {
    "missing": ("model-not-found", (FileNotFoundError,), {"models/": b""}, "model"),
    "empty": ("empty-folder", BOTH, {}, ""),
    "variables": (
        "variables-only",
        BOTH,
        {"variables/variables.index": b"", "assets/": b""},
        "",
    ),
    "versions": (
        "model-in-subfolder",
        BOTH,
        {
            "1/saved_model.pb": TF1,
            "2/saved_model.pb": TF1,
            "10/saved_model.pbtxt": b"",
            "notes/": b"",
        },
        "",
    ),
    "nothing": ("no-saved-model", BOTH, {"README.md": b"", "src/": b""}, ""),
    "hub": (
        "hub-module-without-graph",
        BOTH,
        {"tfhub_module.pb": HUB_MODULE, "variables/": b""},
        "",
    ),
    "frozen": ("frozen-graph", BOTH, {"labels.txt": b"", "graph.pb": GRAPH_DEF}, ""),
    "file of a model": (
        "file-inside-model",
        BOTH,
        {"saved_model.pb": TF1},
        "saved_model.pb",
    ),
    "file": ("file-not-a-model", BOTH, {"model.bin": b"\x00\x01whatever"}, "model.bin"),
    "no content": ("empty-file", BOTH, {"saved_model.pb": b""}, ""),
    "pointer": ("git-lfs-pointer", BOTH, {"saved_model.pb": LFS_POINTER}, ""),
    "page": ("web-page", BOTH, {"saved_model.pb": PAGE}, ""),
    "no graphs": ("no-meta-graphs", BOTH, {"saved_model.pb": saved_model()}, ""),
    "truncated": ("malformed-file", BOTH, {"saved_model.pb": TF1[:-10]}, ""),
    "old hub format": (
        "unknown-hub-format",
        BOTH,
        {"tfhub_module.pb": encode([(1, 2)]), "saved_model.pb": TF1},
        "",
    ),
    "hub features": (
        "unknown-hub-features",
        BOTH,
        {"tfhub_module.pb": encode([(1, 3), (2, "b"), (2, "a")]), "saved_model.pb": TF1},
        "",
    ),
    "over limit": ("file-over-limit", (ValueError,), {"saved_model.pb": b"\x1b" * 200}, ""),
    "not a file": ("unreadable-file", (OSError,), {"saved_model.pb/": b""}, ""),
    "keras": ("other-model-format", BOTH, {"model.keras": b"PK\x03\x04"}, "model.keras"),
}


@pytest.mark.parametrize(("code", "builtins", "files", "handle"), FOLDERS.values(), ids=FOLDERS)
def test_refusals(code, builtins, files, handle, tmp_path):
    write(tmp_path, files)
    error = refused(tmp_path / handle)
    assert error.code == code
    assert [builtin for builtin in (ValueError, OSError) if isinstance(error, builtin)] == [
        builtin
        for builtin in (ValueError, OSError)
        if any(issubclass(b, builtin) for b in builtins)
    ]
    check_golden(code, str(error), path=tmp_path)


OTHER_FILES = {
    "keras-h5": {"model.h5": b""},
    "keras-weights": {"model.weights.h5": b""},
    "keras-file": {"model.keras": b""},
    "lite": {"model.tflite": b""},
    "onnx": {"model.onnx": b""},
    "pytorch": {"model.pt": b""},
    "safetensors": {"model.safetensors": b""},
    "checkpoint": {"model.ckpt-12.index": b"", "model.ckpt-12.data-00000-of-00001": b""},
    "tfjs": {"model.json": b""},
    "archive": {"model.tar.gz": b""},
}


@pytest.mark.parametrize(("name", "files"), OTHER_FILES.items(), ids=OTHER_FILES)
def test_other_formats(name, files, tmp_path):
    write(tmp_path, files)
    of_file, of_folder = refused(tmp_path / sorted(files)[-1]), refused(tmp_path)
    assert of_file.code == "other-model-format"
    assert (of_file.facts["kind"], of_file.do) == (of_folder.facts["kind"], of_folder.do)
    check_golden(f"other-model-format-{name}", str(of_file), path=tmp_path)


def test_every_other_format_has_a_case(tmp_path):
    kinds = set()
    for files in OTHER_FILES.values():
        for name in files:
            (tmp_path / name).write_bytes(b"")
            kinds.add(refused(tmp_path / name).facts["kind"])
    assert kinds == {kind.title for kind in OTHER_KINDS}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("checkpoint", "a TensorFlow checkpoint"),
        ("model.ckpt", "a TensorFlow checkpoint"),
        ("model.ckpt.meta", "a TensorFlow checkpoint"),
        ("model.HDF5", "a Keras model in an HDF5 file"),
        ("model.pth", "a PyTorch file"),
        ("model.zip", "an archive"),
    ],
)
def test_other_formats_by_name(name, kind, tmp_path):
    write(tmp_path, {name: b""})
    assert refused(tmp_path / name).facts["kind"] == kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89HDF\r\n\x1a\n", "a Keras model in an HDF5 file"),
        (b"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model"),
        (b"\x1f\x8b\x08", "an archive"),
        (b"PK\x03\x04", "an archive"),
    ],
)
@pytest.mark.parametrize("handle", ["model", "saved_model.pb"])
def test_other_formats_by_content(content, kind, handle, tmp_path):
    write(tmp_path, {handle: content})
    assert (
        refused(tmp_path if handle == "saved_model.pb" else tmp_path / handle).facts["kind"] == kind
    )


def test_the_prefix_of_a_checkpoint(tmp_path):
    write(tmp_path, {"model.ckpt.index": b"", "model.ckpt.data-00000-of-00001": b""})
    error = refused(tmp_path / "model.ckpt")
    assert error.do == f"tf.train.load_checkpoint({str(tmp_path / 'model.ckpt')!r})"


@pytest.mark.parametrize(
    ("file", "content"),
    [("graph.pb", GRAPH_DEF), ("graph.pbtxt", GRAPH_TEXT), ("graph", GRAPH_DEF)],
)
def test_a_frozen_graph_as_the_handle(file, content, tmp_path):
    write(tmp_path, {file: content})
    error = refused(tmp_path / file)
    assert isinstance(error, FrozenGraph)
    assert error.do.endswith("f.prune('x:0', 'y:0')")


@pytest.mark.parametrize(
    ("file", "content"), [("saved_model.pb", GRAPH_DEF), ("saved_model.pbtxt", GRAPH_TEXT)]
)
def test_a_frozen_graph_under_the_name_of_a_saved_model(file, content, tmp_path):
    write(tmp_path, {file: content})
    assert isinstance(refused(tmp_path), FrozenGraph)


def test_what_is_pasted_from_a_frozen_graph_is_quoted(tmp_path):
    graph = encode([(1, [(1, "x', print()"), (2, "Placeholder")]), (1, [(1, "y"), (2, "Relu")])])
    write(tmp_path, {"graph.pb": graph})
    assert refused(tmp_path).do.endswith("""f.prune("x', print():0", 'y:0')""")


@pytest.mark.parametrize("code", ["g = tf.compat.v1.GraphDef", "g = google.protobuf.text_format"])
def test_the_remedy_for_a_frozen_graph_works(code, eager, tmp_path):
    import google.protobuf.text_format
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        tf.identity(2.0 * x, "y")
    text = google.protobuf.text_format.MessageToString(graph.as_graph_def())
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    (tmp_path / "graph.pbtxt").write_text(text)
    handles = [tmp_path / "graph.pb", tmp_path / "graph.pbtxt"]
    (remedy,) = (error.do for error in map(refused, handles) if error.do.startswith(code))
    names = {"tf": tf, "google": google}
    exec(remedy, names)
    assert names["f"](tf.constant([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        ("mobilnet", "unihub.load('<path>/mobilenet')"),
        ("mobilnet/1", "unihub.load('<path>/mobilenet')"),
        ("zzz/1/2", "ls '<path>'"),
    ],
)
def test_a_missing_folder_names_the_nearest(wanted, remedy, tmp_path):
    write(tmp_path, {"mobilenet/": b"", "resnet/": b""})
    error = refused(tmp_path / wanted)
    assert error.do.replace(str(tmp_path), "<path>") == remedy
    assert error.why.endswith("is there and holds 'mobilenet', 'resnet'.")


@pytest.mark.parametrize("handle", ["a/b", "file/b", "a\0b", "x" * 300])
def test_other_missing_paths(handle, tmp_path):
    write(tmp_path, {"file": b""})
    assert refused(str(tmp_path / handle) if "\0" not in handle else handle).code in (
        "model-not-found",
        "unreadable-file",
    )


def test_a_relative_path(tmp_path, monkeypatch):
    write(tmp_path, {"model/saved_model.pb": TF1})
    monkeypatch.chdir(tmp_path / "model")
    assert refused("saved_model.pb").do == "unihub.load('.')"
    assert refused("").code == "model-not-found"


@pytest.mark.parametrize("name", ["saved_model.pb", "saved_model.pbtxt", "tfhub_module.pb"])
def test_a_pipe_is_not_waited_for(name, tmp_path):
    write(tmp_path, {} if name.startswith("saved_model") else {"saved_model.pb": TF1})
    os.mkfifo(str(tmp_path / name))
    assert refused(tmp_path).why == "it is not a regular file."


def test_a_pipe_as_the_handle(tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    assert refused(tmp_path / "pipe").code == "unreadable-file"


def test_a_link_to_nothing(tmp_path):
    (tmp_path / "saved_model.pb").symlink_to(tmp_path / "nothing")
    assert refused(tmp_path).why == "the system says: No such file or directory."


def test_a_loop_of_links(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert refused(tmp_path / "loop").code == "unreadable-file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path):
    write(tmp_path, {"saved_model.pb": TF1})
    (tmp_path / "saved_model.pb").chmod(0)
    assert refused(tmp_path).why == "the system says: Permission denied."


@pytest.mark.parametrize(
    "content", [b"<?xml version='1.0'?><Error>", b"\n <HTML>", b"\xef\xbb\xbf<!doctype html>"]
)
def test_pages(content, tmp_path):
    write(tmp_path, {"saved_model.pb": content})
    assert refused(tmp_path).code == "web-page"


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty-file"), (LFS_POINTER, "git-lfs-pointer"), (b"\x08", "malformed-file")],
)
def test_the_description_of_a_hub_module(content, code, tmp_path):
    write(tmp_path, {"saved_model.pb": TF1, "tfhub_module.pb": content})
    error = refused(tmp_path)
    assert (error.code, error.facts["path"]) == (code, str(tmp_path / "tfhub_module.pb"))


def test_a_file_that_is_a_pointer_as_the_handle(tmp_path):
    write(tmp_path, {"weights": LFS_POINTER})
    assert refused(tmp_path / "weights").code == "git-lfs-pointer"


def test_every_refusal_is_caught_as_either_builtin():
    assert issubclass(NotAModel, ValueError)
    assert issubclass(NotAModel, OSError)


@pytest.mark.parametrize(
    ("files", "found", "example"),
    [
        # As MLflow, TFX, and a base path of versions for TF Serving below another folder.
        (("MLmodel", "data/model/saved_model.pb"), "'data/model'", "data/model"),
        (("Format-Serving/1/saved_model.pb",), "'Format-Serving/1'", "Format-Serving/1"),
        (("a/9/saved_model.pb", "a/10/saved_model.pb"), "'a/9', 'a/10'", "a/10"),
        # TFX writes one for evaluation beside it.
        (
            ("Format-Serving/saved_model.pb", "Format-TFMA/saved_model.pb"),
            "'Format-Serving', 'Format-TFMA'",
            "Format-Serving",
        ),
        (
            ("serving/1/saved_model.pb", "train/2/saved_model.pb"),
            "'train/2', 'serving/1'",
            "serving/1",
        ),
    ],
)
def test_a_model_further_down_is_found_and_named(files, found, example, tmp_path):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelInSubfolder) as raised:
        read_saved_model(tmp_path)
    assert f"has models in it: {found}." in raised.value.what
    assert raised.value.do == f"unihub.load({str(tmp_path / example)!r})"
