"""Dangers of ops outside of their graph, as data: every op that TensorFlow registers is judged.

`DANGERS` has those that touch files, the network, the host or code that is not the graph's;
harmless_ops.txt has the others. An op that is in neither is itself a finding.

Source: REGISTER_OP and the kernels of TensorFlow 1.15.5 to 2.21.0, tf.contrib of 1.15,
tensorflow_text 2.15, tensorflow_addons 0.23, tensorflow_decision_forests 1.8,
tensorflow_io 0.36, tensorflow_recommenders_addons 0.7 and struct2tensor 0.46.
"""

from __future__ import annotations

import os
from enum import Enum
from functools import lru_cache
from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Tuple


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
    """An effect of an op.

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
NATIVE = "runs machine code or a program that unihub cannot read"
PROGRAM = "starts the program ffmpeg"
MEMORY = "reads the memory of the process at an address that it names"
NESTED = "builds a dataset from a graph that is held as a string"
REMOTE_FUNCTION = "runs a function on a device that it names"
ENDS = "ends the process"
WRITES = "writes files"
CONNECTS = "connects to the network"
READS = "reads files"
READS_ANYWHERE = "reads files or from the network: unihub cannot tell which,"
DEBUGS = "sends tensors to a file or to the network"
CONFIGURES = "changes how TensorFlow reaches file systems"
SUMMARISES = "writes to a summary file that is open"
TPUS = "sets up or stops the TPUs of the machine"
WATCHES = "takes pictures with a camera"
UNJUDGED = "is an op that nobody has judged, and may do anything"

Rows = Mapping[str, Danger]


def _names(text: str) -> List[str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return " ".join(lines).split()


def _rows(danger: Danger, names: str) -> Rows:
    return dict.fromkeys(_names(names), danger)


def _reading(path: int, names: str) -> Rows:
    return _rows(Danger(_MEDIUM, READS, (path,)), names)


def _writing(path: int, names: str) -> Rows:
    return _rows(Danger(_HIGH, WRITES, (path,)), names)


def _connecting(names: str) -> Rows:
    return _rows(Danger(_HIGH, CONNECTS), names)


# By attribute, and with which values the op keeps to itself.
_BY_ATTRIBUTE: Rows = {
    "XlaCustomCall": Danger(_CRITICAL, NATIVE, attribute="target_name"),
    "XlaCustomCallV2": Danger(_CRITICAL, NATIVE, attribute="call_target_name"),
    "XlaCallModule": Danger(_CRITICAL, NATIVE, attribute="module"),
    "TRTEngineOp": Danger(_CRITICAL, NATIVE, attribute="segment_func"),
    "CalibrationStatisticsSaver": Danger(_HIGH, WRITES, attribute="output_file_path"),
    "DumpTensor": Danger(_HIGH, WRITES, attribute="log_dir_path"),
    "PrintV2": Danger(
        _HIGH, WRITES, attribute="output_stream", harmless=(b"stderr", b"stdout", b"log(*")
    ),
    "ImmutableConst": Danger(_MEDIUM, READS, attribute="memory_region_name"),
    "RecordInput": Danger(_MEDIUM, READS, attribute="file_pattern"),
    "Skipgram": Danger(_MEDIUM, READS, attribute="filename"),
    "FixedUnigramCandidateSampler": Danger(_MEDIUM, READS, attribute="vocab_file", harmless=(b"",)),
    **_rows(Danger(_CRITICAL, PYTHON, attribute="token"), "EagerPyFunc PyFunc PyFuncStateless"),
    **_rows(
        Danger(_HIGH, DEBUGS, attribute="debug_urls", harmless=(b"memcbk://*",)),
        "DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary",
    ),
    **_rows(
        Danger(
            _MEDIUM,
            READS,
            attribute="descriptor_source",
            harmless=(b"", b"local://", b"bytes://*"),
        ),
        "DecodeProtoV2 EncodeProto",
    ),
}

_OF_TENSORFLOW: Rows = {
    **_BY_ATTRIBUTE,
    "DatasetFromGraph": Danger(_CRITICAL, NESTED, (0,)),
    "RemoteCall": Danger(_CRITICAL, REMOTE_FUNCTION, (0,)),
    **_rows(
        Danger(_CRITICAL, NATIVE),
        "MlirPassthroughOp RemoteFusedGraphExecute TfLiteSubgraphExecute _TPUCompileMlir "
        "_XlaHostComputeMlir",
    ),
    **_rows(Danger(_CRITICAL, ENDS), "Abort WorkerHeartbeat"),
    **_writing(0, "Save SaveSlices SaveV2 WriteFile"),
    **_writing(
        1,
        "CreateSummaryDbWriter CreateSummaryFileWriter DatasetToTFRecord DistributedSave "
        "ExperimentalDatasetToTFRecord ExperimentalSqlDataset MergeV2Checkpoints SaveDataset "
        "SaveDatasetV2 SerializeTRTResource SnapshotDataset SnapshotDatasetV2 SqlDataset",
    ),
    **_rows(Danger(_HIGH, WRITES, (1,), harmless=(b"",)), "CacheDataset CacheDatasetV2"),
    **_rows(
        Danger(_MEDIUM, SUMMARISES),
        "ImportEvent StatsAggregatorSetSummaryWriter WriteAudioSummary WriteGraphSummary "
        "WriteHistogramSummary WriteImageSummary WriteRawProtoSummary WriteScalarSummary "
        "WriteSummary",
    ),
    **_connecting(
        "BigQueryReader DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 "
        "DataServiceDatasetV4 GenerateBigQueryReaderPartitions RegisterDataset "
        "RegisterDatasetV2 Rpc RpcCall RpcClient RpcServer RpcServerRegister RpcServerStart "
        "TryRpc"
    ),
    **_rows(
        Danger(_HIGH, CONFIGURES),
        "FileSystemSetConfiguration GcsConfigureBlockCache GcsConfigureCredentials",
    ),
    **_rows(
        Danger(_MEDIUM, TPUS),
        "ConfigureAndInitializeGlobalTPU ConfigureDistributedTPU ConfigureTPUEmbedding "
        "ConfigureTPUEmbeddingHost ConfigureTPUEmbeddingMemory ConnectTPUEmbeddingHosts "
        "DTensorSetGlobalTPUArray FinalizeTPUEmbedding FinalizeTPUEmbeddingV2 "
        "ShutdownDistributedTPU ShutdownTPUSystem UpdateTaskIdAndGlobalCoreArray "
        "_ConfigureDistributedTPU _DisconnectHostFromDistributedTPUSystem "
        "_InitializeHostForDistributedTPU _SetGlobalTPUArray _ShutdownDistributedTPU "
        "_WaitForDistributedTPU",
    ),
    **_reading(
        0,
        "CSVDataset CSVDatasetV2 DTensorRestoreV2 ExperimentalCSVDataset "
        "ExperimentalLMDBDataset ExperimentalMatchingFilesDataset FixedLengthRecordDataset "
        "FixedLengthRecordDatasetV2 GenerateVocabRemapping LMDBDataset "
        "ListSnapshotChunksDataset LoadAndRemapMatrix LoadDataset MatchingFiles "
        "MatchingFilesDataset ReadFile Restore RestoreSlice RestoreV2 SnapshotChunkDataset "
        "SnapshotDatasetReader TFRecordDataset TFRecordDatasetV2 "
        "TextLineDataset",
    ),
    **_reading(
        1, "InitializeTRTResource InitializeTableFromTextFile InitializeTableFromTextFileV2"
    ),
    **_rows(
        Danger(_MEDIUM, READS),
        "FixedLengthRecordReader FixedLengthRecordReaderV2 LMDBReader "
        "SnapshotNestedDatasetReader TFRecordReader TFRecordReaderV2 TextLineReader "
        "TextLineReaderV2 WholeFileReader WholeFileReaderV2",
    ),
}

_OF_PACKAGES: Rows = {
    # tf.contrib
    **_rows(
        Danger(_CRITICAL, PROGRAM),
        "DecodeAudio DecodeAudioV2 DecodeVideo EncodeAudio EncodeAudioV2",
    ),
    **_connecting(
        "BigtableClient BigtableLookupDataset BigtablePrefixKeyDataset BigtableRangeKeyDataset "
        "BigtableSampleKeyPairsDataset BigtableSampleKeysDataset BigtableScanDataset "
        "BigtableTable DatasetToBigtable IgniteDataset KafkaDataset KinesisDataset"
    ),
    # tf.contrib and struct2tensor
    **_reading(0, "ParquetDataset SequenceFileDataset"),
    # tensorflow_decision_forests
    **_reading(0, "SimpleMLFileModelLoader SimpleMLLoadModelFromPath"),
    **_reading(1, "SimpleMLLoadModelFromPathWithHandle"),
    **_rows(
        Danger(_HIGH, WRITES, attribute="dataset_path"),
        "SimpleMLCategoricalIntFeatureOnFile SimpleMLCategoricalStringFeatureOnFile "
        "SimpleMLChiefFinalizeFeatureOnFile SimpleMLNumericalFeatureOnFile "
        "SimpleMLWorkerFinalizeFeatureOnFile",
    ),
    **_rows(
        Danger(_HIGH, WRITES, attribute="model_dir"),
        "SimpleMLModelTrainer SimpleMLModelTrainerOnFile",
    ),
    **_connecting(
        "SimpleMLCreateYDFGRPCWorker SimpleMLStopYDFGRPCWorker SimpleMLUpdateGRPCWorkerAddress"
    ),
    # tensorflow_recommenders_addons
    **_reading(1, "TFRA>CuckooHashTableLoadFromFileSystem"),
    **_writing(1, "TFRA>CuckooHashTableSaveToFileSystem"),
    **_connecting(
        "TFRA>RedisTableAccum TFRA>RedisTableClear TFRA>RedisTableExport TFRA>RedisTableFind "
        "TFRA>RedisTableFindWithExists TFRA>RedisTableImport TFRA>RedisTableInsert "
        "TFRA>RedisTableLoadFromFileSystem TFRA>RedisTableOfTensors TFRA>RedisTableRemove "
        "TFRA>RedisTableSaveToFileSystem TFRA>RedisTableSize"
    ),
    # tensorflow_io
    **_rows(Danger(_CRITICAL, MEMORY), "IO>ArrowReadableFromMemoryInit IO>ArrowZeroCopyDataset"),
    **_rows(Danger(_HIGH, WATCHES), "IO>VideoCaptureReadableInit IO>VideoCaptureReadableRead"),
    **_rows(Danger(_HIGH, CONFIGURES), "IO>FileSystemSetConfiguration"),
    **_writing(
        0,
        "IO>FileCall IO>FileInit IO>FileSync IO>TextOutputSequence IO>TextOutputSequenceSetItem",
    ),
    **_connecting(
        "BigtableDataset BigtableSplitRowSetEvenly IO>ArrowStreamDataset IO>BigQueryClient "
        "IO>BigQueryDataset IO>BigQueryReadSession IO>BigQueryTestClient "
        "IO>ElasticsearchReadableInit IO>ElasticsearchReadableNext IO>GRPCReadableInit "
        "IO>GRPCReadableRead IO>KafkaDataset IO>KafkaDecodeAvro IO>KafkaDecodeAvroInit "
        "IO>KafkaEncodeAvro IO>KafkaGroupReadableInit IO>KafkaGroupReadableNext "
        "IO>KafkaIterableInit IO>KafkaOutputSequence IO>KafkaOutputSequenceFlush "
        "IO>KafkaOutputSequenceSetItem IO>KafkaReadableInit IO>KafkaReadableNext "
        "IO>KafkaReadableRead IO>KafkaReadableSpec IO>KinesisReadableInit "
        "IO>KinesisReadableRead IO>LayerKafkaCall IO>LayerKafkaInit IO>LayerKafkaSync "
        "IO>MongoDBReadableInit IO>MongoDBReadableNext IO>MongoDBWritableDeleteMany "
        "IO>MongoDBWritableInit IO>MongoDBWritableWrite IO>PrometheusReadableInit "
        "IO>PrometheusReadableRead IO>PrometheusReadableSpec IO>PrometheusScrape "
        "IO>PubSubReadableInit IO>PubSubReadableRead IO>PulsarReadableInit "
        "IO>PulsarReadableNext IO>PulsarWritableFlush IO>PulsarWritableInit "
        "IO>PulsarWritableWrite IO>SqlIterableInit IO>SqlIterableRead IO>WriteKafka"
    ),
    **_reading(
        0,
        "IO>ATDSDataset IO>ArrowFeatherDataset IO>ArrowReadableRead IO>ArrowReadableSpec "
        "IO>AudioReadableInit IO>AudioReadableRead IO>AudioReadableSpec IO>AvroDataset "
        "IO>AvroReadableInit IO>AvroReadablePartitions IO>AvroReadableRead "
        "IO>AvroReadableSpec IO>AvroRecordDataset IO>CSVReadableInit IO>CSVReadableRead "
        "IO>CSVReadableSpec IO>FeatherReadableInit IO>FeatherReadableRead "
        "IO>FeatherReadableSpec IO>FileInfo IO>FileRead IO>HDF5ReadableInfo "
        "IO>HDF5ReadableRead IO>JSONReadableInit IO>JSONReadableRead IO>JSONReadableSpec "
        "IO>LMDBDatasetV2 IO>LMDBInput IO>LMDBMappingInit IO>LMDBMappingRead "
        "IO>LMDBReadableInit IO>LMDBReadableRead IO>ListArchiveEntries IO>ListAvroColumns "
        "IO>ListFeatherColumns IO>NumpyInfo IO>NumpySpec IO>ORCReadableInit "
        "IO>ORCReadableRead IO>ORCReadableSpec IO>ParquetReadableInfo "
        "IO>ParquetReadableRead IO>PcapReadableInit IO>PcapReadableRead IO>ReadArchive "
        "IO>ReadAvro IO>ReadText IO>VideoReadableInit IO>VideoReadableRead",
    ),
    **_reading(1, "IO>NumpyRead"),
}

DANGERS: Rows = {**_OF_TENSORFLOW, **_OF_PACKAGES}
_OF_NOBODY = Danger(_HIGH, UNJUDGED)

# Those of them that TensorFlow holds for free of side effects. It runs such an op, where its inputs
# are constants, as soon as a graph with it is built: to know the shape of what is reshaped by it.
STATELESS = frozenset(
    _names(
        "Abort CacheDataset DatasetFromGraph DebugIdentity DebugNanCount DebugNumericSummary "
        "DecodeAudio DecodeAudioV2 DecodeProtoV2 DecodeVideo EncodeAudio EncodeAudioV2 "
        "EncodeProto GcsConfigureBlockCache GcsConfigureCredentials "
        "GenerateBigQueryReaderPartitions GenerateVocabRemapping ImmutableConst "
        "InitializeTableFromTextFile MatchingFiles MlirPassthroughOp PyFuncStateless ReadFile "
        "RegisterDataset RegisterDatasetV2 RemoteFusedGraphExecute SnapshotChunkDataset "
        "SnapshotDataset SnapshotDatasetReader SnapshotDatasetV2 SnapshotNestedDatasetReader "
        "TRTEngineOp TfLiteSubgraphExecute XlaCustomCall XlaCustomCallV2 "
        "IO>FileInfo IO>FileRead IO>HDF5ReadableInfo IO>HDF5ReadableRead IO>KafkaDecodeAvro "
        "IO>KafkaEncodeAvro IO>LMDBInput IO>ListArchiveEntries IO>ListAvroColumns "
        "IO>ListFeatherColumns IO>NumpyInfo IO>NumpyRead IO>NumpySpec IO>ParquetReadableInfo "
        "IO>ParquetReadableRead IO>PrometheusScrape IO>ReadArchive IO>ReadAvro IO>ReadText "
        "IO>WriteKafka"
    )
)

# What the functions that TensorFlow itself adds to save variables use.
SAVER_OPS = frozenset(("Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints"))

_CONTROL_FLOW_V1 = ("Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch")
CONTROL_FLOW_V1 = frozenset((*_CONTROL_FLOW_V1, *(f"Ref{op}" for op in _CONTROL_FLOW_V1)))

LAMBDA = (
    "holds Python code of a Lambda layer, which runs when tf.keras.models.load_model opens it; "
    "unihub does not open it"
)
REMOTE = "names a place in the network"
ESCAPES = "is an asset outside of the model's folder; unihub refuses to load it"


class _Harmless(NamedTuple):
    """Ops that do nothing outside of their graph: TensorFlow's own, and with those of packages."""

    of_tensorflow: FrozenSet[str]
    all: FrozenSet[str]


