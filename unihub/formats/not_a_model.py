"""Refusals of a path that holds no model unihub can read: what it is, and what to do with it."""

from __future__ import annotations

import difflib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import List, Optional, Pattern, Sequence, Tuple

from unihub.errors import listed
from unihub.formats import wire
from unihub.formats.files import CHECKPOINT, HUB_FILE, PB_FILE, PBTXT_FILE
from unihub.formats.message import Data, FormatError, UnreadableFile, file_content, in_words

_HUB_FORMAT = 3
_MOST_LEVELS, _MOST_FOLDERS = 4, 100
_MOST_ENTRIES = 1000
_HEAD = 512


class NotAModel(FormatError, ValueError, OSError):
    """There is something at the path, but no model that unihub can read.

    Also an OSError, for tensorflow_hub before 0.13 left it to TensorFlow, which
    raises that.
    """


class ModelNotFound(FormatError, FileNotFoundError):
    """The path does not exist."""

    code = "model-not-found"
    what = "{path} does not exist."
    why = "{reason}"
    do = "{remedy}"


class EmptyFolder(NotAModel):
    """The folder has nothing in it."""

    code = "empty-folder"
    what = "{path} is an empty folder."
    why = "a model's folder holds saved_model.pb and, for most models, variables/."
    do = "cp -r path/to/the/model/. {path!r}  # then unihub.load({path!r})"


class VariablesOnly(NotAModel):
    """The folder has a SavedModel's variables, but not its graph."""

    code = "variables-only"
    what = "{path} holds the variables of a model, but not the model."
    why = "variables/ is there, saved_model.pb is not. (found: {found})"
    do = (
        "copy saved_model.pb into it from where the variables came from; or read them "
        "alone: tf.train.load_checkpoint({checkpoint!r})"
    )


class ModelInSubfolder(NotAModel):
    """The folder holds folders of models, such as versions."""

    code = "model-in-subfolder"
    what = "{path} is not a model, but has models in it: {found}."
    why = "a model's folder is the one that holds saved_model.pb itself."
    do = "unihub.load({example!r})"


class NoSavedModel(NotAModel):
    """The folder holds nothing that looks like a model."""

    code = "no-saved-model"
    what = "{path} holds no model."
    why = "there is neither saved_model.pb nor saved_model.pbtxt in it. (found: {found})"
    do = "find {path!r} -name 'saved_model.pb*'"


class HubModuleWithoutGraph(NotAModel):
    """A TF1 Hub module's folder lacks its SavedModel."""

    code = "hub-module-without-graph"
    what = "{path} is a TF1 Hub module without its graph."
    why = "tfhub_module.pb is there, saved_model.pb is not. (found: {found})"
    do = "cp -r path/to/the/whole/module/. {path!r}  # then unihub.load({path!r})"


class FileInsideModel(NotAModel):
    """The path is that of a model's own file."""

    code = "file-inside-model"
    what = "{path} is a file of a model, not the model."
    why = "a model is the whole folder: its variables and assets lie beside that file."
    do = "unihub.load({folder!r})"


class FileNotAModel(NotAModel):
    """The path is that of a file of no known kind."""

    code = "file-not-a-model"
    what = "{path} is a file, not the folder of a model."
    why = "it is of no kind of model that unihub knows. (it begins with {head})"
    do = "find . -name 'saved_model.pb*'"


class OtherModelFormat(NotAModel):
    """The path is that of a model in a format that another API loads."""

    code = "other-model-format"
    what = "{path} is {kind}, not a SavedModel."
    why = "TensorFlow Hub models are SavedModels: folders with saved_model.pb in them."
    do = "{remedy}"


class FrozenGraph(NotAModel):
    """The file is a GraphDef."""

    code = "frozen-graph"
    what = "{path} is a frozen GraphDef, not a SavedModel."
    why = (
        "it holds the bare nodes of a graph: no signature says which of them are inputs "
        "and outputs. (its first and last: {first!r}, {last!r})"
    )
    do = (
        "g = {graph}\n"
        "f = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(g, name=''), [])\n"
        "f = f.prune({first!r}, {last!r})"
    )


