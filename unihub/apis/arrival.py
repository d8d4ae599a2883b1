"""The address that another process loads a model by, and where the model is in that one."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Tuple

from unihub.errors.redaction import shown
from unihub.formats.files import CHECKPOINT
from unihub.formats.identity import content_identity
from unihub.handles import resolving

_log = logging.getLogger(__name__)

# Smaller weights are read faster than they are shared.
WORTH_SHARING = 8 << 20


@dataclass(frozen=True)
class Sent:
    """The address that another process loads a model by; it holds no secret.

    Attributes:
        handle: without secrets.
        folder: where the model was, on the machine that sent it.
        identity: of its content; see `formats.identity.content_identity`.
        choices: the keyword arguments of the load.
        has_secret: whether the handle had one, so that it fetches nothing any more.
    """

    handle: str
    folder: str
    identity: str
    choices: Mapping[str, Any]
    has_secret: bool = False


def sent(handle: str, folder: str, choices: Mapping[str, Any]) -> Sent:
    """A handle with all that another process needs to load it.

    Args:
        handle: as the caller wrote it.
        folder: that it resolved to.
        choices: the keyword arguments of its load.
    """
    if os.path.exists(os.path.expanduser(handle)):
        # Another process is in another folder.
        handle = os.path.abspath(os.path.expanduser(handle))
    # As load() keeps its arguments.
    choices = {**choices, **choices.get("kwargs", {}), "handle": None, "kwargs": None}
    given = {name: value for name, value in choices.items() if value is not None}
    safe = shown(handle)
    return Sent(safe, folder, content_identity(folder), given, safe != handle)


def loaded(sent: Sent, load: Callable[..., Any], is_copy: bool = False) -> Any:
    """Loads a model as it was loaded where it was sent.

    Its weights are shared by all processes of the machine, where the cache can be written.

    Args:
        sent: by a pickle.
        load: `unihub.load`.
        is_copy: whether it is a copy in the same process, which shares its weights anyhow.

    Raises:
        UnihubError: what `place_of` and `unihub.load` raise.
    """
    # Only here are weights shared that nobody asked to share.
    from unihub.handles.cache.cache_errors import CacheNotWritable, DiskFull, InodesFull

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


def place_of(sent: Sent) -> Tuple[str, str]:
    """The handle by which a sent model is loaded here, and its folder.

    Raises:
        SentContentDiffers: another model is there.
        HandleSecretNotSent: it is nowhere without the secret.
        SentModelNotHere: it was sent by a path, which leads to nothing here.
    """
    from unihub.apis import arrival_errors

    handle = sent.handle
    if sent.has_secret:
        if os.path.isdir(sent.folder) and content_identity(sent.folder) == sent.identity:
            return sent.folder, sent.folder
        # Few handles have secrets.
        from unihub.handles.located import with_secret

        known = with_secret(handle)
        if known is None:
            raise arrival_errors.HandleSecretNotSent(handle=handle, folder=sent.folder)
        handle = known
    elif os.path.isabs(handle) and not os.path.exists(handle):
        raise arrival_errors.not_here(handle)
    folder = resolving.resolve(handle, sha256=sent.choices.get("sha256"))
    found = content_identity(folder)
    if found != sent.identity:
        raise arrival_errors.SentContentDiffers(
            handle=sent.handle, found=found[:16], expected=sent.identity[:16], path=folder
        )
    return handle, folder
