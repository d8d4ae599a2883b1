from __future__ import annotations

import tracemalloc

import pytest
from hand_made import encode, meta_graph, saved_model, signature, varint

from unihub.formats import read_ops, read_saved_model
from unihub.formats.message import UnreadableFile, file_content


def test_file_content(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    with file_content(str(tmp_path / "file")) as content:
        assert (len(content), content[0], content[1:]) == (3, 97, b"bc")


def test_an_empty_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with file_content(str(tmp_path / "file")) as content:
        assert content == b""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "the system says: No such file or directory."),
        (".", "it is not a regular file."),
    ],
)
def test_no_file(name, reason, tmp_path):
    with pytest.raises(UnreadableFile) as caught, file_content(str(tmp_path / name)):
        pass
    assert caught.value.why == reason


def write_large(path, size):
    """A SavedModel with a constant of ``size`` bytes, as a hole in the file."""
    node = encode([(1, "weights"), (2, "Const")]) + varint(5 << 3 | 2) + varint(size)
    graph = varint(1 << 3 | 2) + varint(len(node) + size) + node
    rest = encode(meta_graph(signatures={"serving_default": signature({}, {})}))
    inner = rest + varint(2 << 3 | 2) + varint(len(graph) + size) + graph
    with open(str(path), "wb") as file:
        file.write(saved_model() + varint(2 << 3 | 2) + varint(len(inner) + size) + inner)
        file.truncate(file.tell() + size)


def test_a_large_file_is_not_read_into_memory(tmp_path):
    write_large(tmp_path / "saved_model.pb", 800_000_000)
    tracemalloc.start()
    try:
        model = read_saved_model(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read_ops(tmp_path, model.meta_graphs[0].tags) == ("Const",)
    assert peak < 1_000_000
