"""What an op of a graph can do outside of it, as data."""

from __future__ import annotations

from enum import Enum
from typing import Mapping, NamedTuple, Tuple


class Severity(str, Enum):
    """How much a finding matters."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


class Danger(NamedTuple):
    """What an op does.

    Attributes:
        effect: in words, for people.
        paths: indices of the inputs that name files or addresses; none for all.
        attribute: the attribute that names them.
        harmless: values with which the op does nothing of the kind; a value ends
            with ``*`` where only its beginning counts.
    """

    severity: Severity
    effect: str
    paths: Tuple[int, ...] = ()
    attribute: str = ""
    harmless: Tuple[bytes, ...] = ()


_CRITICAL, _HIGH, _MEDIUM = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM

PYTHON = "runs Python code that is registered in the process"
NATIVE = "runs machine code that unihub cannot read"
UNKNOWN = "is no op of TensorFlow: a library with machine code must be loaded for it"
NESTED = "builds a dataset from a graph that is held as a string"
ENDS = "ends the process"
WRITES = "writes files"
CONNECTS = "connects to the network"
READS = "reads files"
DEBUGS = "sends tensors to a file or to the network"
CONFIGURES = "changes how TensorFlow reaches file systems"


def _reading(path: int, *ops: str) -> Mapping[str, Danger]:
    return {op: Danger(_MEDIUM, READS, (path,)) for op in ops}


def _writing(path: int, *ops: str) -> Mapping[str, Danger]:
    return {op: Danger(_HIGH, WRITES, (path,)) for op in ops}


def _connecting(*ops: str) -> Mapping[str, Danger]:
    return {op: Danger(_HIGH, CONNECTS) for op in ops}


DANGERS: Mapping[str, Danger] = {
    **{
        op: Danger(_CRITICAL, PYTHON, attribute="token")
        for op in ("PyFunc", "PyFuncStateless", "EagerPyFunc")
    },
    "DatasetFromGraph": Danger(_CRITICAL, NESTED, (0,)),
    "XlaCustomCall": Danger(_CRITICAL, NATIVE, attribute="target_name"),
    "XlaCustomCallV2": Danger(_CRITICAL, NATIVE, attribute="call_target_name"),
    "XlaCallModule": Danger(_CRITICAL, NATIVE, attribute="module"),
    "TRTEngineOp": Danger(_CRITICAL, NATIVE, attribute="segment_func"),
    "RemoteCall": Danger(_CRITICAL, "runs a function on a device that it names", (0,)),
    "RemoteFusedGraphExecute": Danger(_CRITICAL, NATIVE),
    "Abort": Danger(_CRITICAL, ENDS),
    **_writing(
        0,
        "WriteFile",
        "Save",
        "SaveSlices",
        "SaveV2",
    ),
    **_writing(
        1,
        "MergeV2Checkpoints",
        "SaveDataset",
        "SaveDatasetV2",
        "DistributedSave",
        "SnapshotDataset",
        "SnapshotDatasetV2",
        "DatasetToTFRecord",
        "ExperimentalDatasetToTFRecord",
        "CreateSummaryFileWriter",
        "CreateSummaryDbWriter",
        "SqlDataset",
        "ExperimentalSqlDataset",
    ),
    "CacheDataset": Danger(_HIGH, WRITES, (1,), harmless=(b"",)),
    "CacheDatasetV2": Danger(_HIGH, WRITES, (1,), harmless=(b"",)),
    "DumpTensor": Danger(_HIGH, WRITES, attribute="log_dir_path"),
    "PrintV2": Danger(
        _HIGH,
        WRITES,
        attribute="output_stream",
        harmless=(b"stderr", b"stdout", b"log(*"),
    ),
    **{
        op: Danger(_HIGH, DEBUGS, attribute="debug_urls", harmless=(b"memcbk://*",))
        for op in (
            "DebugIdentity",
            "DebugIdentityV2",
            "DebugIdentityV3",
            "DebugNanCount",
            "DebugNumericSummary",
        )
    },
    **_connecting(
        "DataServiceDataset",
        "DataServiceDatasetV2",
        "DataServiceDatasetV3",
        "DataServiceDatasetV4",
        "RegisterDataset",
        "RegisterDatasetV2",
        "RpcClient",
        "RpcServer",
        "RpcServerStart",
        "RpcCall",
        "Rpc",
        "TryRpc",
        "BigQueryReader",
    ),
    "FileSystemSetConfiguration": Danger(_HIGH, CONFIGURES),
    "GcsConfigureCredentials": Danger(_HIGH, CONFIGURES),
    **_reading(
        0,
        "ReadFile",
        "MatchingFiles",
        "MatchingFilesDataset",
        "ExperimentalMatchingFilesDataset",
        "TextLineDataset",
        "TFRecordDataset",
        "TFRecordDatasetV2",
        "FixedLengthRecordDataset",
        "FixedLengthRecordDatasetV2",
        "CSVDataset",
        "CSVDatasetV2",
        "ExperimentalCSVDataset",
        "LMDBDataset",
        "ExperimentalLMDBDataset",
        "LoadDataset",
        "ListSnapshotChunksDataset",
        "SnapshotChunkDataset",
        "SnapshotDatasetReader",
        "SnapshotNestedDatasetReader",
        "Restore",
        "RestoreSlice",
        "RestoreV2",
        "LoadAndRemapMatrix",
        "GenerateVocabRemapping",
    ),
    **_reading(1, "InitializeTableFromTextFile", "InitializeTableFromTextFileV2"),
    **{
        op: Danger(_MEDIUM, READS)
        for op in (
            "WholeFileReader",
            "WholeFileReaderV2",
            "TextLineReader",
            "TextLineReaderV2",
            "TFRecordReader",
            "TFRecordReaderV2",
            "FixedLengthRecordReader",
            "FixedLengthRecordReaderV2",
            "LMDBReader",
        )
    },
    "ImmutableConst": Danger(_MEDIUM, READS, attribute="memory_region_name"),
    **{
        op: Danger(
            _MEDIUM,
            READS,
            attribute="descriptor_source",
            harmless=(b"", b"local://", b"bytes://*"),
        )
        for op in ("DecodeProtoV2", "EncodeProto")
    },
}

# What the functions that TensorFlow itself adds to save and restore variables use.
SAVER_OPS = frozenset(("Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints"))
RESTORER_OPS = frozenset(("Restore", "RestoreSlice", "RestoreV2"))

# Files that run code when the wrong program opens them, by their ending.
FILES: Mapping[str, Tuple[Severity, str]] = {
    ending: (severity, effect)
    for severity, effect, endings in (
        (
            _MEDIUM,
            "is machine code, which TensorFlow runs if it is told to load it",
            (".so", ".dylib", ".dll", ".pyd"),
        ),
        (
            _MEDIUM,
            "is a pickle, which runs code when Python opens it",
            (".pkl", ".pickle", ".joblib", ".pt", ".pth"),
        ),
        (
            Severity.LOW,
            "is a Keras file, which may hold code; unihub does not open it",
            (".h5", ".hdf5", ".keras"),
        ),
    )
    for ending in endings
}
LAMBDA = (
    "holds Python code of a Lambda layer, which runs when tf.keras.models.load_model opens it; "
    "unihub does not open it"
)
REMOTE = "names a place in the network"
ESCAPES = "is an asset outside of the model's folder; unihub refuses to load it"
