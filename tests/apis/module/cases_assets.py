"""Scenarios of tables and assets."""

from __future__ import annotations

from typing import Any, Dict, List

import tensorflow as tf
from apis.module import module_fns as fns
from apis.module.module_fns import exported, spec
from apis.module.observe import attempt, collections, files, run

v1 = tf.compat.v1
Keys = v1.GraphKeys
Observations = Dict[str, Any]


def table(hub: Any, tmp_path: Any) -> Observations:
    """Tables are state: initialised once, through TABLE_INITIALIZERS."""
    module = hub.Module(spec(hub, fns.lookup))
    outputs = [module(["two", "three"]), module(["one"])]
    with v1.Session() as session:
        early = attempt(lambda: session.run(outputs[0]))
        session.run(v1.tables_initializer())
        values = session.run(outputs)
        session.run(v1.tables_initializer())
        again = session.run(outputs[1])
    return {"early": early, "values": values, "again": again, "collections": collections()}


def tables_of_two_instances(hub: Any, tmp_path: Any) -> Observations:
    """Each instance has its own table, whatever the shared names in the module."""
    paths = [tmp_path / "first.txt", tmp_path / "second.txt"]
    paths[0].write_text("a\nb\n")
    paths[1].write_text("b\na\n")
    outputs = [hub.Module(spec(hub, fns.vocabulary, str(path)))(["a", "b"]) for path in paths]
    return {"values": run(outputs)}


def vocabulary(hub: Any, tmp_path: Any) -> Observations:
    """A table that is initialised from an asset: created, exported, moved, loaded."""
    words = tmp_path / "words.txt"
    words.write_text("a\nb\nc\n")
    exported(hub, spec(hub, fns.vocabulary, str(words)), tmp_path / "m")
    words.unlink()
    (tmp_path / "m").rename(tmp_path / "moved")
    module = hub.Module(str(tmp_path / "moved"))
    created = collections()
    output = module(["c", "x"])
    folder = str(tmp_path)
    return {
        "files": files(tmp_path / "moved"),
        "created": created,
        "applied": collections(),
        "value": run(output),
        "assets": _asset_paths(folder),
    }


def _asset_paths(folder: str) -> List[str]:
    with v1.Session() as session:
        found = session.run(v1.get_collection(Keys.ASSET_FILEPATHS))
    return sorted(path.decode().replace(folder, "") for path in found)


def asset(hub: Any, tmp_path: Any) -> Observations:
    """An asset that is read when the module is applied."""
    (tmp_path / "note.txt").write_text("hello")
    path = exported(hub, spec(hub, fns.asset, str(tmp_path / "note.txt")), tmp_path / "m")
    (tmp_path / "m" / "assets" / "note.txt").write_text("other")
    module = hub.Module(path)
    outputs = [module(), module()]
    return {"values": run(outputs), "assets": _asset_paths(str(tmp_path)), "files": files(path)}


def assets_of_equal_names(hub: Any, tmp_path: Any) -> Observations:
    """Files of one base name from several folders are kept apart on export."""
    paths = []
    for name, lines in (("one", "a\nb\n"), ("two", "b\na\n"), ("three", "z\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.txt").write_text(lines)
        paths.append(str(tmp_path / name / "words.txt"))
    path = exported(hub, spec(hub, fns.vocabulary, *paths), tmp_path / "m")
    module = hub.Module(path)
    return {"files": files(path), "value": run(module(["a", "b", "z"]))}


def asset_shared_by_graphs(hub: Any, tmp_path: Any) -> Observations:
    """One file used twice, and in two graph variants, is stored once."""
    words = tmp_path / "words.txt"
    words.write_text("a\nb\n")
    module_spec = spec(
        hub, fns.vocabulary, str(words), str(words), tags_and_args=[({"train"}, {}), (set(), {})]
    )
    path = exported(hub, module_spec, tmp_path / "m")
    return {"files": files(path), "value": run(hub.Module(path, tags={"train"})(["b"]))}


def asset_missing(hub: Any, tmp_path: Any) -> Observations:
    (tmp_path / "words.txt").write_text("a\n")
    module_spec = spec(hub, fns.vocabulary, str(tmp_path / "words.txt"))
    path = exported(hub, module_spec, tmp_path / "m")
    (tmp_path / "words.txt").unlink()
    (tmp_path / "m" / "assets" / "words.txt").unlink()
    fresh, loaded = hub.Module(module_spec), hub.Module(path)
    fresh_output, loaded_output = fresh(["a"]), loaded(["a"])
    return {
        "export": attempt(lambda: exported(hub, module_spec, tmp_path / "n")),
        "run_loaded": attempt(lambda: run(loaded_output)),
        "run_fresh": attempt(lambda: run(fresh_output)),
    }
