from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from unihub.apis.tensorflow_hub import import_tensorflow_hub

HAS_PKG_RESOURCES = find_spec("pkg_resources") is not None


def test_it_is_the_real_module():
    hub = import_tensorflow_hub()
    assert hub is sys.modules["tensorflow_hub"]
    assert hub.__spec__.loader is hub.__loader__
    assert type(hub.__loader__).__module__.endswith("importlib_external")
    assert hub.KerasLayer.__module__ == "tensorflow_hub.keras_layer"


@pytest.mark.skipif(HAS_PKG_RESOURCES, reason="setuptools here still has pkg_resources")
def test_no_stand_in_is_left_behind():
    script = (
        "import sys\n"
        "try: import tensorflow_hub\n"
        "except ModuleNotFoundError as error: print(error.name)\n"
        "from unihub.apis.tensorflow_hub import import_tensorflow_hub\n"
        "finders = list(sys.meta_path)\n"
        "hub = import_tensorflow_hub()\n"
        "print('pkg_resources' in sys.modules, sys.meta_path == finders)\n"
        "import builtins\n"
        "print(vars(hub)['__builtins__'] is vars(builtins))\n"
        "try: import pkg_resources\n"
        "except ModuleNotFoundError as error: print(error.name)\n"
        "import tensorflow_hub; print(tensorflow_hub is hub)\n"
    )
    printed = subprocess.check_output(
        [sys.executable, "-W", "ignore", "-c", script],
        universal_newlines=True,
        stderr=subprocess.DEVNULL,
    )
    assert printed.split() == ["pkg_resources", "False", "True", "True", "pkg_resources", "True"]
