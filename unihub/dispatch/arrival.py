"""Loading what another process sent, or what is copied in this one."""

from __future__ import annotations

import logging
import os
from typing import Any, Callable, Dict

from unihub.apis.arrival import place_of
from unihub.apis.copying import Sent
from unihub.formats.files import CHECKPOINT
from unihub.handles.cache.cache_errors import CacheNotWritable, DiskFull, InodesFull

_log = logging.getLogger(__name__)

# Smaller weights are read faster than they are shared.
WORTH_SHARING = 8 << 20


def loaded(sent: Sent, load: Callable[..., Any], is_copy: bool = False) -> Any:
    """Loads a model as it was loaded where it was sent.

    Its weights are shared by all processes of the machine, where the cache can be written.

    Args:
        sent: by a pickle.
        load: `unihub.load`.
        is_copy: whether it is a copy in the same process, which shares its weights anyhow.

    Raises:
        SentContentDiffers: another model is there.
        HandleSecretNotSent: it is nowhere without the secret.
        UnihubError: what `unihub.load` raises.
    """
    handle, folder = place_of(sent)
    choices: Dict[str, Any] = dict(sent.choices)
    if not is_copy and choices.get("fast", True) and _are_weights_large(folder):
        choices["weights"] = "mmap"
    try:
        return load(handle, **choices)
    except (CacheNotWritable, DiskFull, InodesFull) as error:
        if choices.pop("weights", None) is None:
            raise
        _log.info("%s: weights are not shared: %s", sent.handle, error)
        return load(handle, **choices)


def _are_weights_large(folder: str) -> bool:
    variables = os.path.join(folder, os.path.dirname(CHECKPOINT))
    if not os.path.isdir(variables):
        return False
    return sum(entry.stat().st_size for entry in os.scandir(variables)) >= WORTH_SHARING
