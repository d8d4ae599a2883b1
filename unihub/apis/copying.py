"""Loaded models are neither pickled nor deep-copied."""

from __future__ import annotations

import pickle
from typing import Any, NoReturn

from unihub.errors import UnihubError


class LoadedNotCopied(UnihubError, TypeError, NotImplementedError, pickle.PicklingError):
    """A loaded model was to be pickled or deep-copied."""

    code = "loaded-not-copied"
    what = "a loaded model ({given}) can be neither pickled nor deep-copied."
    why = "its functions, variables and tables live in the TensorFlow of this process."
    do = "unihub.save(m, 'copy'); m = unihub.load('copy')  # or send the path, and load it there"


class NotCopied:
    """What is loaded, as far as copying goes; a shallow copy is one as ever."""

    def __copy__(self) -> Any:
        made: Any = type(self).__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise refusal(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise refusal(self)


def refusal(loaded: Any) -> LoadedNotCopied:
    """The error for a loaded object that is to be copied."""
    return LoadedNotCopied(given=f"{type(loaded).__name__} object")
