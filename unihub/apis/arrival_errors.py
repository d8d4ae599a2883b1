"""Why a model that was sent does not arrive."""

from __future__ import annotations

import platform

from unihub.errors import UnihubError


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


class SentModelNotHere(UnihubError, FileNotFoundError, ValueError):
    """A model was sent by a path that only the sender has."""

    code = "sent-model-not-here"
    what = "{handle} was pickled where it is, and is not on this machine, {host}."
    why = "a path is sent as it is, and leads to nothing here."
    do = (
        "copy the folder to this path on every machine; or take a handle that each of them "
        "fetches, such as gs://, hf:// or https://"
    )


def not_here(handle: str) -> SentModelNotHere:
    """The error for a path that is not there."""
    return SentModelNotHere(handle=handle, host=platform.node())
