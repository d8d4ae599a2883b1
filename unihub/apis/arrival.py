"""Where a model is in the process that it arrives in, by what was sent of it."""

from __future__ import annotations

import os
from typing import Tuple

from unihub.apis.copying import Sent
from unihub.errors import UnihubError
from unihub.formats.identity import content_identity
from unihub.handles import resolving
from unihub.handles.located import with_secret


class SentContentDiffers(UnihubError, ValueError, OSError):
    """A model that was sent by its handle is another where it arrives."""

    code = "sent-content-differs"
    what = "{handle} is not the model that was pickled."
    why = "its content has the identity {found}, and what was pickled has {expected}. (in: {path})"
    do = "unihub.load({handle!r})  # the model that is there now; pickle that one"


class HandleSecretNotSent(UnihubError, ValueError, OSError):
    """A model was sent whose handle has a secret, which stays where it was."""

    code = "handle-secret-not-sent"
    what = "{handle} was pickled without the secret in its handle, and is not here."
    why = "secrets do not travel, and there is no folder {folder} with the same content."
    do = "unihub.resolve(os.environ['MODEL_URL'])  # first, in this process: with the secret"


def place_of(sent: Sent) -> Tuple[str, str]:
    """The handle by which a sent model is loaded here, and its folder.

    Raises:
        SentContentDiffers: another model is there.
        HandleSecretNotSent: it is nowhere without the secret.
    """
    handle = sent.handle
    if sent.has_secret:
        if os.path.isdir(sent.folder) and content_identity(sent.folder) == sent.identity:
            return sent.folder, sent.folder
        known = with_secret(handle)
        if known is None:
            raise HandleSecretNotSent(handle=handle, folder=sent.folder)
        handle = known
    folder = resolving.resolve(handle, sha256=sent.choices.get("sha256"))
    found = content_identity(folder)
    if found != sent.identity:
        raise SentContentDiffers(
            handle=sent.handle, found=found[:16], expected=sent.identity[:16], path=folder
        )
    return handle, folder