class EmptyFile(NotAModel):
    """A model's file has no content."""

    code = "empty-file"
    what = "{path} is an empty file."
    why = "a download or a copy that was broken off leaves such a file."
    do = "fetch or copy it again, and see its size: ls -l {path!r}"


class GitLfsPointer(NotAModel):
    """A model's file is what Git LFS stores in its place."""

    code = "git-lfs-pointer"
    what = "{path} is a Git LFS pointer, not the file itself."
    why = (
        "the repository was cloned without Git LFS, or downloaded as an archive. "
        "(it begins with {head})"
    )
    do = "git lfs install; git -C {folder!r} lfs pull"


class WebPage(NotAModel):
    """A model's file is a web page."""

    code = "web-page"
    what = "{path} is a web page, not a model's file."
    why = (
        "the server answered with a page, as for a log-in, an error or a preview. "
        "(it begins with {head})"
    )
    do = "read it, then fetch the file from its download address: head -c 400 {path!r}"


class NoMetaGraphs(NotAModel):
    """A SavedModel has no graph in it."""

    code = "no-meta-graphs"
    what = "{path} has no graph in it."
    why = (
        "it can be read as a SavedModel, but one without a MetaGraph; data of another kind "
        "can look like that."
    )
    do = "fetch or copy it again, and compare with the source: sha256sum {path!r}"


class UnknownHubFormat(NotAModel):
    """tfhub_module.pb is of another version than the published one."""

    code = "unknown-hub-format"
    what = "{path} says that the module is of TF1 Hub format version {version}."
    why = "version {known} is the one that tensorflow_hub writes and reads."
    do = (
        "export the module again with tensorflow_hub 0.15 or older: "
        "hub.Module(spec).export(path, session)"
    )


class UnknownHubFeatures(NotAModel):
    """tfhub_module.pb asks for features that no reader has."""

    code = "unknown-hub-features"
    what = "{path} says that the module requires {features}."
    why = "a reader must know every required feature, and tensorflow_hub has defined none."
    do = (
        "export the module again with tensorflow_hub 0.15 or older: "
        "hub.Module(spec).export(path, session)"
    )


@dataclass(frozen=True)
class OtherKind:
    """A kind of model file that is no SavedModel.

    Attributes:
        title: what it is, with its article.
        name: the file names that it has.
        content: how its bytes begin, where that tells it.
        remedy: the call that loads it, with ``{path}`` and ``{stem}``.
    """

    title: str
    name: Pattern[str]
    remedy: str
    content: Optional[Pattern[bytes]] = None


def _kind(title: str, name: str, remedy: str, content: Optional[bytes] = None) -> OtherKind:
    found = None if content is None else re.compile(content, re.DOTALL)
    return OtherKind(title, re.compile(name, re.IGNORECASE), remedy, found)


OTHER_KINDS: Tuple[OtherKind, ...] = (
    _kind("a file of Keras weights", r"\.weights\.h5$", "model.load_weights({path!r})"),
    _kind(
        "a Keras model in an HDF5 file",
        r"\.(h5|hdf5)$",
        "tf.keras.models.load_model({path!r})",
        rb"\x89HDF\r\n\x1a\n",
    ),
    _kind("a Keras model file", r"\.keras$", "tf.keras.models.load_model({path!r})"),
    _kind(
        "a TensorFlow Lite model",
        r"\.tflite$",
        "tf.lite.Interpreter(model_path={path!r})",
        rb".{4}TFL3",
    ),
    _kind("an ONNX model", r"\.onnx$", "onnxruntime.InferenceSession({path!r})"),
    _kind("a PyTorch file", r"\.(pt|pth)$", "torch.load({path!r}, weights_only=True)"),
    _kind(
        "a file of safetensors weights",
        r"\.safetensors$",
        "safetensors.numpy.load_file({path!r})",
    ),
    _kind(
        "a TensorFlow checkpoint",
        r"(^checkpoint|\.index|\.meta|\.ckpt(-\d+)?|\.data-\d{5}-of-\d{5})$",
        "tf.train.load_checkpoint({stem!r})",
    ),
    _kind(
        "a TensorFlow.js model",
        r"^model\.json$",
        "tensorflowjs.converters.load_keras_model({path!r})",
    ),
    _kind(
        "an archive",
        r"\.(tar|tar\.gz|tgz|zip)$",
        "shutil.unpack_archive({path!r}, 'model'); unihub.load('model')",
        rb"\x1f\x8b|PK\x03\x04",
    ),
)
_CHECKPOINT = next(kind for kind in OTHER_KINDS if "checkpoint" in kind.title)
_CHECKPOINT_SUFFIX = re.compile(r"(\.index|\.meta|\.data-\d{5}-of-\d{5}|(?<=/)checkpoint)$")
_GRAPH_FILE = re.compile(r"\.(pb|pbtxt)$")
_GIT_LFS = re.compile(rb"version https://git-lfs")
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|\?xml|!--)", re.IGNORECASE)
_GRAPH_TEXT = re.compile(rb"\s*node\s*:?\s*[{<]")
_GRAPH_TAG = b"\n"


