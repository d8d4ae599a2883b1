"""Models of Hugging Face: huggingface_hub says who asks, what there is, and where.

The bytes come by unihub's own download, unless huggingface_hub's cache has them, and each
file is held to the hash that the list names. Only the files of one SavedModel are taken.

Source: https://huggingface.co/docs/huggingface_hub.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import platform
import re
import sys
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterator, List, Optional

from unihub.errors import UnihubError, first_line, listed
from unihub.errors.redaction import scrubbed, scrubbed_logs
from unihub.formats.files import PB_FILE, PBTXT_FILE
from unihub.handles.archive.members import Destination, check_members
from unihub.handles.cache.manifest import Facts
from unihub.handles.cache.staging import StagingDirectory
from unihub.handles.download.partial import read_blocks, remove_partial
from unihub.handles.download.transfer import download
from unihub.handles.kinds import HuggingFaceModel
from unihub.handles.sources.context import Context, not_cached

# Beside the model's file, what belongs to a SavedModel or a module.
_FOLDERS = ("variables", "assets", "assets.extra")
_TOP = re.compile(r"[^/]*\.(?:pb|pbtxt)|README\.md")
_OTHERS = (".keras", ".h5", ".tflite", ".safetensors", ".onnx", ".bin", ".zip", ".tar.gz")


class HuggingFaceHubMissing(UnihubError, ImportError):
    """The extra for Hugging Face is not installed."""

    code = "huggingface-hub-missing"
    what = "{handle} is a model of Hugging Face, and huggingface_hub is not installed here."
    why = (
        "unihub takes the token, the cache and the list of files from it. (looked for in "
        "Python {python}, {executable})"
    )
    do = 'pip install "unihub[hf]"'


class HuggingFaceModelNotFound(UnihubError, FileNotFoundError):
    """Hugging Face has no such model, or does not say so to this user."""

    code = "hugging-face-model-not-found"
    what = "Hugging Face has no {handle} for {user}."
    why = "{endpoint} answered {status}: {reason}"
    do = "{remedy}"


class HuggingFaceAccessRefused(UnihubError, PermissionError):
    """The model's terms are not yet agreed to, or the token may not read it."""

    code = "hugging-face-access-refused"
    what = "Hugging Face does not give {handle} to {user}."
    why = "{endpoint} answered {status}: {reason}"
    do = "hf auth login  # as a user who has agreed to its terms at {page}"


class NoSavedModelThere(UnihubError, FileNotFoundError):
    """A repository of Hugging Face holds no SavedModel, or not in the folder asked for."""

    code = "no-saved-model-there"
    what = "{handle} holds no SavedModel."
    why = "{reason}"
    do = "{remedy}"


class SeveralModelsThere(UnihubError, ValueError):
    """A repository of Hugging Face holds several SavedModels."""

    code = "several-models-there"
    what = "{handle} holds {count} SavedModels."
    why = "one is loaded at a time, and they are in the folders {folders}."
    do = "unihub.load({line!r})"


class HuggingFaceFileDiffers(UnihubError, OSError):
    """A file is not the one that the repository's list names."""

    code = "hugging-face-file-differs"
    what = "{file} of {handle} came whole, and is not what its repository lists."
    why = "its {algorithm} is {found}, and the list says {expected}."
    do = "unihub fetch {handle}  # once more; if it stays so, tell the owner at {page}"


class HuggingFaceFailed(UnihubError, OSError):
    """huggingface_hub raised something else."""

    code = "hugging-face-failed"
    what = "Hugging Face could not be asked for {handle}."
    why = "{reason}"
    do = "curl -I {page}  # does it answer?"


@dataclass(frozen=True)
class _File:
    """A file of a repository.

    Attributes:
        name: its path there.
        size: in bytes.
        sha256: of its content, for one that Git LFS keeps; else None.
        blob: its Git object's name, for the others.
    """

    name: str
    size: int
    sha256: Optional[str]
    blob: Optional[str]


