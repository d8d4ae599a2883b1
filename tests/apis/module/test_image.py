"""ImageModuleInfo and what it says, also between unihub and tensorflow_hub."""

from __future__ import annotations

import copy
import functools
import importlib
import pickle
from typing import Any

import pytest
import tensorflow as tf
from golden import check_golden
from google.protobuf.any_pb2 import Any as AnyMessage

from unihub.apis.module.create import add_signature, create_module_spec
from unihub.apis.module.errors import NoAttachedMessage, NoSuchSignature
from unihub.apis.module.image import (
    ImageModuleInfo,
    attach_image_module_info,
    get_expected_image_size,
    get_image_module_info,
    get_num_image_channels,
)
from unihub.apis.module.module import Module
from unihub.apis.module.spec import load_module_spec
from unihub.errors import UnihubError

v1 = tf.compat.v1

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
needs_real = pytest.mark.skipif(
    VERSION >= (2, 16), reason="no tensorflow_hub has hub.Module for TensorFlow 2.16 and later"
)


@pytest.fixture
def real() -> Any:
    return importlib.import_module("tensorflow_hub")


def info_of(height: int = 0, width: int = 0, message: Any = ImageModuleInfo) -> Any:
    info = message()
    info.default_image_size.height = height
    info.default_image_size.width = width
    return info


def image_fn(
    shape: Any, info: Any = None, attach: Any = attach_image_module_info, sign: Any = add_signature
) -> None:
    images = v1.placeholder(tf.float32, shape, name="images")
    scale = v1.get_variable("scale", initializer=2.0)
    sign(inputs={"images": images}, outputs=tf.reduce_sum(images) * scale)
    if info is not None:
        attach(info)


def spec_of(shape: Any, info: Any = None) -> Any:
    return create_module_spec(functools.partial(image_fn, shape, info))


def exported(module_class: Any, spec: Any, path: Any) -> str:
    with tf.Graph().as_default(), v1.Session() as session:
        module = module_class(spec)
        session.run(v1.global_variables_initializer())
        module.export(str(path), session)
    return str(path)


def test_message_starts_empty():
    info = ImageModuleInfo()
    assert not info.HasField("default_image_size")
    assert (info.default_image_size.height, info.default_image_size.width) == (0, 0)
    assert info.SerializeToString() == b""


def test_message_holds_size():
    info = ImageModuleInfo(default_image_size=ImageModuleInfo.InputSize(height=3, width=4))
    assert info.HasField("default_image_size")
    assert info.SerializeToString() == b"\n\x04\x08\x03\x10\x04"
    assert str(info) == "default_image_size {\n  height: 3\n  width: 4\n}\n"


def test_message_is_parsed_and_copied():
    info = ImageModuleInfo.FromString(b"\n\x04\x08\x03\x10\x04")
    twin, parsed = ImageModuleInfo(), ImageModuleInfo()
    twin.CopyFrom(info)
    parsed.ParseFromString(info.SerializeToString())
    copies = [info, twin, parsed, copy.deepcopy(info), pickle.loads(pickle.dumps(info))]
    assert copies == [info_of(3, 4)] * 5


def test_message_has_its_published_name():
    packed = AnyMessage()
    packed.Pack(info_of(3, 4))
    assert packed.type_url == "type.googleapis.com/tensorflow_hub.ImageModuleInfo"


@needs_real
def test_message_goes_to_and_from_tensorflow_hub(real):
    ours, theirs = info_of(3, 4), info_of(3, 4, real.ImageModuleInfo)
    assert ours.SerializeToString() == theirs.SerializeToString()
    packed, unpacked = AnyMessage(), real.ImageModuleInfo()
    packed.Pack(ours)
    assert packed.Unpack(unpacked) and unpacked == theirs
    packed, unpacked = AnyMessage(), ImageModuleInfo()
    packed.Pack(theirs)
    assert packed.Unpack(unpacked) and unpacked == ours


