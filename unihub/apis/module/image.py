"""Facts about the input of an image module: the size and the channels of images."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from google.protobuf import message_factory, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from unihub.apis.module.create import attach_message
from unihub.apis.module.spec import as_module_spec
from unihub.apis.module.variant import DEFAULT_SIGNATURE
from unihub.errors import UnihubError, listed, nearest

IMAGE_MODULE_INFO_KEY = "image_module_info"

_IMAGES = "images"


class NoSuchImageInput(UnihubError, ValueError):
    """The signature has no input of the name that images are expected under."""

    code = "image-no-such-input"
    what = "the signature {signature} has no input {name}."
    why = "images are looked for under that name. (found: {inputs})"
    do = "unihub.get_expected_image_size(spec, signature={signature}, input_name={nearest})"


class ImageSizeUnknown(UnihubError, ValueError):
    """The module leaves the size of its images open."""

    code = "image-size-unknown"
    what = "the module does not say which height and width its images have."
    why = (
        "no ImageModuleInfo with both is attached, and the input {name} of the signature "
        "{signature} has the shape {shape}, where [batch, height, width, channels] would tell."
    )
    do = "choose a size: m({{{name}: tf.image.resize(images, [224, 224])}}, {signature})"


class ImageChannelsUnknown(UnihubError, ValueError):
    """The module leaves the number of channels of its images open."""

    code = "image-channels-unknown"
    what = "the module does not say how many channels its images have."
    why = (
        "the input {name} of the signature {signature} has the shape {shape}, where "
        "[batch, height, width, channels] would tell."
    )
    do = "try RGB: m({{{name}: tf.image.grayscale_to_rgb(images)}}, {signature})"


# The message of tensorflow_hub's image_module_info.proto, which left with 0.16.
_PROTO = """
    name: "tensorflow_hub/image_module_info.proto"
    package: "tensorflow_hub"
    syntax: "proto3"
    message_type {
      name: "ImageModuleInfo"
      field {
        name: "default_image_size"
        number: 1
        label: LABEL_OPTIONAL
        type: TYPE_MESSAGE
        type_name: ".tensorflow_hub.ImageModuleInfo.InputSize"
      }
      nested_type {
        name: "InputSize"
        field { name: "height" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }
        field { name: "width" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 }
      }
      reserved_range { start: 3 end: 4 }
    }
