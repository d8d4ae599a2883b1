"""Ops that come with other packages."""

from __future__ import annotations

import pytest
from golden import check_golden

from unihub.apis.missing_ops import OpsPackageBroken
from unihub.apis.surroundings import register_ops
from unihub.inspection.lacking import MissingOps
from unihub.runtime import tensorflow_version
from unihub.runtime.op_packages import installing


def test_ops_of_tensorflow_need_nothing():
    register_ops("model", ["MatMul", "Placeholder"])


@pytest.mark.parametrize(
    ("op", "package"),
    [
        ("TFText>NgramsStringJoin", "tensorflow-text"),
        ("FindSourceOffsets", "tensorflow-text"),
        ("SimpleMLInferenceOpWithHandle", "tensorflow-decision-forests"),
        ("IO>ReadableRead", "tensorflow-io"),
    ],
)
def test_a_package_that_is_not_installed_is_named(op, package):
    with pytest.raises(MissingOps) as missing:
        register_ops("model", ["MatMul", op])
    assert package in missing.value.do
    assert missing.value.do == installing(package.replace("-", "_"), tensorflow_version())


def test_a_package_that_does_not_import_is_named(tmp_path, monkeypatch):
    package = tmp_path / "tensorflow_text"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('_ops.so: no such symbol')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(OpsPackageBroken) as broken:
        register_ops("model", ["RougeL"])
    number = tensorflow_version().rpartition(".")[0]
    check_golden("ops-package-broken", str(broken.value), number=number)
    assert isinstance(broken.value, (ImportError, RuntimeError, ValueError))