def require_folder(path: str) -> None:
    """Raises unless the path is that of a folder, saying what it is instead."""
    # Not raised where the system's error is handled: that would hang on ours, with a path
    # that may be meant as a URL with secrets.
    refused = _why_no_folder(path)
    if refused is not None:
        raise refused


def _why_no_folder(path: str) -> Optional[FormatError]:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return _not_found(path)
    except OSError as error:
        return UnreadableFile(path=path, reason=in_words(error))
    return None if os.path.isdir(path) else _refused_file(path)


def refuse_other_content(path: str, content: Data) -> None:
    """Raises if a model's file has the content of something else."""
    head = bytes(content[:_HEAD])
    if not head:
        raise EmptyFile(path=path)
    if _GIT_LFS.match(head):
        folder = os.path.dirname(path)
        raise GitLfsPointer(path=path, head=_shown(head), folder=folder)
    if _WEB_PAGE.match(head):
        raise WebPage(path=path, head=_shown(head))
    for kind in OTHER_KINDS:
        if kind.content is not None and kind.content.match(head):
            raise _other_format(path, kind)
    graph = _frozen_graph(path, content)
    if graph is not None:
        raise graph


def refuse_unknown_hub_module(path: str, version: int, features: Sequence[str]) -> None:
    """Raises unless a TF1 Hub module is of the published format."""
    if version != _HUB_FORMAT:
        raise UnknownHubFormat(path=path, version=version, known=_HUB_FORMAT)
    if features:
        raise UnknownHubFeatures(path=path, features=listed(features))


def _not_found(path: str) -> FormatError:
    # A null byte, which no path can have, makes every look at the disk raise.
    if "\0" in path:
        return ModelNotFound(path=path, reason="no path has a null byte.", remedy="ls")
    if os.path.lexists(f"{path}.index"):
        return _other_format(path, _CHECKPOINT)
    return path_not_found(path)


def path_not_found(path: str) -> ModelNotFound:
    """The error for a path where nothing is: what is there of it, and what is called like it."""
    absolute = os.path.abspath(path)
    parent = os.path.dirname(absolute)
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    names = _names(parent)
    wanted = os.path.relpath(absolute, parent).split(os.sep)[0]
    close = difflib.get_close_matches(wanted, names, 1)
    return ModelNotFound(
        path=path,
        reason=f"{parent!r} is there and holds {listed(names)}.",
        remedy=f"unihub.load({os.path.join(parent, close[0])!r})" if close else f"ls {parent!r}",
    )


def _refused_file(path: str) -> FormatError:
    name = os.path.basename(path)
    if name in (PB_FILE, PBTXT_FILE, HUB_FILE):
        return FileInsideModel(path=path, folder=os.path.dirname(path) or ".")
    other = _kind_by_name(name)
    if other is not None:
        return _other_format(path, other)
    with file_content(path) as content:
        try:
            refuse_other_content(path, content)
        except NotAModel as refusal:
            return refusal
        return FileNotAModel(path=path, head=_shown(bytes(content[:_HEAD])))


