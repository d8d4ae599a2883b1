"""A model that acts is told of before it does, from whatever place, however it is loaded.

Here each place is tried in one way, or in two: the one in which TensorFlow runs most, and of
the others one in turn for every third place. With UNIHUB_PLACES=all, as in `nox -s places`,
it is each place in every way.
"""

from __future__ import annotations

import functools
import os
import shutil

import pytest
from inspection import places
from inspection.places import GRAPH_WAYS, IS_TF2, TF1_PLACES, TF1_WAYS, TF2_PLACES, TF2_WAYS

import unihub
from unihub.formats import read_saved_model
from unihub.inspection.op_dangers import Severity
from unihub.inspection.security import When, security_findings

ALL = os.environ.get("UNIHUB_PLACES") == "all"
# They run signatures to compare what they give, or losses to look at them.
CALLING = ("convert", "validate")
# Places that TensorFlow itself runs when it loads a model, in one way at least; this holds the
# places and ways themselves to their word.
RUN_AT_LOAD = (
    "evaluated",
    "init_signature",
    "legacy_init_op",
    "local_variables.initial_value_name",
    "local_variables.initializer_name",
    "restore",
    "restoring",
    "saved_model_main_op",
    "table_initializer",
)
RUN_LATER = ("call", "method", "gradient", "loss", "signature")
METHODS_RUN = {
    ("user_object", "_maybe_initialize_trackable"),
    ("resource", "_initialize"),
}

needs_objects = pytest.mark.skipif(
    not IS_TF2, reason="TensorFlow 1.15 saves no objects in graph mode"
)
WAYS = TF1_WAYS if IS_TF2 else GRAPH_WAYS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Models that act in no place yet, each made once, and the file that they may write."""
    return Made(tmp_path_factory.mktemp("made"))


class Made:
    def __init__(self, folder):
        self.folder = folder
        self.target = str(folder / "acted")

    def copied(self, to, make, *arguments):
        """A copy of what a function makes; patched, it acts."""
        original = self.folder / "-".join([make.__name__, *map(str, arguments[1:])])
        if not original.exists():
            make(str(original), *arguments)
            self.clear()
        shutil.copytree(str(original), to)
        return to

    def clear(self):
        # TensorFlow writes a folder for what it debugs.
        if os.path.isdir(self.target):
            shutil.rmtree(self.target)
        elif os.path.exists(self.target):
            os.remove(self.target)


@pytest.fixture
def folder(tmp_path, made):
    with unihub.configure(cache=tmp_path / "cache", on_unsafe="ignore"):
        yield tmp_path
    made.clear()


def some(ways, place, all_places, always):
    """Those of the ways in which a place is tried: one that always is, and some in turn."""
    if ALL:
        return ways
    names = [name for name in ways if name != always]
    third, rest = divmod(list(all_places).index(place), 3)
    return {name: ways[name] for name in (always, *names[third % len(names) :][: rest == 0])}


def told(path):
    """When there is something grave, as the scan tells it."""
    grave = security_findings(read_saved_model(path), Severity.HIGH)
    return {finding.when for finding in grave}


def run(folder, made, path, ways):
    """In which ways the model acts when it is loaded; fails where that was not told."""
    expected = told(path)
    at_load = []
    for name, way in ways.items():
        loads, calls = places.acted(way, path, made.target, str(folder / f"out of {name}"))
        made.clear()
        if loads:
            at_load.append(name)
            assert When.LOAD in expected or (name in CALLING and expected), name
        if calls:
            assert expected, name
    return at_load


def of_tf1(place, target):
    if place in places.EVALUATED:
        return functools.partial(places.EVALUATED[place], target)
    return TF1_PLACES[place]


PLACES = [*TF1_PLACES, *places.EVALUATED]


@pytest.mark.parametrize("place", PLACES)
def test_places_of_a_tf1_graph(folder, made, place):
    has_local = place.startswith("local_variables")
    path = made.copied(str(folder / "model"), places.make_tf1, made.target, has_local)
    places.patch(path, of_tf1(place, made.target))
    # What TensorFlow 1.15 runs at load, its own loader runs.
    always = "full" if IS_TF2 else "load in a graph"
    at_load = run(folder, made, path, some(WAYS, place, PLACES, always))
    # TensorFlow 1.15 does not follow constants into functions.
    runs = place in RUN_AT_LOAD or (place in places.EVALUATED and IS_TF2)
    assert at_load or not runs


@pytest.mark.parametrize("place", [*RUN_AT_LOAD, "the_signature"])
def test_places_of_a_hub_module(folder, made, place):
    has_local = place.startswith("local_variables")
    path = made.copied(str(folder / "model"), places.make_hub, made.target, has_local)
    places.patch(path, of_tf1(place, made.target))
    # Converting it is the same work as for a TF1 SavedModel.
    ways = {name: way for name, way in WAYS.items() if name != "convert"}
    run(folder, made, path, some(ways, place, [*RUN_AT_LOAD, "the_signature"], "module in a graph"))


@needs_objects
@pytest.mark.parametrize("place", TF2_PLACES)
def test_places_of_an_object_graph(folder, made, place):
    path = made.copied(str(folder / "model"), places.make_tf2, made.target)
    places.patch(path, places.acting_in(place))
    at_load = run(folder, made, path, some(TF2_WAYS, place, TF2_PLACES, "full"))
    assert place in RUN_LATER or "full" in at_load


CHANGES = {
    "counted from the end": ("_initialize", places.counted_from_the_end),
    "depended on": ("_create_resource", places.depended_on),
}


@needs_objects
@pytest.mark.parametrize("change", CHANGES)
def test_places_by_other_names(folder, made, change):
    place, patched = CHANGES[change]
    path = made.copied(str(folder / "model"), places.make_tf2, made.target)
    places.patch(path, places.acting_in(place))
    places.patch(path, patched)
    run(folder, made, path, some(TF2_WAYS, change, CHANGES, "full"))


@needs_objects
def test_what_shape_inference_evaluates_in_a_function(folder, made):
    path = made.copied(str(folder / "model"), places.make_tf2, made.target)
    places.patch(path, places.acting_in(""))
    places.patch(path, lambda graph: places.evaluated_in_function(made.target, graph))
    assert "full" in run(folder, made, path, some(TF2_WAYS, "", [""], "full"))


@needs_objects
def test_functions_in_the_place_of_tensorflows_own_methods(folder, made):
    acted = set()
    private = [(kind, name) for kind, name in places.methods() if name.startswith("_")]
    for kind, name in private if ALL else sorted(METHODS_RUN):
        path = made.copied(str(folder / f"{kind} {name}"), places.make_spare, made.target)
        places.patch(path, places.spare_as(kind, name))
        loads, _ = places.acted(TF2_WAYS["full"], path, made.target, "")
        made.clear()
        if loads:
            acted.add((kind, name))
            assert When.LOAD in told(path), f"{name} of a {kind}"
        shutil.rmtree(path)
    assert acted >= METHODS_RUN
