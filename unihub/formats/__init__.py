"""Reads what a model's folder holds, bounded, and without TensorFlow or protobuf."""

from __future__ import annotations

from unihub.formats.model import COMPOSITE as COMPOSITE
from unihub.formats.model import DENSE as DENSE
from unihub.formats.model import SPARSE as SPARSE
from unihub.formats.model import FileOverLimit as FileOverLimit
from unihub.formats.model import FormatError as FormatError
from unihub.formats.model import MalformedFile as MalformedFile
from unihub.formats.model import MetaGraph as MetaGraph
from unihub.formats.model import Named as Named
from unihub.formats.model import ObjectGraph as ObjectGraph
from unihub.formats.model import SavedModel as SavedModel
from unihub.formats.model import Shape as Shape
from unihub.formats.model import Signature as Signature
from unihub.formats.model import TensorInfo as TensorInfo
from unihub.formats.model import UnreadableFile as UnreadableFile
from unihub.formats.model import open_saved_model as open_saved_model
from unihub.formats.model import read_ops as read_ops
from unihub.formats.model import read_saved_model as read_saved_model
from unihub.matrix.values import Format as Format
