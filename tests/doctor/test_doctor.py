from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from golden import check_golden

import unihub
from unihub import doctor
from unihub.doctor import Installation, Severity, installation_here, problems_of
from unihub.doctor.cells import cells_of
from unihub.doctor.conflicts import COMPANIONS, CONFLICTS
from unihub.matrix import Outcome
from unihub.runtime.installed import Keras

GOOD = {
    "tensorflow": "2.21.0",
    "tensorflow-hub": "0.16.1",
    "keras": "3.15.1",
    "tf-keras": "2.21.0",
    "numpy": "2.5.5",
    "protobuf": "7.36.2",
    "wrapt": "2.5.2",
    "setuptools": "81.0.0",
}
TF215 = {
    "tensorflow": "2.15.1",
    "tensorflow-hub": "0.15.0",
    "keras": "2.15.0",
    "numpy": "1.26.4",
    "protobuf": "4.25.9",
    "wrapt": "1.14.2",
    "setuptools": "69.5.1",
}
TF1 = {
    "tensorflow": "1.15.5",
    "tensorflow-hub": "0.12.0",
    "numpy": "1.18.5",
    "protobuf": "3.20.3",
    "wrapt": "1.16.0",
    "setuptools": "68.0.0",
}
LEGACY = (("TF_USE_LEGACY_KERAS", "1"),)


def changed(packages, **versions):
    """The packages with other versions; None takes one away."""
    merged = {**packages, **{name.replace("_", "-"): v for name, v in versions.items()}}
    return {name: version for name, version in merged.items() if version is not None}


# conflict, packages, other facts of the installation
CASES = [
    ("tensorflow-absent", changed(GOOD, tensorflow=None, tf_keras=None), {}),
    ("tensorflow-before-1-15", changed(TF1, tensorflow="1.14.0"), {}),
    ("hub-without-pkg-resources", changed(GOOD, setuptools="84.2.1"), {"has_pkg_resources": False}),
    ("hub-without-distutils", changed(TF1, setuptools=None), {"python": "3.12.1"}),
    ("hub-needs-estimator", changed(GOOD, tensorflow_hub="0.15.0"), {}),
    ("hub-without-tf-keras", changed(GOOD, tf_keras=None), {}),
    (
        "legacy-keras-without-tf-keras",
        changed(GOOD, tf_keras=None, tensorflow_hub=None),
        {"variables": LEGACY},
    ),
    ("legacy-keras-misspelt", GOOD, {"variables": (("TF_USE_LEGACY_KERAS", "yes"),)}),
    ("keras-backend-not-tensorflow", GOOD, {"variables": (("KERAS_BACKEND", "openvino"),)}),
    ("keras-backend-jax-absent", GOOD, {"variables": (("KERAS_BACKEND", "jax"),)}),
    ("keras-backend-torch-absent", GOOD, {"variables": (("KERAS_BACKEND", "torch"),)}),
    ("keras-3-with-tensorflow-2-14", changed(TF215, tensorflow="2.14.1", keras="3.6.0"), {}),
    ("keras-3-with-tensorflow-2-15", changed(TF215, keras="3.6.0"), {}),
    ("keras-2-with-tensorflow-2-16", changed(GOOD, keras="2.15.0"), {}),
    ("protobuf-too-new", changed(TF1, protobuf="4.21.12"), {}),
    ("numpy-2-with-older-tensorflow", changed(TF215, numpy="2.0.2"), {}),
    ("numpy-too-new-for-symbolic-tensors", changed(TF1, numpy="1.21.6"), {}),
    ("wrapt-too-new", changed(TF215, wrapt="2.0.0"), {}),
    ("companion-of-another-tensorflow", changed(GOOD, tf_keras="2.15.1"), {}),
    (
        "several-tensorflows",
        TF215,
        {"tensorflow_distributions": ("tensorflow", "tensorflow-cpu")},
    ),
    (
        "unmet-requirement",
        TF215,
        {"requirements": (("tensorflow", "ml-dtypes~=0.3.1"),)},
    ),
]


def installed(packages, **facts):
    return Installation(**{"python": "3.11.7", "packages": packages, **facts})


@pytest.mark.parametrize(("conflict", "packages", "facts"), CASES, ids=[case[0] for case in CASES])
def test_conflict(conflict, packages, facts):
    (problem,) = problems_of(installed(packages, **facts))
    assert problem.id == conflict
    text = f"{problem.severity.value}: {problem.what}\n  why: {problem.why}\n  do:  {problem.do}"
    check_golden(f"doctor-{conflict}", text)


def test_every_conflict_has_a_case():
    assert {conflict.message.code for conflict in CONFLICTS} < {case[0] for case in CASES}


@pytest.mark.parametrize("packages", [GOOD, TF215, TF1])
@pytest.mark.parametrize("variables", [(), (("TF_USE_LEGACY_KERAS", "0"),)])
def test_no_conflict_where_there_is_none(packages, variables):
    assert problems_of(installed(packages, variables=variables)) == ()