"""


def _message_class(proto: str, name: str) -> Any:
    """The class of a message, in a pool where no other declaration of it can clash."""
    pool = DescriptorPool()
    pool.AddSerializedFile(text_format.Parse(proto, FileDescriptorProto()).SerializeToString())
    # protobuf 4.22 brought the function, 5 took the method away.
    if hasattr(message_factory, "GetMessageClass"):
        class_of = message_factory.GetMessageClass
    else:
        class_of = message_factory.MessageFactory(pool).GetPrototype
    descriptor = pool.FindMessageTypeByName(name)
    message = class_of(descriptor)
    for nested in descriptor.nested_types:
        # protobuf 3 does this for generated code only.
        if not hasattr(message, nested.name):
            setattr(message, nested.name, class_of(nested))
    return message


ImageModuleInfo = _message_class(_PROTO, "tensorflow_hub.ImageModuleInfo")
# Where pickle finds it.
ImageModuleInfo.__module__ = __name__


def attach_image_module_info(image_module_info: Any) -> None:
    """Attaches an ImageModuleInfo; to be called in module_fn.

    Args:
        image_module_info: an ImageModuleInfo message.

    Source: tensorflow_hub 0.15's hub.attach_image_module_info.

    Example:
        >>> info = unihub.ImageModuleInfo()
        >>> info.default_image_size.height, info.default_image_size.width = 224, 224
        >>> unihub.attach_image_module_info(info)
    """
    attach_message(IMAGE_MODULE_INFO_KEY, image_module_info)


def get_image_module_info(module_or_spec: Any, required: bool = False) -> Optional[Any]:
    """The ImageModuleInfo that is attached to a module.

    Args:
        module_or_spec: a Module or ModuleSpec, or the handle of a module.
        required: whether to raise where there is none.

    Returns:
        A new ImageModuleInfo, or None where there is none.

    Raises:
        NoAttachedMessage: if there is none although it is required.

    Source: tensorflow_hub 0.15's image_util.

    Example:
        >>> info = get_image_module_info(unihub.load_module_spec("path/to/module"))
    """
    return _as_module(module_or_spec).get_attached_message(
        IMAGE_MODULE_INFO_KEY, ImageModuleInfo, required=required
    )


def get_expected_image_size(
    module_or_spec: Any, signature: Optional[str] = None, input_name: Optional[str] = None
) -> List[int]:
    """The size that images must have for a module.

    The attached ImageModuleInfo says it, or else the shape of the input.

    Args:
        module_or_spec: a Module or ModuleSpec, or the handle of a module.
        signature: its name; None stands for "default".
        input_name: the input that takes images; None stands for "images".

    Returns:
        The height and the width, in pixels.

    Raises:
        NoSuchImageInput: if the signature has no such input.
        ImageSizeUnknown: if neither source says it.
        NoSuchSignature: if there is no such signature.

    Source: https://www.tensorflow.org/hub/common_signatures/images

    Example:
        >>> height, width = unihub.get_expected_image_size(spec)
        >>> images = tf.image.resize(images, [height, width])
    """
    info = get_image_module_info(module_or_spec)
    if info is not None:
        size = info.default_image_size
        if size.height and size.width:
            return [size.height, size.width]
    shape = _image_shape(module_or_spec, signature, input_name)
    if shape.rank == 4:
        height, width = shape.as_list()[1:3]
        if height and width:
            return [height, width]
    raise ImageSizeUnknown(**_facts(shape, signature, input_name))


def get_num_image_channels(
    module_or_spec: Any, signature: Optional[str] = None, input_name: Optional[str] = None
) -> int:
    """The number of channels that images must have for a module.

    Args:
        module_or_spec: a Module or ModuleSpec, or the handle of a module.
        signature: its name; None stands for "default".
        input_name: the input that takes images; None stands for "images".

    Returns:
        The number of channels, 3 for RGB.

    Raises:
        NoSuchImageInput: if the signature has no such input.
        ImageChannelsUnknown: if its shape leaves it open.
        NoSuchSignature: if there is no such signature.

    Source: https://www.tensorflow.org/hub/common_signatures/images

    Example:
        >>> unihub.get_num_image_channels(spec)
        3
    """
    shape = _image_shape(module_or_spec, signature, input_name)
    channels = shape.as_list()[3] if shape.rank == 4 else None
    if channels is None:
        raise ImageChannelsUnknown(**_facts(shape, signature, input_name))
    return int(channels)


def _as_module(value: Any) -> Any:
    """A Module or ModuleSpec; of a handle its ModuleSpec.

    Raises:
        NotAModuleSpec, NotAModule: for other models and whatever else.
    """
    # By its class, for a model loaded in part would load the rest to answer.
    return value if hasattr(type(value), "get_input_info_dict") else as_module_spec(value)


def _image_shape(module_or_spec: Any, signature: Optional[str], input_name: Optional[str]) -> Any:
    name = _IMAGES if input_name is None else input_name
    inputs = _as_module(module_or_spec).get_input_info_dict(signature)
    if name not in inputs:
        raise NoSuchImageInput(
            signature=repr(signature or DEFAULT_SIGNATURE),
            name=repr(name),
            inputs=listed(sorted(inputs)),
            nearest=repr(nearest(name, sorted(inputs))),
        )
    return inputs[name].get_shape()


def _facts(shape: Any, signature: Optional[str], input_name: Optional[str]) -> Dict[str, str]:
    return {
        "name": repr(_IMAGES if input_name is None else input_name),
        "signature": repr(signature or DEFAULT_SIGNATURE),
        "shape": "<unknown>" if shape.rank is None else str(shape.as_list()),
    }
