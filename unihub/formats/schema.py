"""The part of TensorFlow's message definitions that unihub reads, as data.

Each message lists only the fields to decode; readers pass over the rest.
A map field is, as in the wire format, a repeated message of a key and a value.

Source: the .proto files in tensorflow/core/protobuf and tensorflow/core/framework
of TensorFlow 2.21, saved_metadata.proto of Keras 2.15, and module_def.proto,
module_attachment.proto and image_module_info.proto of tensorflow_hub 0.12.
"""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple, Tuple

INT = "int"
INT32 = "int32"
# Of 32 bits, repeated; `Message.numbers` reads them, packed or not.
INTS = "repeated int32"
# Zigzag-encoded on the wire.
SIGNED = "sint"
BOOL = "bool"
# Kept as its 64 bits: `Message.real` converts.
DOUBLE = "double"
# Of interest for being there.
FLOAT = "float"
STRING = "string"
# Length-delimited, of interest for being there; `Message.contents` copies it.
PRESENCE = "presence"
DATA_TYPE = "DataType"

NUMBERS = (INT, INT32, SIGNED, BOOL, DOUBLE, FLOAT, DATA_TYPE)
SCALARS = (*NUMBERS, INTS, STRING, PRESENCE)


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: the field's number on the wire.
        name: the field's name in text.
        type: one of SCALARS, or the name of a message in MESSAGES.
        in_oneof: whether setting it unsets other fields.
    """

    number: int
    name: str
    type: str
    in_oneof: bool = False


MESSAGES: Mapping[str, Tuple[Field, ...]] = {
    "SavedModel": (Field(2, "meta_graphs", "MetaGraphDef"),),
    "MetaGraphDef": (
        Field(1, "meta_info_def", "MetaInfoDef"),
        Field(2, "graph_def", "GraphDef"),
        Field(3, "saver_def", "SaverDef"),
        Field(4, "collection_def", "CollectionEntry"),
        Field(5, "signature_def", "SignatureEntry"),
        Field(6, "asset_file_def", "AssetFileDef"),
        Field(7, "object_graph_def", "SavedObjectGraph"),
    ),
    "MetaInfoDef": (
        Field(2, "stripped_op_list", "OpList"),
        Field(4, "tags", STRING),
        Field(5, "tensorflow_version", STRING),
    ),
    "OpList": (Field(1, "op", "OpDef"),),
    "OpDef": (Field(1, "name", STRING), Field(2, "input_arg", "ArgDef")),
    "ArgDef": (
        Field(1, "name", STRING),
        Field(5, "number_attr", STRING),
        Field(6, "type_list_attr", STRING),
    ),
    "GraphDef": (
        Field(1, "node", "NodeDef"),
        Field(2, "library", "FunctionDefLibrary"),
    ),
    "NodeDef": (
        Field(1, "name", STRING),
        Field(2, "op", STRING),
        Field(3, "input", STRING),
        Field(5, "attr", "AttrEntry"),
    ),
    "AttrEntry": (Field(1, "key", STRING), Field(2, "value", "AttrValue")),
    "AttrValue": (
        Field(1, "list", "AttrList", in_oneof=True),
        Field(2, "s", PRESENCE, in_oneof=True),
        Field(3, "i", INT, in_oneof=True),
        Field(4, "f", FLOAT, in_oneof=True),
        Field(5, "b", BOOL, in_oneof=True),
        Field(6, "type", DATA_TYPE, in_oneof=True),
        Field(7, "shape", "TensorShapeProto", in_oneof=True),
        Field(8, "tensor", "TensorProto", in_oneof=True),
        Field(9, "placeholder", PRESENCE, in_oneof=True),
        Field(10, "func", "NameAttrList", in_oneof=True),
    ),
    "AttrList": (
        Field(2, "s", PRESENCE),
        Field(7, "shape", "TensorShapeProto"),
        Field(9, "func", "NameAttrList"),
    ),
    "NameAttrList": (Field(1, "name", STRING), Field(2, "attr", "AttrEntry")),
    "TensorProto": (
        Field(1, "dtype", DATA_TYPE),
        Field(2, "tensor_shape", "TensorShapeProto"),
        Field(4, "tensor_content", PRESENCE),
        Field(8, "string_val", PRESENCE),
    ),
    "FunctionDefLibrary": (
        Field(1, "function", "FunctionDef"),
        Field(2, "gradient", "GradientDef"),
        Field(3, "registered_gradients", "RegisteredGradient"),
    ),
    "GradientDef": (Field(1, "function_name", STRING), Field(2, "gradient_func", STRING)),
    "RegisteredGradient": (
        Field(1, "gradient_func", STRING),
        Field(2, "registered_op_type", STRING),
    ),
    "FunctionDef": (
        Field(1, "signature", "OpDef"),
        Field(3, "node_def", "NodeDef"),
        Field(5, "attr", "AttrEntry"),
    ),
    "SaverDef": (
        Field(1, "filename_tensor_name", STRING),
        Field(2, "save_tensor_name", STRING),
        Field(3, "restore_op_name", STRING),
    ),
    "CollectionEntry": (Field(1, "key", STRING), Field(2, "value", "CollectionDef")),
    "CollectionDef": (
        Field(1, "node_list", "ValueList", in_oneof=True),
        Field(2, "bytes_list", "ValueList", in_oneof=True),
        Field(3, "int64_list", PRESENCE, in_oneof=True),
        Field(4, "float_list", PRESENCE, in_oneof=True),
        Field(5, "any_list", "AnyList", in_oneof=True),
    ),
    "ValueList": (Field(1, "value", PRESENCE),),
    "AnyList": (Field(1, "value", "Any"),),
    "Any": (Field(2, "value", "AssetFileDef"),),
    "AssetFileDef": (Field(1, "tensor_info", "TensorInfo"), Field(2, "filename", STRING)),
    "SignatureEntry": (Field(1, "key", STRING), Field(2, "value", "SignatureDef")),
    "SignatureDef": (
        Field(1, "inputs", "TensorInfoEntry"),
        Field(2, "outputs", "TensorInfoEntry"),
        Field(3, "method_name", STRING),
    ),
    "TensorInfoEntry": (Field(1, "key", STRING), Field(2, "value", "TensorInfo")),
    "TensorInfo": (
        Field(1, "name", STRING, in_oneof=True),
        Field(2, "dtype", DATA_TYPE),
        Field(3, "tensor_shape", "TensorShapeProto"),
        Field(4, "coo_sparse", "CooSparse", in_oneof=True),
        Field(5, "composite_tensor", "CompositeTensor", in_oneof=True),
    ),
    "CooSparse": (
        Field(1, "values_tensor_name", STRING),
        Field(2, "indices_tensor_name", STRING),
        Field(3, "dense_shape_tensor_name", STRING),
    ),
    "CompositeTensor": (
        Field(1, "type_spec", "TypeSpecProto"),
        Field(2, "components", "TensorInfo"),
    ),
    "TypeSpecProto": (
        Field(2, "type_state", "StructuredValue"),
        Field(3, "type_spec_class_name", STRING),
    ),
    "TensorShapeProto": (Field(2, "dim", "Dim"), Field(3, "unknown_rank", BOOL)),
    "Dim": (Field(1, "size", INT),),
    "TensorSpecProto": (
        Field(1, "name", STRING),
        Field(2, "shape", "TensorShapeProto"),
        Field(3, "dtype", DATA_TYPE),
    ),
    "StructuredValue": (
        Field(1, "none_value", PRESENCE, in_oneof=True),
        Field(11, "float64_value", DOUBLE, in_oneof=True),
        Field(12, "int64_value", SIGNED, in_oneof=True),
        Field(13, "string_value", STRING, in_oneof=True),
        Field(14, "bool_value", BOOL, in_oneof=True),
        Field(31, "tensor_shape_value", "TensorShapeProto", in_oneof=True),
        Field(32, "tensor_dtype_value", DATA_TYPE, in_oneof=True),
        Field(33, "tensor_spec_value", "TensorSpecProto", in_oneof=True),
        Field(34, "type_spec_value", "TypeSpecProto", in_oneof=True),
        Field(35, "bounded_tensor_spec_value", "TensorSpecProto", in_oneof=True),
        Field(51, "list_value", "StructuredValueList", in_oneof=True),
        Field(52, "tuple_value", "StructuredValueList", in_oneof=True),
        Field(53, "dict_value", "DictValue", in_oneof=True),
        Field(54, "named_tuple_value", "NamedTupleValue", in_oneof=True),
        Field(55, "tensor_value", PRESENCE, in_oneof=True),
        Field(56, "numpy_value", PRESENCE, in_oneof=True),
    ),
    "StructuredValueList": (Field(1, "values", "StructuredValue"),),
    "DictValue": (Field(1, "fields", "PairValue"),),
    "NamedTupleValue": (
        Field(1, "name", STRING),
        Field(2, "values", "PairValue"),
    ),
    "PairValue": (Field(1, "key", STRING), Field(2, "value", "StructuredValue")),
    "SavedObjectGraph": (
        Field(1, "nodes", "SavedObject"),
        Field(2, "concrete_functions", "ConcreteFunctionEntry"),
    ),
    "ConcreteFunctionEntry": (
        Field(1, "key", STRING),
        Field(2, "value", "SavedConcreteFunction"),
    ),
    "SavedConcreteFunction": (
        Field(2, "bound_inputs", INTS),
        Field(3, "canonicalized_input_signature", "StructuredValue"),
    ),
    "SavedObject": (
        Field(1, "children", "ObjectReference"),
        Field(4, "user_object", "SavedUserObject", in_oneof=True),
        Field(5, "asset", "SavedAsset", in_oneof=True),
        Field(6, "function", "SavedFunction", in_oneof=True),
        Field(7, "variable", "SavedVariable", in_oneof=True),
        Field(8, "bare_concrete_function", "SavedBareConcreteFunction", in_oneof=True),
        Field(9, "constant", "SavedConstant", in_oneof=True),
        Field(10, "resource", PRESENCE, in_oneof=True),
        Field(11, "saveable_objects", "SaveableEntry"),
        Field(12, "captured_tensor", PRESENCE, in_oneof=True),
        Field(13, "registered_name", STRING),
        Field(15, "dependencies", "ObjectReference"),
    ),
    "ObjectReference": (Field(1, "node_id", INT32), Field(2, "local_name", STRING)),
    "SavedUserObject": (Field(1, "identifier", STRING), Field(3, "metadata", PRESENCE)),
    "SavedConstant": (Field(1, "operation", STRING),),
    "SavedAsset": (Field(1, "asset_file_def_index", INT32),),
    "SavedVariable": (
        Field(1, "dtype", DATA_TYPE),
        Field(2, "shape", "TensorShapeProto"),
        Field(3, "trainable", BOOL),
        Field(6, "name", STRING),
    ),
    "SavedBareConcreteFunction": (
        Field(1, "concrete_function_name", STRING),
        Field(2, "argument_keywords", STRING),
        Field(3, "allowed_positional_arguments", INT),
    ),
    "SaveableEntry": (Field(1, "key", STRING), Field(2, "value", "SaveableObject")),
    "SaveableObject": (Field(2, "save_function", INT32), Field(3, "restore_function", INT32)),
    "SavedFunction": (
        Field(1, "concrete_functions", STRING),
        Field(2, "function_spec", "FunctionSpec"),
    ),
    "FunctionSpec": (Field(1, "fullargspec", "StructuredValue"), Field(2, "is_method", BOOL)),
    "ModuleDef": (Field(1, "format", INT32), Field(2, "required_features", STRING)),
    "ModuleAttachment": (Field(1, "key", STRING), Field(2, "value", PRESENCE)),
    "ImageModuleInfo": (Field(1, "default_image_size", "ImageSize"),),
    "ImageSize": (Field(1, "height", INT), Field(2, "width", INT)),
    "VariableDef": (
        Field(1, "variable_name", STRING),
        Field(2, "initializer_name", STRING),
        Field(3, "snapshot_name", STRING),
        Field(4, "save_slice_info_def", "SaveSliceInfoDef"),
        Field(7, "trainable", BOOL),
    ),
    "SaveSliceInfoDef": (Field(1, "full_name", STRING),),
    "KerasMetadata": (Field(1, "nodes", "KerasObject"),),
    "KerasObject": (
        Field(3, "node_path", STRING),
        Field(4, "identifier", STRING),
        Field(5, "metadata", PRESENCE),
    ),
    "BundleHeader": (Field(1, "num_shards", INT32),),
    "BundleEntry": (
        Field(1, "dtype", DATA_TYPE),
        Field(2, "shape", "TensorShapeProto"),
        Field(3, "shard_id", INT32),
        Field(4, "offset", INT),
        Field(5, "size", INT),
        Field(7, "slices", PRESENCE),
    ),
}

FIELD_TYPES: Mapping[Tuple[str, str], str] = {
    (message, field.name): field.type for message, fields in MESSAGES.items() for field in fields
}

# Number, name in text without "DT_", name of the tf.DType.
_DATA_TYPES: Tuple[Tuple[int, str, str], ...] = (
    (0, "INVALID", "invalid"),
    (1, "FLOAT", "float32"),
    (2, "DOUBLE", "float64"),
    (3, "INT32", "int32"),
    (4, "UINT8", "uint8"),
    (5, "INT16", "int16"),
    (6, "INT8", "int8"),
    (7, "STRING", "string"),
    (8, "COMPLEX64", "complex64"),
    (9, "INT64", "int64"),
    (10, "BOOL", "bool"),
    (11, "QINT8", "qint8"),
    (12, "QUINT8", "quint8"),
    (13, "QINT32", "qint32"),
    (14, "BFLOAT16", "bfloat16"),
    (15, "QINT16", "qint16"),
    (16, "QUINT16", "quint16"),
    (17, "UINT16", "uint16"),
    (18, "COMPLEX128", "complex128"),
    (19, "HALF", "float16"),
    (20, "RESOURCE", "resource"),
    (21, "VARIANT", "variant"),
    (22, "UINT32", "uint32"),
    (23, "UINT64", "uint64"),
    (24, "FLOAT8_E5M2", "float8_e5m2"),
    (25, "FLOAT8_E4M3FN", "float8_e4m3fn"),
    (26, "FLOAT8_E4M3FNUZ", "float8_e4m3fnuz"),
    (27, "FLOAT8_E4M3B11FNUZ", "float8_e4m3b11fnuz"),
    (28, "FLOAT8_E5M2FNUZ", "float8_e5m2fnuz"),
    (29, "INT4", "int4"),
    (30, "UINT4", "uint4"),
    (31, "INT2", "int2"),
    (32, "UINT2", "uint2"),
    (33, "FLOAT4_E2M1FN", "float4_e2m1fn"),
)
_REF_OFFSET = 100


def _with_references() -> Tuple[Dict[str, int], Dict[int, str]]:
    numbers: Dict[str, int] = {}
    names: Dict[int, str] = {}
    for number, text, name in _DATA_TYPES:
        numbers[f"DT_{text}"] = number
        names[number] = name
        if number:
            numbers[f"DT_{text}_REF"] = number + _REF_OFFSET
            names[number + _REF_OFFSET] = f"{name}_ref"
    return numbers, names


DATA_TYPE_NUMBERS, _DTYPE_NAMES = _with_references()


def dtype_name(number: int) -> str:
    """The name of a tf.DType, such as ``"float32"``, by its number in files."""
    return _DTYPE_NAMES.get(number, f"unknown ({number})")