@pytest.mark.parametrize(
    ("packages", "problems"),
    [
        (TF215, ["legacy-keras-without-tf-keras"]),
        (changed(TF215, tf_keras="2.15.1"), []),
        (changed(TF215, keras="3.6.0", tf_keras="2.15.1"), []),
        (changed(TF215, tensorflow="2.14.1", keras="2.14.0"), []),
        (changed(GOOD, keras="2.15.0"), ["keras-2-with-tensorflow-2-16"]),
    ],
)
def test_conflicts_of_legacy_keras(packages, problems):
    found = problems_of(installed(packages, variables=LEGACY))
    assert [problem.id for problem in found] == problems


@pytest.mark.parametrize("name", COMPANIONS)
def test_companions_of_the_same_number(name):
    assert problems_of(installed({**TF215, name: "2.15.0"})) == ()


def test_requirements_are_read_with_their_markers():
    requirements = (
        ("tensorflow", "numpy<1.20; python_version < '3'"),
        ("tensorflow", "absent-package; extra == 'and-cuda'"),
        ("tensorflow", "numpy>=1.0"),
        ("tensorflow", "not a requirement"),
    )
    assert problems_of(installed(TF215, requirements=requirements)) == ()


def test_errors_come_first():
    packages = changed(GOOD, tensorflow_hub="0.15.0")
    problems = problems_of(installed(packages, variables=(("TF_USE_LEGACY_KERAS", "yes"),)))
    assert [problem.severity for problem in problems] == [Severity.ERROR, Severity.WARNING]


@pytest.mark.parametrize("version", ["2.22.0rc1", "2.22.0.dev20261101", "2.21.0+local"])
def test_other_versions(version):
    minor = version[:4]
    assert problems_of(installed(changed(GOOD, tensorflow=version, tf_keras=f"{minor}.0"))) == ()


def test_this_stack():
    """Each stack has the conflict that it is known for, and no other."""
    here = installation_here()
    expected = []
    if not here.has_pkg_resources:
        expected = ["hub-without-pkg-resources"]
    found = [problem.id for problem in problems_of(here)]
    assert [problem for problem in found if problem != "unmet-requirement"] == expected


def test_cells_name_who_serves_them():
    def providers(packages, **facts):
        return {
            (here.cell.runtime.value, here.api): here.provider
            for here in cells_of(installed(packages, **facts))
            if here.cell.operation.value == "inference"
        }

    now = providers(GOOD)
    assert now["tf1_compat", "module"] == "unihub's hub.Module"
    assert now["tf1_compat", "keras"] == "tensorflow_hub 0.16.1 on tf_keras"
    assert now["tf2", "keras"] == "unihub's layer for Keras 3"
    legacy = providers(GOOD, variables=LEGACY)
    assert legacy["tf2", "keras"] == "tensorflow_hub 0.16.1 on tf_keras"
    older = providers(TF215)
    assert older["tf1_compat", "module"] == "unihub's hub.Module"
    assert older["tf2", "keras"] == "tensorflow_hub 0.15.0 on Keras 2"
    mixed = changed(TF215, keras="3.6.0", tensorflow_hub="0.16.1", tf_keras="2.15.1")
    assert providers(mixed)["tf2", "keras"] == "unihub's layer for Keras 3"
    assert providers(mixed)["tf1_compat", "keras"] == "tensorflow_hub 0.16.1 on tf_keras"
    assert providers(mixed, variables=LEGACY)["tf2", "keras"] == (
        "tensorflow_hub 0.16.1 on tf_keras"
    )
    assert {runtime for runtime, _ in providers(TF1)} == {"tf1"}


@pytest.mark.parametrize(
    ("packages", "variables", "graph", "eager"),
    [
        (changed(GOOD, tensorflow_hub=None), (), "tensorflow_hub", ""),
        (changed(GOOD, tensorflow_hub="0.15.0"), (), "tensorflow_hub 0.16", ""),
        (changed(GOOD, tf_keras=None), (), "tf_keras", ""),
        (changed(GOOD, tf_keras=None), LEGACY, "tf_keras", "tf_keras"),
        (changed(GOOD, keras="2.15.0"), (), "Keras 3", "Keras 3"),
        (changed(TF215, keras="3.6.0"), (), "tensorflow_hub 0.16", ""),
        (TF215, LEGACY, "tf_keras", "tf_keras"),
        (changed(TF215, tf_keras="2.15.1"), LEGACY, "", ""),
        (
            changed(TF215, tensorflow="2.14.1", keras="3.6.0"),
            (),
            "Keras 2",
            "Keras 2",
        ),
    ],
)
def test_cells_that_nothing_serves_say_what_they_need(packages, variables, graph, eager):
    providers = {
        (here.cell.runtime.value, here.api): here.provider
        for here in cells_of(installed(packages, variables=variables))
        if here.cell.operation.value == "inference"
    }
    for runtime, lacks in (("tf1_compat", graph), ("tf2", eager)):
        said = providers[runtime, "keras"].partition("nothing: it needs ")[2]
        assert said == lacks
    assert providers["tf1_compat", "module"] == "unihub's hub.Module"