def model(handle: HuggingFaceModel, work: StagingDirectory, context: Context) -> Facts:
    """Builds the SavedModel of a repository.

    Raises:
        HuggingFaceHubMissing: when the extra is not installed.
        HuggingFaceModelNotFound, HuggingFaceAccessRefused, HuggingFaceFailed: as it answers.
        NoSavedModelThere, SeveralModelsThere: when there is not one model.
        HuggingFaceFileDiffers: a file is not what the list says.
        TransferError: see `download`.
    """
    hub = _huggingface_hub(handle)
    with _explained(handle, hub, context):
        token = hub.get_token()
        api = hub.HfApi(endpoint=_endpoint(hub), token=token or False)
        info = api.model_info(
            handle.repository,
            revision=handle.revision,
            files_metadata=True,
            timeout=context.limits.read_timeout,
        )
        files = [_file(sibling) for sibling in info.siblings or ()]
    folder = _folder(handle, files)
    prefix = f"{folder}/" if folder else ""
    wanted = [file for file in files if _belongs(file.name, prefix)]
    check_members(handle.shown, context.caps, len(wanted))
    total = sum(file.size for file in wanted)
    work.needs(total)
    done = 0
    with Destination(work.model, context.caps, handle.shown) as destination:
        for file in wanted:
            destination.check_name(file.name[len(prefix) :])
        for file in wanted:
            path = _here(hub, handle, info.sha, file, token, work, context)
            destination.add_file(file.name[len(prefix) :], file.size, read_blocks(path))
            remove_partial(work.partial)
            done += file.size
            context.progress.advance(done, total)
        return Facts(url=handle.shown, version=info.sha, files=destination.files)


def _here(
    hub: Any,
    handle: HuggingFaceModel,
    commit: str,
    file: _File,
    token: Optional[str],
    work: StagingDirectory,
    context: Context,
) -> str:
    """The path of a file's copy: in huggingface_hub's cache, else downloaded."""
    with _explained(handle, hub, context):
        # It refuses some names.
        cached = hub.try_to_load_from_cache(handle.repository, file.name, revision=commit)
        url = hub.hf_hub_url(handle.repository, file.name, revision=commit, endpoint=_endpoint(hub))
    if isinstance(cached, str) and os.path.isfile(cached):
        with contextlib.suppress(HuggingFaceFileDiffers):
            _check(cached, handle, file)
            return cached
    headers = {"Authorization": f"Bearer {token}"} if token else None
    path = download(url, work.partial, context.limits, headers=headers).path
    _check(path, handle, file)
    return path


def _check(path: str, handle: HuggingFaceModel, file: _File) -> None:
    """Compares a file with what the list says: the hash of Git LFS, else that of Git itself."""
    size = os.path.getsize(path)
    if size != file.size:
        raise _differs(handle, file, "size", size, file.size)
    if file.sha256 is not None:
        algorithm, digest, expected = "SHA-256", hashlib.sha256(), file.sha256
    elif file.blob is not None:
        algorithm, digest, expected = "Git object", hashlib.sha1(), file.blob
        digest.update(b"blob %d\0" % size)
    else:
        return
    for block in read_blocks(path):
        digest.update(block)
    if digest.hexdigest() != expected:
        raise _differs(handle, file, algorithm, digest.hexdigest(), expected)


def _differs(
    handle: HuggingFaceModel, file: _File, what: str, found: object, expected: object
) -> HuggingFaceFileDiffers:
    return HuggingFaceFileDiffers(
        file=file.name,
        handle=str(handle),
        algorithm=what,
        found=found,
        expected=expected,
        page=handle.page,
    )


def _folder(handle: HuggingFaceModel, files: List[_File]) -> str:
    """The folder of the one model that is meant."""
    names = [file.name for file in files]
    homes = {name.rpartition("/")[0] for name in names if _is_model(name)}
    asked = handle.folder
    inside = sorted(home for home in homes if not asked or f"{home}/".startswith(f"{asked}/"))
    if asked in inside:
        return asked
    if len(inside) == 1:
        return inside[0]
    if inside:
        # Its patterns take long to compile, and most repositories hold one.
        from unihub.formats.not_a_model import for_use

        inside = sorted(inside, key=for_use)
        line = _spelt(handle, inside[-1])
        raise SeveralModelsThere(
            handle=str(handle), count=len(inside), folders=listed(inside), line=line
        )
    raise _nothing(handle, names, sorted(homes))


