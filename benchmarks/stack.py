"""What this Python has, and so which benchmarks can run in it: why not, else None."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

from unihub import runtime
from unihub.matrix import Runtime
from unihub.runtime import installed
from unihub.runtime.installed import Keras


def this_stack() -> str:
    """The releases of all that counts, and the machine, in one line."""
    hub = installed.hub_release()
    parts = [
        f"Python {platform.python_version()}",
        f"TensorFlow {runtime.tensorflow_version()}",
        _keras(),
        f"tensorflow_hub {hub.version}" if hub else "no tensorflow_hub",
        f"{os.cpu_count()} × {_processor()}",
    ]
    return ", ".join(parts)


def not_tf2() -> Optional[str]:
    if runtime.current_runtime() is Runtime.TF2:
        return None
    return f"it runs eagerly, and TensorFlow {runtime.tensorflow_version()} does not"


def not_keras3() -> Optional[str]:
    if not_tf2() is None and installed.current_keras() is Keras.KERAS3:
        return None
    return "its peers are compared beside the newest TensorFlow and Keras 3"


def no_hub() -> Optional[str]:
    release = installed.hub_release()
    if release and release.importable:
        return None
    return "its peer, tensorflow_hub, cannot be imported here"


def no_hub_module() -> Optional[str]:
    release = installed.hub_release()
    if release and release.has_module:
        return None
    return "its peer, hub.Module, is not in the tensorflow_hub of this stack"


def no_engines() -> Optional[str]:
    missing = [name for name in ("apache_beam", "pyspark", "ray") if find_spec(name) is None]
    return f"{' and '.join(missing)} is not installed" if missing else None


def no_curl() -> Optional[str]:
    missing = [name for name in ("curl", "tar") if shutil.which(name) is None]
    return f"{' and '.join(missing)} is not installed" if missing else None


def _keras() -> str:
    if installed.current_keras() is not Keras.KERAS3:
        return "Keras 2"
    # Imported when it is asked for: a report is written without TensorFlow.
    import keras

    return f"Keras {keras.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
