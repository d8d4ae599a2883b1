"""``unihub.convert`` and ``unihub.validate``; TensorFlow is imported when they are called."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping, Optional, Union

from unihub import settings
from unihub.conversion.report import Check as Check
from unihub.conversion.report import ConversionReport as ConversionReport
from unihub.conversion.report import Point as Point
from unihub.conversion.report import ValidationReport as ValidationReport
from unihub.errors import path_text
from unihub.errors.arguments import new_path, wrong_type
from unihub.errors.guard import guarded
from unihub.handles.cache import storage
from unihub.handles.cache.derived import CONVERTED

Path = Union[str, "os.PathLike[str]"]

_LINE = "unihub.convert('path/to/model', 'path/to/new/model')"


@guarded("converting")
def convert(
    handle: Path,
    path: Path,
    *,
    signature: Optional[str] = None,
    tags: Optional[Union[str, Iterable[str]]] = None,
    overwrite: bool = False,
    dry_run: bool = False,
    inputs: Optional[Mapping[str, Mapping[str, Any]]] = None,
) -> ConversionReport:
    """Writes a fine-tunable TF2 SavedModel from a model in a TF1 format.

    The result is a Reusable SavedModel: ``m(inputs, training=False)`` is the
    default signature, on its sole input or a dict of its inputs, and returns
    its sole output or a dict of its outputs; every other signature is an
    attribute, and all are SavedModel signatures under their old names. In
    training it runs the graph tagged "train", where there is one, and each
    update op once. ``trainable_variables`` and ``regularization_losses`` are
    what the original's collections say.

    It is written beside the path, loaded, and compared with the original:
    outputs of each signature, losses, gradients, what a training call does to
    the variables, and the weights bit by bit. Only then it is moved into place.

    Args:
        handle: of a TF1 Hub module or a TF1 SavedModel.
        path: the folder to write.
        signature: the one to call the model by; the default one when None.
        tags: of the graph for inference; the default one when None.
        overwrite: whether to replace a model that is there.
        dry_run: whether to leave nothing behind: the same work is done in a
            temporary folder, and the report says what would be written.
        inputs: for the comparison, by signature and name; for those left out
            they are made up.

    Returns:
        What was converted and compared; it prints as a table.

    Raises:
        UnihubError: one class and code per cause, before anything is at the
            path: ``convert-…`` where the model cannot be converted,
            ``convert-mismatch`` where the result would not equal the original,
            ``missing-ops`` where TensorFlow lacks an op.

    Source: https://www.tensorflow.org/hub/reusable_saved_models

    Example:
        >>> print(unihub.convert("tf1_module", "converted"))
        >>> layer = unihub.load("converted", op="fine_tuning")
    """
    from unihub.conversion import conversion

    return conversion.convert(
        path_text(handle, _LINE),
        new_path(path, _LINE),
        signature=signature,
        tags=tags,
        overwrite=overwrite,
        dry_run=dry_run,
        inputs=_checked(inputs),
    )


def _checked(inputs: Any) -> Mapping[str, Mapping[str, Any]]:
    if inputs is None:
        return {}
    if isinstance(inputs, Mapping) and all(isinstance(one, Mapping) for one in inputs.values()):
        return inputs
    accepted = "a dict, by signature, of dicts of tensors, by the names of the inputs"
    line = f"{_LINE[:-1]}, inputs={{'default': {{'x': [[1.0]]}}}})"
    raise wrong_type("inputs=", inputs, accepted, line)


def convert_once(
    handle: Path,
    cache: Path,
    *,
    signature: Optional[str] = None,
    tags: Optional[Union[str, Iterable[str]]] = None,
    on_unsafe: Optional[str] = None,
) -> str:
    """Converts a model into a cache, unless the same content is there already.

    Args:
        handle: of a TF1 Hub module or a TF1 SavedModel.
        cache: the folder that holds converted models; made if it is not there.
        signature, tags: as for `convert`.
        on_unsafe: as for `unihub.load`.

    Returns:
        The converted model's folder. Its name tells the original's content, the
        choices, and the version of unihub that converted it.

    Raises:
        UnihubError: as `convert` does.

    Example:
        >>> unihub.load(convert_once("tf1_module", "cache"), op="fine_tuning")
    """
    from unihub.conversion import conversion

    handle, cache = path_text(handle, _LINE), new_path(cache, _LINE)
    return conversion.convert_once(handle, cache, signature, tags, on_unsafe)


def convert_into_cache(
    handle: Path,
    *,
    signature: Optional[str] = None,
    tags: Optional[Union[str, Iterable[str]]] = None,
    on_unsafe: Optional[str] = None,
) -> str:
    """As `convert_once`, into the cache that the settings name.

    Raises:
        CacheOwnedByAnother, CacheNotPrivate: when others can change the cache.
        CacheNotWritable: when the file system refuses.
        UnihubError: as `convert` does.

    Example:
        >>> unihub.load(convert_into_cache("tf1_module"), op="fine_tuning")
    """
    cache = settings.current().cache
    storage.make_folders(cache, {CONVERTED: storage.PRIVATE})
    cache = os.path.join(cache, CONVERTED)
    return convert_once(handle, cache, signature=signature, tags=tags, on_unsafe=on_unsafe)


@guarded("validating")
def validate(path: Path) -> ValidationReport:
    """Says how far a SavedModel keeps the Reusable SavedModel interface.

    Args:
        path: a handle of any model; the TF1 formats keep none of it.

    Returns:
        The interface point by point, and what a KerasLayer can do with the
        model; it prints as a table.

    Raises:
        ConversionNeedsTF2: outside of TF2, where such models are not loaded.
        FormatError: where there is no readable model.

    Source: https://www.tensorflow.org/hub/reusable_saved_models

    Example:
        >>> unihub.validate("converted").reusable
        True
    """
    from unihub.conversion import validation

    return validation.validate(path_text(path, "unihub.validate('path/to/model')"))