@pytest.mark.parametrize(
    ("packages", "variables", "keras"),
    [(GOOD, (), "keras3"), (GOOD, LEGACY, "tf_keras"), (TF215, (), "keras2"), ({}, (), None)],
)
def test_which_keras_tf_keras_is(packages, variables, keras):
    assert installed(packages, variables=variables).tf_keras == keras
    assert cells_of(installed(changed(GOOD, tensorflow=None))) == ()


def test_cells_are_those_that_the_demo_runs():
    from unihub.demo.run import cells_here

    assert {here.cell for here in doctor.diagnose().cells} == set(cells_here())


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """Caches of their own, and no variable of the network."""
    from unihub import settings

    names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "KAGGLEHUB_CACHE"]
    names += [variable.name for option in settings.OPTIONS for variable in option.variables]
    for name in names:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("UNIHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "tfhub"))

    def problems():
        from unihub.doctor.surroundings import surroundings_here

        found = surroundings_here().problems
        return [one.id for one in found if one.id != "cache-disk-nearly-full"]

    return problems


def test_healthy_surroundings(surroundings):
    assert surroundings() == []


def test_emptied_and_locked_entries_of_tensorflow_hub(surroundings, tmp_path):
    for handle in ("https://a/1", "https://b/1"):
        folder = tmp_path / "tfhub" / hashlib.sha1(handle.encode()).hexdigest()
        (folder / "variables").mkdir(parents=True)
    folder.with_name(folder.name + ".lock").write_text("1")
    found = surroundings()
    assert found[:2] == ["tfhub-cache-emptied", "tfhub-cache-locked"]
    assert set(found[2:]) <= {"tfhub-cache-temporary"}


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("HTTPS_PROXY", "proxy:3128", "proxy-without-scheme"),
        ("SSL_CERT_FILE", "/no/such/file.pem", "certificates-missing"),
        ("UNIHUB_RETRIES", "many", "setting-not-understood"),
    ],
)
def test_variables_of_the_network(surroundings, monkeypatch, variable, value, problem):
    monkeypatch.setenv(variable, value)
    assert surroundings() == [problem]


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("https_proxy", "http://me:secret@proxy:3128", "http://proxy:3128"),
        ("https_proxy", "http://me:se/secret@proxy:3128", "http://…/proxy:3128"),
        ("https_proxy", "me:secret@proxy:3128", "http://USER:PASSWORD@proxy:3128"),
        ("UNIHUB_PROXIES", "http=http://me:se/secret@proxy:1,ftp=x", "…/proxy:1,ftp=x"),
    ],
)
def test_passwords_of_proxies_are_not_shown(surroundings, monkeypatch, variable, value, shown):
    monkeypatch.setenv(variable, value)
    diagnosis = doctor.diagnose()
    for text in (doctor.as_text(diagnosis), doctor.as_json(diagnosis)):
        assert "secret" not in text
    assert shown in doctor.as_text(diagnosis)


def test_the_backend_is_told(surroundings, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    text = doctor.as_text(doctor.diagnose())
    version = installation_here().packages.get("jax", "-")
    assert f"Keras' backend         jax {version}\n" in text
    on_keras_3 = installation_here().tf_keras is Keras.KERAS3
    assert ("by unihub's layer for Keras 3 on jax" in " ".join(text.split())) == on_keras_3


def test_reports(surroundings):
    diagnosis = doctor.diagnose()
    text = doctor.as_text(diagnosis, width=100)
    assert "\x1b[" not in text
    assert installation_here().packages["tensorflow"] in text
    assert f"unihub                 {unihub.__version__}\n" in text
    keras = {"keras2": "Keras 2", "tf_keras": "tf_keras", "keras3": "Keras 3"}
    assert f"tf.keras               {keras[unihub.environment().keras.value]}\n" in text
    assert all(problem.do in text for problem in diagnosis.problems)
    whole = json.loads(doctor.as_json(diagnosis))
    assert whole["exit_code"] == diagnosis.exit_code
    assert whole["tf_keras"] == unihub.environment().keras.value
    assert len(whole["cells"]) == len(diagnosis.cells)
    assert whole["outcomes"] is None


def test_what_the_cells_gave_is_told():
    cell = doctor.diagnose().cells[0].cell
    given = [Outcome(cell, "load", True, "it answers"), Outcome(cell, "keras", False, "Oops: no")]
    diagnosis = doctor.diagnose(iter(given))
    assert diagnosis.exit_code == 1
    text = doctor.as_text(diagnosis)
    assert "FAILED  keras: Oops: no" in text
    assert "; 1 of 2 as the matrix says" in text
    told = [
        (one["api"], one["ok"], one["gave"])
        for one in json.loads(doctor.as_json(diagnosis))["outcomes"]
    ]
    assert told == [("load", True, "it answers"), ("keras", False, "Oops: no")]


def test_no_framework_is_imported():
    script = (
        "import sys; from unihub import doctor; doctor.as_text(doctor.diagnose()); "
        "print([n for n in ('tensorflow', 'keras', 'tf_keras', 'numpy') if n in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = subprocess.check_output([sys.executable, "-c", script], env=env)
    assert printed.decode().strip() == "[]"
