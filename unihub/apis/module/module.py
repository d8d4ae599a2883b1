"""Module: a model in TF1 Hub format, as a part of a graph."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Type, Union

import tensorflow as tf

from unihub.apis.copying import NotCopied
from unihub.apis.module.apply import apply_signature, is_inside
from unihub.apis.module.errors import EvaluationOver, NoDefaultOutput, NotInGraphMode, OtherGraph
from unihub.apis.module.initialize import run_initializers
from unihub.apis.module.instead import pasteable
from unihub.apis.module.spec import ModuleSpec, as_module_spec
from unihub.apis.module.state import VariableMap, create_state, fresh_scope
from unihub.apis.module.tensors import (
    TensorInfo,
    check_supported,
    fit_inputs,
    name_inputs,
    with_named,
)
from unihub.apis.module.variant import DEFAULT_SIGNATURE, split_scope
from unihub.errors import listed, nearest, path_text
from unihub.inspection import before_loading

# A signature may have any name, such as "tensorflow/serving/regress" in a SavedModel.
# With a slash it would be several scopes.
_NOT_IN_A_SCOPE = re.compile(r"[^A-Za-z0-9_.-]")


class Module(NotCopied):
    """A model in TF1 Hub format, instantiated in the current graph.

    Instantiating it imports its state, once: variables into GLOBAL_VARIABLES
    (and MODEL_VARIABLES, and TRAINABLE_VARIABLES and REGULARIZATION_LOSSES if
    it is trainable), tables into TABLE_INITIALIZERS, the paths of its files
    into ASSET_FILEPATHS. The variables' initializers give the pre-trained
    values. Calling it applies one of its signatures to tensors, as often as
    wanted; each application shares the state.

    Source: the cells "TF1" and "TF1 compat mode" of
    https://www.tensorflow.org/hub/model_compatibility, and for the behaviour
    hub.Module of tensorflow_hub 0.15.

    Example:
        >>> with tf.Graph().as_default():
        ...     m = unihub.Module("path/to/module")
        ...     embeddings = m(["a sentence"])
        ...     with tf.compat.v1.Session() as session:
        ...         session.run([tf.compat.v1.global_variables_initializer(),
        ...                      tf.compat.v1.tables_initializer()])
        ...         session.run(embeddings)
    """

    def __init__(
        self,
        spec: Union[ModuleSpec, str],
        trainable: bool = False,
        name: str = "module",
        tags: Optional[Iterable[str]] = None,
        *,
        on_unsafe: Optional[str] = None,
    ) -> None:
        """Imports the module's state into the current graph.

        Args:
            spec: a ModuleSpec, ours or tensorflow_hub's, or the handle of a module.
            trainable: whether its variables are to be trained; then pass the
                tags of its train graph as well, if it has one.
            name: the scope of its state, made unique with a number.
            tags: the graph variant; None stands for the one without tags.
            on_unsafe: "warn", "refuse" or "ignore": what to do about a module that acts
                outside of its graph; by default what the settings say. See `unihub.load`.

        Raises:
            UnsafeModel: for ``on_unsafe="refuse"``.
            LoadFailed: when TensorFlow cannot read what is in its files.
            NoSuchVariant: if no graph variant has exactly these tags.
            NotInGraphMode: in eager execution.
            NameScopeTaken: if the variable scope is free, but the name scope
                is not.
            OpsMissing, AttributesMissing: if this TensorFlow cannot read the graph.
        """
        if tf.executing_eagerly():
            # Before anything is fetched.
            raise _not_in_graph_mode(spec)
        self._graph = tf.compat.v1.get_default_graph()
        before_loading.check_reaction(on_unsafe, "unihub.Module", spec)
        self._spec = as_module_spec(spec, on_unsafe)
        self._trainable = trainable
        self._variant = self._spec.variant(tags)
        if trainable:
            self._spec.warn_of_training_without_train_tag(self._variant.tags)
        scope = fresh_scope(name)
        self._name = split_scope(scope)[1]
        with self._spec.explained(self._variant.tags):
            self._state = create_state(self._variant, scope, trainable, self._spec.checkpoint)

    def __call__(
        self,
        inputs: Any = None,
        signature: Optional[str] = None,
        as_dict: Optional[bool] = None,
        **named: Any,
    ) -> Any:
        """Applies a signature.

        Args:
            inputs: a dict from the signature's input names to tensors, or what
                tf.convert_to_tensor takes; the value alone where there is one
                input; None where there is none.
            signature: its name; None stands for "default".
            as_dict: whether to return all outputs; otherwise the one named
                "default" is returned.
            **named: the inputs by name, in the place of ``inputs``, as other models take them.

        Returns:
            A Tensor, SparseTensor or RaggedTensor; or a dict of them by name.

        Raises:
            NoSuchSignature: if there is no such signature.
            InputsDiffer: if the inputs' names are not the signature's.
            InputNotAccepted: if an input has another type, dtype or shape.
            NoDefaultOutput: if no output is named "default", without as_dict.
            OtherGraph: if the current graph is not the module's.
        """
        return self._applied(inputs, signature, as_dict, named)

    # In a tf.function AutoGraph would rewrite all Python called from here. It
    # asks the method, not the object, whether it may: hence not __call__.
    @tf.autograph.experimental.do_not_convert  # type: ignore
    def _applied(
        self, inputs: Any, signature: Optional[str], as_dict: Optional[bool], named: Dict[str, Any]
    ) -> Any:
        graph = tf.compat.v1.get_default_graph()
        if not is_inside(graph, self._graph):
            raise OtherGraph(action="applied", which="the current graph")
        if not (signature is None or isinstance(signature, str)):
            # Of m(a, b) the second is no input.
            from unihub.errors.arguments import wrong_type

            line = "m.get_input_info_dict()  # several inputs go by these names, in one dict"
            raise wrong_type("signature=", signature, "the name of a signature", line)
        signature = signature or DEFAULT_SIGNATURE
        expected = self.get_input_info_dict(signature)
        returned = self.get_output_info_dict(signature)
        if named:
            inputs = with_named(inputs, named, expected, signature)
        check_supported(expected, signature, "input")
        check_supported(returned, signature, "output")
        outputs = apply_signature(
            self._variant,
            signature,
            fit_inputs(name_inputs(inputs, expected, signature), expected, signature),
            self._state,
            self._trainable,
            f"{self._name}_apply_{_NOT_IN_A_SCOPE.sub('_', signature)}",
        )
        return _returned(outputs, signature, as_dict)

    def get_signature_names(self) -> List[str]:
        """The names of the signatures of this graph variant."""
        return self._variant.signature_names

    def get_input_info_dict(self, signature: Optional[str] = None) -> Dict[str, TensorInfo]:
        """The inputs of a signature; see ModuleSpec.get_input_info_dict."""
        return self._spec.get_input_info_dict(signature, self._variant.tags)

    def get_output_info_dict(self, signature: Optional[str] = None) -> Dict[str, TensorInfo]:
        """The outputs of a signature; see ModuleSpec.get_output_info_dict."""
        return self._spec.get_output_info_dict(signature, self._variant.tags)

    def get_attached_message(
        self, key: str, message_type: Type[Any], required: bool = False
    ) -> Optional[Any]:
        """A message attached to this graph variant; see ModuleSpec.get_attached_message."""
        return self._spec.get_attached_message(
            key, message_type, tags=self._variant.tags, required=required
        )

    def export(self, path: Union[str, os.PathLike[str]], session: tf.compat.v1.Session) -> None:
        """Writes the module with the values that its variables have in a session.

        What is written is the spec's content, all graph variants and assets,
        and not what was built around the module.

        Args:
            path: the folder to write to.
            session: a session of the module's graph.

        Raises:
            OtherGraph: if the current graph or the session's is not the
                module's.
            ModuleExists: if the folder holds a module already.
        """
        if tf.compat.v1.get_default_graph() is not self._graph:
            raise OtherGraph(action="exported", which="the current graph")
        if session.graph is not self._graph:
            raise OtherGraph(action="exported", which="the session's graph")
        self._spec.write(path_text(path), functools.partial(self._state.save, session))

    def __repr__(self) -> str:
        where = f" of {self._spec.folder}" if self._spec.folder else ""
        names = listed(sorted(self.get_signature_names()))
        trained = ", trainable" if self._trainable else ""
        tags = sorted(self._variant.tags)
        return f"<Module {self._name!r}{where}: tags {tags}{trained}, signatures {names}>"

    def _repr_html_(self) -> str:
        from unihub.inspection import loaded
        from unihub.matrix.values import Operation

        if self._spec.folder is None:
            return loaded.object_card(f"Module {self._name!r}", "module")
        with self._graph.as_default():
            return loaded.card(
                self._spec.folder,
                "module",
                all_signatures=True,
                tags=self._variant.tags,
                operation=Operation.FINE_TUNING if self._trainable else Operation.INFERENCE,
            )

    @property
    def variable_map(self) -> VariableMap:
        """From each variable's name in the module to the variable.

        A partitioned variable is the list of its parts. The names are those
        that module_fn gave, without the scope of this instance, so that the map
        fits tf.compat.v1.train.init_from_checkpoint.
        """
        return self._state.variables

    @property
    def variables(self) -> List[tf.Variable]:
        """All variables of the module, in the order of their names."""
        ordered: List[tf.Variable] = []
        for _, value in sorted(self.variable_map.items()):
            ordered.extend(value if isinstance(value, list) else [value])
        return ordered


@contextlib.contextmanager
def eval_function_for_module(
    spec: Union[ModuleSpec, str], tags: Optional[Iterable[str]] = None
) -> Iterator[Callable[..., Any]]:
    """A function that computes a module's signatures on values, without a graph.

    All signatures are built once, in a graph and a session of their own, which
    are closed at the end of the with statement.

    Args:
        spec: a ModuleSpec, or the handle of a module.
        tags: the graph variant; None stands for the one without tags.

    Yields:
        A function with the parameters of Module.__call__ that takes and returns
        values as session.run does.

    Raises:
        NoSuchVariant: if no graph variant has exactly these tags.

    Source: tensorflow_hub 0.15's hub.eval_function_for_module.

    Example:
        >>> with unihub.eval_function_for_module("path/to/module") as evaluate:
        ...     embeddings = evaluate(["a sentence"])
    """
    with tf.Graph().as_default() as graph:
        module = Module(spec, tags=tags)
        inputs: Dict[str, Any] = {}
        outputs: Dict[str, Any] = {}
        for signature in module.get_signature_names():
            infos = module.get_input_info_dict(signature)
            inputs[signature] = {name: _placeholder(info) for name, info in infos.items()}
            outputs[signature] = module(inputs[signature], signature, as_dict=True)
        initializers = [
            tf.compat.v1.global_variables_initializer(),
            tf.compat.v1.tables_initializer(),
        ]

    # Not "with session": the caller's graph stays the default one.
    session = tf.compat.v1.Session(graph=graph)
    is_over = False

    def evaluate(
        inputs_: Any = None, signature: Optional[str] = None, as_dict: Optional[bool] = None
    ) -> Any:
        if is_over:
            raise EvaluationOver()
        signature = signature or DEFAULT_SIGNATURE
        module.get_input_info_dict(signature)
        placeholders = inputs[signature]
        values = name_inputs(inputs_, placeholders, signature)
        feed = {placeholders[name]: value for name, value in values.items()}
        return session.run(_returned(outputs[signature], signature, as_dict), feed)

    try:
        run_initializers(session, initializers)
        yield evaluate
    finally:
        is_over = True
        session.close()


def _not_in_graph_mode(spec: Any) -> NotInGraphMode:
    if isinstance(spec, (str, os.PathLike)):
        handle = pasteable(path_text(spec))
        return NotInGraphMode(remedy=f"m = unihub.load({handle})", spec=handle)
    # Raises for what no graph would help.
    as_module_spec(spec)
    remedy = "with unihub.eval_function_for_module(spec) as evaluate: outputs = evaluate(inputs)"
    return NotInGraphMode(remedy=remedy, spec="spec")


def _returned(outputs: Dict[str, Any], signature: str, as_dict: Optional[bool]) -> Any:
    if as_dict:
        return outputs
    if "default" in outputs:
        return outputs["default"]
    names = sorted(outputs)
    raise NoDefaultOutput(
        signature=repr(signature),
        outputs=listed(names),
        nearest=repr(nearest("default", names)),
    )


def _placeholder(info: TensorInfo) -> Any:
    if info.is_sparse:
        shape = info.get_shape()
        # sparse_placeholder takes None, but not the shape of unknown rank.
        sizes = None if shape.rank is None else shape.as_list()
        return tf.compat.v1.sparse_placeholder(info.dtype, sizes)
    components = [
        tf.compat.v1.placeholder(spec.dtype, spec.shape)
        for spec in tf.nest.flatten(info.type_spec, expand_composites=True)
    ]
    return tf.nest.pack_sequence_as(info.type_spec, components, expand_composites=True)
