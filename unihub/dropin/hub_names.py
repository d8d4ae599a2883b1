"""The public names of tensorflow_hub 0.12 to 0.16, by the submodule that defines each."""

from __future__ import annotations

NEWEST_RELEASE = "0.16.1"

SUBMODULES = {
    "estimator": ("LatestModuleExporter", "register_module_for_export"),
    "feature_column": (
        "image_embedding_column",
        "sparse_text_embedding_column",
        "text_embedding_column",
    ),
    "feature_column_v2": ("text_embedding_column_v2",),
    "image_module_info_pb2": ("ImageModuleInfo",),
    "image_util": (
        "ImageModuleInfo",
        "attach_image_module_info",
        "get_expected_image_size",
        "get_num_image_channels",
    ),
    "keras_layer": ("KerasLayer",),
    "module": ("Module", "eval_function_for_module", "load_module_spec"),
    "module_spec": ("ModuleSpec",),
    "module_v2": ("load", "resolve"),
    "native_module": ("add_signature", "attach_message", "create_module_spec"),
    "saved_model_module": ("create_module_spec_from_saved_model",),
    "version": ("__version__",),
}

# The programs that releases up to 0.12 carry.
TOOLS = "tools"

# What no script is meant to import, and some do.
INTERNAL_SUBMODULES = (
    "compressed_module_resolver",
    "config",
    "file_utils",
    "meta_graph_lib",
    "module_attachment_pb2",
    "module_def_pb2",
    "module_impl",
    "registry",
    "resolver",
    "saved_model_lib",
    "tensor_info",
    "tf_utils",
    TOOLS,
    "uncompressed_module_resolver",
)

NAMES = tuple(sorted({name for names in SUBMODULES.values() for name in names} - {"__version__"}))

# `from tensorflow_hub import *` leaves this one out.
STAR_NAMES = tuple(name for name in NAMES if name != "eval_function_for_module")

# Those of the hub.Module API.
MODULE_API = tuple(name for name in NAMES if name not in ("KerasLayer", "load", "resolve"))