@pytest.mark.parametrize(
    ("shape", "info", "expected"),
    [
        ([None, 4, 5, 3], None, [4, 5]),
        ([None, None, None, 3], info_of(6, 7), [6, 7]),
        ([None, 4, 5, 3], info_of(6, 7), [6, 7]),
        ([None, 4, 5, 3], info_of(height=6), [4, 5]),
        ([None, 4, 5, 3], ImageModuleInfo(), [4, 5]),
        (None, info_of(6, 7), [6, 7]),
    ],
)
def test_expected_size(shape, info, expected):
    spec = spec_of(shape, info)
    assert get_expected_image_size(spec) == expected
    with tf.Graph().as_default():
        assert get_expected_image_size(Module(spec)) == expected


def test_number_of_channels():
    spec = spec_of([None, None, None, 4])
    assert get_num_image_channels(spec) == 4
    assert get_num_image_channels(spec, signature="default", input_name="images") == 4


def test_module_of_tensorflow_1(models):
    spec = load_module_spec(str(models / "tf1_hub_image"))
    assert get_expected_image_size(spec) == [8, 8]
    assert get_num_image_channels(spec, signature="image_feature_vector") == 3


def test_a_handle_stands_for_its_module(models):
    assert get_expected_image_size(models / "tf1_hub_image") == [8, 8]
    assert get_num_image_channels(str(models / "tf1_hub_image")) == 3
    with pytest.raises(UnihubError, match="is a TF2 SavedModel, not a TF1 Hub module"):
        get_expected_image_size(str(models / "tf2_reusable"))


def test_info_is_exported(tmp_path):
    path = exported(Module, spec_of(None, info_of(6, 7)), tmp_path / "module")
    assert get_image_module_info(load_module_spec(path), required=True) == info_of(6, 7)


def test_no_info():
    spec = spec_of([None, 4, 5, 3])
    assert get_image_module_info(spec) is None
    with pytest.raises(NoAttachedMessage):
        get_image_module_info(spec, required=True)


@needs_real
def test_tensorflow_hub_reads_what_unihub_wrote(real, tmp_path):
    path = exported(Module, spec_of([None, None, None, 3], info_of(6, 7)), tmp_path / "module")
    spec = real.load_module_spec(path)
    assert real.get_expected_image_size(spec) == get_expected_image_size(spec) == [6, 7]
    assert real.get_num_image_channels(spec) == get_num_image_channels(spec) == 3


@needs_real
def test_unihub_reads_what_tensorflow_hub_wrote(real, tmp_path):
    info = info_of(6, 7, real.ImageModuleInfo)
    attach, sign = real.attach_image_module_info, real.add_signature
    spec = real.create_module_spec(
        functools.partial(image_fn, [None, None, None, 3], info, attach, sign)
    )
    path = exported(real.Module, spec, tmp_path / "module")
    assert get_expected_image_size(load_module_spec(path)) == [6, 7]
    assert get_num_image_channels(load_module_spec(path)) == 3


@pytest.mark.parametrize(
    ("case", "ask", "shape"),
    [
        ("image-size-unknown", get_expected_image_size, [None, None, None, 3]),
        ("image-size-unknown-rank", get_expected_image_size, None),
        ("image-channels-unknown", get_num_image_channels, [None, 4, 5]),
        ("image-channels-unknown-rank", get_num_image_channels, None),
    ],
)
def test_open_shape(case, ask, shape):
    with pytest.raises(ValueError) as raised:
        ask(spec_of(shape))
    assert isinstance(raised.value, UnihubError)
    with tf.Graph().as_default():
        at_hand = {"m": Module(spec_of(shape)), "images": tf.zeros([1, 4, 5, 3])}
        if "channels" in case:
            at_hand["images"] = tf.zeros([1, 4, 5, 1])
        check_golden(case, str(raised.value), at_hand)


@pytest.mark.parametrize("ask", [get_expected_image_size, get_num_image_channels])
def test_no_such_input(ask):
    with pytest.raises(ValueError) as raised:
        ask(spec_of([None, 4, 5, 3]), input_name="image")
    assert isinstance(raised.value, UnihubError)
    spec = spec_of([None, 4, 5, 3])
    check_golden("image-no-such-input", str(raised.value), {"spec": spec})


def test_no_such_signature():
    with pytest.raises(NoSuchSignature):
        get_num_image_channels(spec_of([None, 4, 5, 3]), signature="absent")
