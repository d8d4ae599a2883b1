"""The part of TensorFlow's message definitions that unihub reads, as data.

Each message lists only the fields to decode; readers pass over the rest.
A map field is, as in the wire format, a repeated message of a key and a value.

Source: the .proto files in tensorflow/core/protobuf and tensorflow/core/framework
of TensorFlow 2.21, and module_def.proto of tensorflow_hub 0.12.
"""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple, Tuple

INT = "int"
BOOL = "bool"
STRING = "string"
# Length-delimited, of interest only for being there.
PRESENCE = "presence"
DATA_TYPE = "DataType"

SCALARS = (INT, BOOL, STRING, PRESENCE, DATA_TYPE)


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
    "OpDef": (Field(1, "name", STRING),),
    "GraphDef": (
        Field(1, "node", "NodeDef"),
        Field(2, "library", "FunctionDefLibrary"),
    ),
    "NodeDef": (Field(1, "name", STRING), Field(2, "op", STRING)),
    "FunctionDefLibrary": (Field(1, "function", "FunctionDef"),),
    "FunctionDef": (
        Field(1, "signature", "OpDef"),
        Field(3, "node_def", "NodeDef"),
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
    "AssetFileDef": (Field(2, "filename", STRING),),
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
    "StructuredValue": (
        Field(13, "string_value", STRING, in_oneof=True),
        Field(31, "tensor_shape_value", "TensorShapeProto", in_oneof=True),
        Field(32, "tensor_dtype_value", DATA_TYPE, in_oneof=True),
        Field(51, "list_value", "StructuredValueList", in_oneof=True),
        Field(52, "tuple_value", "StructuredValueList", in_oneof=True),
        Field(54, "named_tuple_value", "NamedTupleValue", in_oneof=True),
    ),
    "StructuredValueList": (Field(1, "values", "StructuredValue"),),
    "NamedTupleValue": (Field(2, "values", "PairValue"),),
    "PairValue": (Field(1, "key", STRING), Field(2, "value", "StructuredValue")),
    "SavedObjectGraph": (Field(1, "nodes", "SavedObject"),),
    "SavedObject": (
        Field(1, "children", "ObjectReference"),
        Field(4, "user_object", "SavedUserObject", in_oneof=True),
        Field(5, "asset", PRESENCE, in_oneof=True),
        Field(6, "function", "SavedFunction", in_oneof=True),
        Field(7, "variable", PRESENCE, in_oneof=True),
        Field(8, "bare_concrete_function", PRESENCE, in_oneof=True),
        Field(9, "constant", PRESENCE, in_oneof=True),
        Field(10, "resource", PRESENCE, in_oneof=True),
        Field(12, "captured_tensor", PRESENCE, in_oneof=True),
    ),
    "ObjectReference": (Field(1, "node_id", INT), Field(2, "local_name", STRING)),
    "SavedUserObject": (Field(1, "identifier", STRING),),
    "SavedFunction": (Field(2, "function_spec", "FunctionSpec"),),
    "FunctionSpec": (Field(1, "fullargspec", "StructuredValue"),),
    "ModuleDef": (Field(1, "format", INT), Field(2, "required_features", STRING)),
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


DATA_TYPE_NUMBERS, DTYPE_NAMES = _with_references()
