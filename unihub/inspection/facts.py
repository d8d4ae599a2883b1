"""The facts that `unihub.inspect` tells of a model, as values.

Named tuples for the parts, for they are made several times as fast as dataclasses: of
inspecting most models, importing these modules is the larger part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, NamedTuple, Optional, Tuple

from unihub.formats.model import TensorInfo
from unihub.inspection.attachments import Attachment
from unihub.inspection.callables import Accepted, Argument
from unihub.inspection.keras_metadata import KerasMetadata
from unihub.inspection.security import Finding
from unihub.inspection.uses import Use
from unihub.inspection.variables import Variable
from unihub.matrix.values import Format, Runtime


class SignatureInfo(NamedTuple):
    """A signature, with an example of its call.

    Attributes:
        inputs, outputs: by name, in alphabetical order.
        example: a line of code; "" where the files do not tell one that runs.
    """

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    example: str


class CallableInfo(NamedTuple):
    """An object of a TF2 SavedModel that can be called.

    Attributes:
        path: how to reach it from the loaded object; ``""`` for that object itself.
        arguments: those of its ``__call__``, without ``self``.
        accepted: the structures of inputs that it takes.
        example: a line of code; "" where the files do not tell one that runs.
    """

    path: str
    arguments: Tuple[Argument, ...]
    accepted: Tuple[Accepted, ...]
    example: str

    @property
    def has_training(self) -> bool:
        """Whether it takes ``training``."""
        return any(argument.name == "training" for argument in self.arguments)

    def __str__(self) -> str:
        return f"m{'.' if self.path else ''}{self.path}({', '.join(map(str, self.arguments))})"


class Asset(NamedTuple):
    """A file that belongs to a model.

    Attributes:
        bytes: its size; None where it is missing.
    """

    name: str
    bytes: Optional[int]


class CheckpointInfo(NamedTuple):
    """The variables' values.

    Attributes:
        tensors: how many there are.
        bytes: size of all of them.
        shards: number of data files.
        damage: what is missing of those; ``""`` if nothing is.
    """

    tensors: int
    bytes: int
    shards: int
    damage: str


@dataclass(frozen=True)
class MetaGraphInfo:
    """One graph variant of a model.

    Attributes:
        callables: the root object where it can be called, else the nearest below it.
        sub_objects: paths of all that can be called below the root.
        variables: with names and sizes; see also ``trainable_variables``.
        regularization_losses: how many there are.
        ops: names of all ops, in alphabetical order.
        packages: by package that registers them, the ops that are not TensorFlow's
            own; ``""`` for ops that no known package registers.
        control_flow_v1: the ops of TF1's control flow in it.
        attachments: messages attached to a TF1 Hub module.
    """

    tags: Tuple[str, ...]
    tensorflow_version: str
    signatures: Tuple[SignatureInfo, ...]
    callables: Tuple[CallableInfo, ...]
    sub_objects: Tuple[str, ...]
    variables: Tuple[Variable, ...]
    regularization_losses: int
    collections: Tuple[str, ...]
    ops: Tuple[str, ...]
    packages: Mapping[str, Tuple[str, ...]]
    control_flow_v1: Tuple[str, ...]
    attachments: Tuple[Attachment, ...]
    assets: Tuple[Asset, ...]

    @property
    def trainable_variables(self) -> Tuple[Variable, ...]:
        return tuple(variable for variable in self.variables if variable.trainable)


@dataclass(frozen=True)
class ModelFacts:
    """Facts about a model, told from its files alone.

    Attributes:
        handle: as it was given.
        path: the folder.
        format: the row of the compatibility matrix.
        evidence: what the format was told by.
        tensorflow_version: of the TensorFlow that wrote it; ``""`` if unknown.
        bytes: size of all its files.
        checkpoint: None where there are no variables' values.
        keras: what Keras 2 wrote beside it; None for another model.
        meta_graphs: the graph variants, in the file's order.
        uses: what can be done with it, in every runtime.
        runtime: that of this process; None where no TensorFlow is installed.
        findings: what it can do outside of its graph; advice, not a sandbox.
    """

    handle: str
    path: str
    format: Format
    evidence: str
    tensorflow_version: str
    bytes: int
    module_format: Optional[int]
    required_features: Tuple[str, ...]
    checkpoint: Optional[CheckpointInfo]
    keras: Optional[KerasMetadata]
    meta_graphs: Tuple[MetaGraphInfo, ...]
    uses: Tuple[Use, ...]
    runtime: Optional[Runtime]
    findings: Tuple[Finding, ...]


@dataclass(frozen=True)
class RemoteFacts:
    """Facts about a model, known before it is downloaded.

    Attributes:
        handle: without secrets.
        kind: of the handle, for people.
        parts: of the handle, by name.
        asked: whether its server was asked; not offline, nor where TensorFlow would
            have to be imported for it.
        status: the server's HTTP status in the end; None where it was not asked or
            does not answer.
        problem: why it cannot be downloaded, or what was not asked; ``""`` if nothing is.
        url: that answered in the end, without secrets.
        archive: file name of what would be downloaded; ``""`` if unknown.
        bytes: its size; None if unknown.
        files: how many there are of a folder; None if unknown.
        version: the one that a handle without a version stands for now; None if unknown.
        instead: handles at Kaggle of what tfhub.dev does not give, the likeliest first.
    """

    handle: str
    kind: str
    parts: Tuple[Tuple[str, str], ...] = ()
    asked: bool = False
    status: Optional[int] = None
    problem: str = ""
    url: str = ""
    archive: str = ""
    bytes: Optional[int] = None
    files: Optional[int] = None
    version: Optional[str] = None
    instead: Tuple[str, ...] = ()

    @property
    def next(self) -> str:
        """The command that downloads and inspects it, or looks where it may be instead."""
        # Imported only here, for most models are at hand.
        import shlex

        if self.instead:
            return f"unihub inspect {shlex.quote(self.instead[0])}"
        return f"unihub inspect --download {shlex.quote(self.handle)}"
