"""Models and stacks, for every test."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import settings

from unihub.matrix import Runtime
from unihub.runtime import current_runtime

# Machines are shared: a slow example is no failure. The examples are the same ones in each
# run, so that a change is judged by itself; `nox -s fuzz` draws UNIHUB_FUZZ others.
settings.register_profile("same", deadline=None, derandomize=True)
MANY = int(os.environ.get("UNIHUB_FUZZ", "0"))
if MANY:
    settings.register_profile("others", deadline=None, max_examples=MANY)
settings.load_profile("others" if MANY else "same")

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "tests" / "fixtures" / "models"
SHARED_MODELS = Path(os.environ.get("UNIHUB_SHARED_MODELS", ROOT.parent / "shared" / "models"))


# Each of their tests runs for long, mostly in a process of its own, and shares nothing.
ONE_BY_ONE = ("tests/test_examples.py", "tests/test_training.py", "tests/test_do_lines.py")
LONG = (*ONE_BY_ONE, "tests/fuzzing/test_never_different.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distributes the long tests first, one by one, and then files, the largest first.

    With a long one at the end, one worker would run it while the others have nothing to do.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file, _, _ = nodeid.partition("::")
            return nodeid if file in ONE_BY_ONE else file

        def _assign_work_unit(self, node: Any) -> None:
            # What waits is in the order in which it is handed out.
            scope = next((s for s in self.workqueue if s.partition("::")[0] in LONG), None)
            if scope is not None:
                self.workqueue.move_to_end(scope, last=False)
            super()._assign_work_unit(node)

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """Keeps TensorFlow itself from being looked through for garbage: that took a sixth of all."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the project's own fixtures."""
    return MODELS


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of models that others made."""
    if not SHARED_MODELS.is_dir():
        pytest.skip(f"no models at {SHARED_MODELS}: set UNIHUB_SHARED_MODELS to their folder")
    return SHARED_MODELS


@pytest.fixture(autouse=True)
def own_default_graph():
    """In graph mode, what one test leaves in the default graph is not there for the next."""
    if current_runtime() is Runtime.TF1:
        import tensorflow as tf

        tf.compat.v1.reset_default_graph()


@pytest.fixture
def graph():
    """An explicit graph: TF1 in TensorFlow 1.15, TF1_COMPAT in TensorFlow 2."""
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture
def eager():
    """Skips where TensorFlow does not execute eagerly."""
    import tensorflow as tf

    if not tf.executing_eagerly():
        pytest.skip(f"TensorFlow {tf.__version__} is in graph mode here")


def pytest_make_parametrize_id(val: object, argname: str) -> Optional[str]:
    """Names no test by the bytes of an archive, which differ between parallel workers."""
    return argname if isinstance(val, bytes) and len(val) > 40 else None


def pytest_report_header() -> str:
    from unihub.runtime.installed import environment

    here = environment()
    hub = here.hub.version if here.hub else "none"
    return f"tensorflow {here.tensorflow}, tf.keras is {here.keras.value}, tensorflow_hub {hub}"


def pytest_terminal_summary(terminalreporter: object) -> None:
    import do_lines

    if not do_lines.RUN:
        return
    counts = [
        sum(map(len, lines.values())) for lines in (do_lines.RUN, do_lines.READ, do_lines.TOLD)
    ]
    terminalreporter.write_line(  # type: ignore[attr-defined]
        "do: {} lines run, {} read by the shell, {} in words".format(*counts)
    )
