"""Values of a script's expressions, as far as they are known, and what happens to them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple, Union


class Mode(str, Enum):
    """How TensorFlow executes where a line stands."""

    EAGER = "eager"
    GRAPH = "graph"


class Kind(str, Enum):
    """The result of a call."""

    MODULE = "module"
    LOADED = "loaded"
    HUB_LAYER = "hub_layer"
    SIGNATURES = "signatures"
    GRAPH = "graph"
    KERAS_TENSOR = "keras_tensor"
    KERAS_LAYER = "keras_layer"
    KERAS_MODEL = "keras_model"


@dataclass(frozen=True)
class Named:
    """A module, class or function, by its dotted name."""

    path: str


@dataclass(frozen=True)
class Literal:
    """A constant that is written out in the script."""

    value: Any

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True, eq=False)
class Call:
    """One call in the script.

    Attributes:
        node: where it is written.
        path: the dotted name that is called; ``""`` where it is an object.
        args, keywords: what is known of the arguments.
        opaque: whether ``*args`` or ``**kwargs`` may hold others.
        mode: how TensorFlow executes there.
    """

    node: ast.Call
    path: str
    args: Tuple[Value, ...]
    keywords: Mapping[str, Value]
    opaque: bool
    mode: Mode

    def literal(self, keyword: str, position: Optional[int] = None) -> Any:
        """The argument's value where it is a constant, else None."""
        value = self.keywords.get(keyword)
        if value is None and position is not None and len(self.args) > position:
            value = self.args[position]
        return value.value if isinstance(value, Literal) else None

    def has(self, keyword: str, position: Optional[int] = None) -> bool:
        """Whether the argument is given, or may be."""
        given = position is not None and len(self.args) > position
        return self.opaque or given or keyword in self.keywords


@dataclass(frozen=True)
class Made:
    """An object that a call gave.

    Attributes:
        kind: what it is.
        call: that gave it. Two objects of one call count as one.
        library: of a Keras object, the Keras it is of, as the script names it.
    """

    kind: Kind
    call: Call
    library: str = ""


@dataclass(frozen=True)
class Method:
    """An attribute of an object that a call gave, or of a constant."""

    owner: Union[Made, Literal]
    name: str


@dataclass(frozen=True, eq=False)
class Function:
    """A function that the script defines."""

    node: ast.AST
    owner: Optional[Class] = None


@dataclass(eq=False)
class Class:
    """A class that the script defines, with what is known of its objects' attributes."""

    node: ast.ClassDef
    attributes: Dict[str, Value] = field(default_factory=dict)


Value = Union[Named, Literal, Made, Method, Function, Class, None]


@dataclass(frozen=True, eq=False)
class Import:
    """One name that an import statement binds, of tensorflow_hub or unihub."""

    node: Union[ast.Import, ast.ImportFrom, ast.Call]
    path: str
    star: bool = False


@dataclass(frozen=True, eq=False)
class Reference:
    """A dotted name of tensorflow_hub or unihub in an expression."""

    node: ast.expr
    path: str
    mode: Mode
    printed: bool = False


@dataclass(frozen=True, eq=False)
class Applied:
    """A model, layer or signature of a loaded object that is called."""

    node: ast.Call
    owner: Made
    call: Call


@dataclass(frozen=True, eq=False)
class SignatureChosen:
    """``loaded.signatures["name"]``."""

    node: ast.Subscript
    owner: Made
    name: str


@dataclass(frozen=True, eq=False)
class Combined:
    """A hub layer that is put in a model, or called on a tensor, of some Keras."""

    node: ast.expr
    layer: Made
    library: str


@dataclass(frozen=True, eq=False)
class Text:
    """A string constant."""

    node: ast.expr
    value: str


@dataclass(eq=False)
class Summary:
    """All that was seen in one script.

    Attributes:
        modules: the outermost names of all modules imported; "." for one relative to it.
        disables_v2: whether it turns v2 behaviour off.
        legacy_keras: whether it sets TF_USE_LEGACY_KERAS.
        keras_backend: what it sets KERAS_BACKEND to; None where it does not.
        installs_unihub: whether it calls unihub.install().
        contrib: where tensorflow.contrib is imported, or named below tensorflow.
        of_models: the calls of methods of Keras models.
        uses: of each object made, the nodes where it is used other than to be called.
    """

    imports: List[Import] = field(default_factory=list)
    modules: Set[str] = field(default_factory=set)
    references: List[Reference] = field(default_factory=list)
    calls: List[Call] = field(default_factory=list)
    contrib: List[ast.AST] = field(default_factory=list)
    of_models: List[Call] = field(default_factory=list)
    applied: List[Applied] = field(default_factory=list)
    signatures: List[SignatureChosen] = field(default_factory=list)
    combined: List[Combined] = field(default_factory=list)
    texts: List[Text] = field(default_factory=list)
    assigned: List[ast.expr] = field(default_factory=list)
    disables_v2: bool = False
    keras_backend: Optional[str] = None
    enables_eager: bool = False
    legacy_keras: bool = False
    installs_unihub: bool = False
