"""Our hub.Module does in every scenario what tensorflow_hub's does.

Where tensorflow_hub has one, both run in this process; everywhere, ours is held to what
was recorded of the real one. See scenarios.py for the table.
"""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import pytest
import tensorflow as tf
from apis.module import recording
from apis.module.observe import differences
from apis.module.scenarios import INTERCHANGED, MODES, SCENARIOS, Scenario, observed

import unihub

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
REAL = importlib.import_module("tensorflow_hub") if VERSION < (2, 16) else None
RECORDED_WITH = ((1, 15), (2, 15))
# This process is in the first mode; the second, if there is one, has a process of its own.
HERE, *ELSEWHERE = MODES

needs_real = pytest.mark.skipif(
    REAL is None, reason="no tensorflow_hub has hub.Module for TensorFlow 2.16 and later"
)


def each(scenarios: Sequence[Scenario]) -> Any:
    return pytest.mark.parametrize("scenario", scenarios, ids=[s.id for s in scenarios])


with_both = each(SCENARIOS if REAL else [])


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    level = tf.compat.v1.logging.get_verbosity()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.FATAL)
    yield
    tf.compat.v1.logging.set_verbosity(level)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: Any) -> Any:
    """A function to a scenario's observations, which runs each scenario once."""

    @functools.lru_cache(maxsize=None)
    def run_once(position: int, real: bool) -> Any:
        library = REAL if real else unihub
        return observed(SCENARIOS[position], library, tmp_path_factory.mktemp("scenario"))

    def run(scenario: Scenario, real: bool) -> Any:
        _skip_if_missing(scenario)
        return run_once(SCENARIOS.index(scenario), real)

    return run


def _skip_if_missing(scenario: Scenario) -> None:
    reason = scenario.missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module", autouse=True)
def compat_process(request: Any, tmp_path_factory: Any) -> Iterator[Any]:
    """The process in compat mode, which runs beside the tests of this one."""
    if not any("in_compat_mode" in item.name for item in request.session.items):
        yield None
        return
    folder = tmp_path_factory.mktemp("compat")
    script = Path(__file__).parent / "compat_mode.py"
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(script), str(folder / "outcomes.json")],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        yield process, folder
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def compat_outcomes(compat_process: Any) -> Any:
    process, folder = compat_process
    assert process.wait() == 0, (folder / "log.txt").read_text()
    return recording.read(folder / "outcomes.json")


@functools.lru_cache(maxsize=None)
def recorded(mode: str) -> Dict[str, Any]:
    return recording.expected(mode)


def improved(scenario: Scenario, outcome: Any) -> Any:
    """``outcome`` with what ours is to do in place of what the real one does."""
    better = {key: change.outcome for key, change in scenario.improves.items()}
    return {**outcome, **better}


@needs_real
@with_both
def test_does_as_the_real_one(scenario: Scenario, outcome: Any) -> None:
    real = outcome(scenario, real=True)
    assert differences(improved(scenario, real), outcome(scenario, real=False)) == []


@each(SCENARIOS)
def test_does_as_recorded(scenario: Scenario, outcome: Any) -> None:
    ours = outcome(scenario, real=False)
    assert differences(improved(scenario, recorded(HERE)[scenario.id]), ours) == []


@needs_real
@with_both
def test_recording_is_current(scenario: Scenario, outcome: Any) -> None:
    if VERSION not in RECORDED_WITH:
        pytest.skip("recorded with other releases of TensorFlow")
    assert differences(recorded(HERE)[scenario.id], outcome(scenario, real=True)) == []


def crossed(writer: Any, reader: Any) -> Any:
    """A library that creates and exports as ``writer`` does, and loads as ``reader`` does."""

    def of(spec_or_handle: Any) -> Any:
        return writer if isinstance(spec_or_handle, writer.ModuleSpec) else reader

    return SimpleNamespace(
        Module=lambda spec, *args, **options: of(spec).Module(spec, *args, **options),
        ModuleSpec=reader.ModuleSpec,
        load_module_spec=reader.load_module_spec,
        create_module_spec=writer.create_module_spec,
        add_signature=writer.add_signature,
        attach_message=writer.attach_message,
        create_module_spec_from_saved_model=writer.create_module_spec_from_saved_model,
        eval_function_for_module=reader.eval_function_for_module,
    )


@needs_real
@pytest.mark.parametrize("direction", ["real_reads_ours", "ours_reads_real"])
@each(INTERCHANGED if REAL else [])
def test_exports_are_interchangeable(scenario: Scenario, direction: str, tmp_path: Any) -> None:
    real_reads_ours = direction == "real_reads_ours"
    library = crossed(*((unihub, REAL) if real_reads_ours else (REAL, unihub)))
    found = observed(scenario, library, tmp_path)
    assert differences(improved(scenario, recorded(HERE)[scenario.id]), found) == []


# Last, for the process in compat mode needs its time.
@pytest.mark.skipif(not ELSEWHERE, reason="TensorFlow 1 has no compat mode")
@each(SCENARIOS if ELSEWHERE else [])
def test_does_as_recorded_in_compat_mode(scenario: Scenario, compat_outcomes: Any) -> None:
    _skip_if_missing(scenario)
    expected = improved(scenario, recorded("compat")[scenario.id])
    assert differences(expected, compat_outcomes[scenario.id]) == []


def test_each_scenario_has_its_own_id() -> None:
    ids = [scenario.id for scenario in SCENARIOS]
    assert sorted(set(ids)) == sorted(ids)


def test_every_difference_between_tensorflow_versions_is_declared() -> None:
    declared = sorted((s.id, key) for s in SCENARIOS for key in s.differs)
    assert declared == _differing()


def _differing() -> List[Tuple[str, str]]:
    overrides = recording.read(recording.TF2)
    return sorted({(name.split(" ", 1)[1], key) for name in overrides for key in overrides[name]})


def test_every_recording_is_of_a_scenario() -> None:
    assert set(recorded(HERE)) == {scenario.id for scenario in SCENARIOS}