def _nothing(handle: HuggingFaceModel, names: List[str], homes: List[str]) -> UnihubError:
    there = [name for name in names if name.endswith(_OTHERS)]
    reason = f"among its {len(names)} files there is no {PB_FILE}"
    remedy = f"hf download {handle.repository}  # its files, for what reads them"
    if homes:
        where = listed(homes) if homes[0] else "the folder at the top"
        reason = f"there is nothing of a model in {handle.folder!r}; there is in {where}"
        remedy = f"unihub.load({_spelt(handle, homes[0])!r})"
    elif there:
        reason += f"; it has {listed(there)}"
        if there[0].endswith((".keras", ".h5")):
            remedy = (
                f"hf download {handle.repository} {there[0]}  # keras.models.load_model reads it"
            )
    return NoSavedModelThere(handle=str(handle), reason=f"{reason}.", remedy=remedy)


def _spelt(handle: HuggingFaceModel, folder: str) -> str:
    return str(replace(handle, folder=folder))


def _is_model(name: str) -> bool:
    return name.rpartition("/")[2] in (PB_FILE, PBTXT_FILE)


def _belongs(name: str, prefix: str) -> bool:
    """Whether a file is one of the model in a folder; other formats of it are not fetched."""
    rest = name[len(prefix) :]
    top = rest.partition("/")[0]
    return name.startswith(prefix) and (top in _FOLDERS or _TOP.fullmatch(rest) is not None)


def _file(sibling: Any) -> _File:
    lfs = sibling.lfs
    sha256 = (lfs.get("sha256") if isinstance(lfs, dict) else lfs.sha256) if lfs else None
    return _File(sibling.rfilename, int(sibling.size or 0), sha256, sibling.blob_id)


@contextlib.contextmanager
def _explained(handle: HuggingFaceModel, hub: Any, context: Context) -> Iterator[None]:
    """Says what huggingface_hub's errors mean; by the status, for its classes have moved."""
    try:
        with scrubbed_logs():
            yield
    # Its errors are of requests in some releases, of httpx in others.
    except Exception as error:
        if type(error).__name__ == "OfflineModeIsEnabled":
            raise not_cached(handle, context, "HF_HUB_OFFLINE") from None
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise _answered(status, handle, hub, error) from None


def _answered(status: Any, handle: HuggingFaceModel, hub: Any, error: Exception) -> UnihubError:
    headers = getattr(getattr(error, "response", None), "headers", {})
    said = headers.get("X-Error-Message") or headers.get("X-Error-Code") or ""
    has_token = bool(hub.get_token())
    facts: Dict[str, Any] = {
        "handle": str(handle),
        "endpoint": _endpoint(hub),
        "status": status,
        "user": "the token that is set here" if has_token else "a user without a token",
        "page": handle.page,
    }
    gated = headers.get("X-Error-Code") == "GatedRepo"
    if status == 403 or gated:
        return HuggingFaceAccessRefused(reason=said or "it is not for everybody.", **facts)
    if status == 404 and headers.get("X-Error-Code") == "RevisionNotFound":
        reason = f"the repository is there, and its revision {handle.revision!r} is not."
        remedy = f"unihub.load({f'hf://{handle.repository}'!r})  # its default branch"
        return HuggingFaceModelNotFound(reason=reason, remedy=remedy, **facts)
    if status in (401, 404):
        reason = "it is misspelt, or private, which Hugging Face does not tell apart."
        remedy = f"hf auth login  # if it is private; if it is misspelt, look near {handle.page}"
        return HuggingFaceModelNotFound(reason=reason, remedy=remedy, **facts)
    reason = f"huggingface_hub raised {type(error).__name__}: {scrubbed(first_line(error))}"
    return HuggingFaceFailed(handle=str(handle), page=handle.page, reason=reason)


def _endpoint(hub: Any) -> str:
    """Where it is asked, as the environment says now."""
    return str(os.environ.get("HF_ENDPOINT") or hub.constants.ENDPOINT).rstrip("/")


def _huggingface_hub(handle: HuggingFaceModel) -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise HuggingFaceHubMissing(
            handle=str(handle), python=platform.python_version(), executable=sys.executable
        ) from None