def refused_folder(folder: str) -> FormatError:
    """Why a folder without a SavedModel's file is refused."""
    names = _names(folder)
    found = listed(names)
    if HUB_FILE in names:
        return HubModuleWithoutGraph(path=folder, found=found)
    if not names:
        return EmptyFolder(path=folder)
    models = [name for name in names if is_model(os.path.join(folder, name))]
    if models:
        example = os.path.join(folder, max(models, key=for_use))
        return ModelInSubfolder(path=folder, found=listed(models), example=example)
    if "variables" in names:
        checkpoint = os.path.join(folder, CHECKPOINT)
        return VariablesOnly(path=folder, found=found, checkpoint=checkpoint)
    for name in names:
        refusal = _other_model(os.path.join(folder, name))
        if refusal is not None:
            return refusal
    deeper = _models_below(folder, names)
    if deeper:
        shown = sorted((os.path.relpath(model, folder) for model in deeper), key=for_use)
        example = os.path.join(folder, shown[-1])
        return ModelInSubfolder(path=folder, found=listed(shown), example=example)
    return NoSavedModel(path=folder, found=found)


def _models_below(folder: str, names: List[str]) -> List[str]:
    """Models further down, the nearest alone, such as MLflow and TFX put them."""
    level = [os.path.join(folder, name) for name in names]
    for _ in range(_MOST_LEVELS):
        below: List[str] = []
        for path in level[:_MOST_FOLDERS]:
            # What cannot be read, or leads back up, is passed over.
            with suppress(FormatError):
                if os.path.isdir(path) and not os.path.islink(path):
                    below += [os.path.join(path, name) for name in _names(path)]
        found = [path for path in below if is_model(path)]
        if found:
            return found
        level = below
    return []


def for_use(path: str) -> Tuple[bool, bool, int, str]:
    """Orders folders of models: that for serving is last, then the newest version."""
    name = os.path.basename(path)
    return "serving" in path.lower(), name.isdecimal(), int(_digits(name)), path


def _other_model(path: str) -> Optional[FormatError]:
    name = os.path.basename(path)
    kind = _kind_by_name(name)
    if kind is not None:
        return _other_format(path, kind)
    if not _GRAPH_FILE.search(name) or not os.path.isfile(path):
        return None
    with file_content(path) as content:
        return _frozen_graph(path, content)


def _other_format(path: str, kind: OtherKind) -> FormatError:
    stem = _CHECKPOINT_SUFFIX.sub("", path)
    remedy = kind.remedy.format(path=path, stem=stem)
    return OtherModelFormat(path=path, kind=kind.title, remedy=remedy)


def _kind_by_name(name: str) -> Optional[OtherKind]:
    return next((kind for kind in OTHER_KINDS if kind.name.search(name)), None)


def _frozen_graph(path: str, content: Data) -> Optional[FrozenGraph]:
    """The refusal of a GraphDef; None if it is none."""
    if path.endswith(".pbtxt"):
        # Of use for text alone, and its patterns take long to compile.
        from unihub.formats import text_format

        looks_like_graph, reader = bool(_GRAPH_TEXT.match(content)), text_format.read_message
        graph = f"google.protobuf.text_format.Parse(open({path!r}).read(), tf.compat.v1.GraphDef())"
    else:
        looks_like_graph, reader = content[:1] == _GRAPH_TAG, wire.read_message
        graph = f"tf.compat.v1.GraphDef.FromString(open({path!r}, 'rb').read())"
    if not looks_like_graph:
        return None
    try:
        nodes = reader(content, path, "GraphDef", "GraphDef").messages("node")
        if not all(nodes[0].text(field) for field in ("name", "op")):
            return None
        inputs = [node for node in nodes if node.text("op") == "Placeholder"]
        first, last = (f"{node.text('name')}:0" for node in ((inputs or nodes)[0], nodes[-1]))
    except FormatError:
        return None
    return FrozenGraph(path=path, first=first, last=last, graph=graph)


def is_model(path: str) -> bool:
    """Whether a SavedModel's graph is in a folder."""
    return any(os.path.isfile(os.path.join(path, name)) for name in (PB_FILE, PBTXT_FILE))


def _names(folder: str) -> List[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, _MOST_ENTRIES))
    except OSError as error:
        raise UnreadableFile(path=folder, reason=in_words(error)) from None


def _digits(name: str) -> str:
    return name if name.isascii() and name.isdecimal() and len(name) < 100 else "0"


def _shown(head: bytes) -> str:
    return repr(head[:60].decode("utf-8", "replace"))
