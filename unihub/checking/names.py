"""Meanings of the dotted names in a script: tensorflow_hub, unihub, TensorFlow, Keras."""

from __future__ import annotations

from typing import NamedTuple, Optional

from unihub.dropin import hub_names

TENSORFLOW_HUB = "tensorflow_hub"
UNIHUB = "unihub"

_TENSORFLOW_APIS = ("compat.v1.", "compat.v2.", "")
_SUBMODULES = {**hub_names.SUBMODULES, **dict.fromkeys(hub_names.INTERNAL_SUBMODULES, ())}


class HubName(NamedTuple):
    """A name of tensorflow_hub or unihub.

    Attributes:
        library: which of the two, as the script has it.
        submodule: of tensorflow_hub; ``""`` where it is used by the package.
        name: the first name after that; ``""`` for the module itself.
        rest: what follows.
    """

    library: str
    submodule: str
    name: str
    rest: str


def hub_name(path: str) -> Optional[HubName]:
    """Takes ``tensorflow_hub.keras_layer.KerasLayer.call`` apart; None for other names."""
    library, _, rest = path.partition(".")
    if library not in (TENSORFLOW_HUB, UNIHUB):
        return None
    first, _, after = rest.partition(".")
    # tensorflow_hub.version is a module, and __version__ its one name.
    submodule = first if library == TENSORFLOW_HUB and first in _SUBMODULES else ""
    name, _, after = after.partition(".") if submodule else (first, "", after)
    return HubName(library, submodule, name, after)


def public_name(path: str) -> str:
    """``Module`` for ``tensorflow_hub.module.Module`` and ``unihub.Module``; else ``""``."""
    found = hub_name(path)
    return found.name if found and not found.rest else ""


def tensorflow_name(path: str) -> str:
    """``Graph`` for ``tensorflow.compat.v1.Graph`` and ``tensorflow.Graph``; else ``""``."""
    top, _, rest = path.partition(".")
    if top != "tensorflow":
        return ""
    prefix = next(api for api in _TENSORFLOW_APIS if rest.startswith(api))
    return rest[len(prefix) :]


def is_contrib(path: str) -> bool:
    """Whether it is a name of tensorflow.contrib."""
    return f"{tensorflow_name(path)}.".startswith("contrib.")


def keras_name(path: str) -> Optional[HubName]:
    """A name of some Keras: ``library`` is "keras", "tf_keras" or "tensorflow"."""
    top, _, rest = path.partition(".")
    if top in ("keras", "tf_keras") and rest:
        return HubName(top, "", rest.rpartition(".")[2], rest)
    within = tensorflow_name(path)
    if within.startswith("keras."):
        return HubName("tensorflow", "", within.rpartition(".")[2], within[len("keras.") :])
    return None