@lru_cache(maxsize=None)
def _harmless() -> _Harmless:
    file = os.path.join(os.path.dirname(__file__), "harmless_ops.txt")
    with open(file, encoding="utf-8") as opened:
        own, _, packages = opened.read().partition("[packages]\n")
    names = [_names(text) for text in (own, packages)]
    return _Harmless(frozenset(names[0]), frozenset(names[0] + names[1]))


def harmless_ops() -> FrozenSet[str]:
    """The ops that do nothing outside of their graph, with those of known packages."""
    return _harmless().all


@lru_cache(maxsize=None)
def judged_ops() -> FrozenSet[str]:
    """All ops that have been judged."""
    return harmless_ops().union(DANGERS)


def danger_of(op: str) -> Danger:
    """The danger outside of its graph of an op that is not harmless."""
    return DANGERS.get(op, _OF_NOBODY)


def tensorflow_ops() -> FrozenSet[str]:
    """The ops of TensorFlow's own releases from 1.15 to 2.21, together."""
    return _harmless().of_tensorflow.union(_OF_TENSORFLOW)


def unknown_ops(ops: Iterable[str]) -> Dict[str, List[str]]:
    """The ops that are not TensorFlow's own, by the package that registers them.

    Returns:
        By package, ``""`` for those that no known package registers.
    """
    others = sorted(set(ops) - tensorflow_ops())
    if not others:
        return {}
    # Most models have none.
    from unihub.runtime.op_packages import package_of

    found: Dict[str, List[str]] = {}
    for op in others:
        found.setdefault(package_of([op]) or "", []).append(op)
    return found


def control_flow_v1(ops: Iterable[str]) -> Tuple[str, ...]:
    """The ops of TF1's control flow among these, in alphabetical order."""
    return tuple(sorted(set(ops) & CONTROL_FLOW_V1))
