"""The models in fixtures/acting, and what is found in each.

`python tests/inspection/acting_table.py` prints the table, with what is found in every
other model at hand, where there should be nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator, Tuple

from unihub.formats import read_saved_model
from unihub.inspection.security import Finding, security_findings

TESTS = Path(__file__).resolve().parent.parent
ACTING = TESTS / "fixtures" / "acting"
SHARED = Path(os.environ.get("UNIHUB_SHARED_MODELS", TESTS.parent.parent / "shared" / "models"))

# By model: severity, op, when it acts, and a word of the detail.
EXPECTED = {
    "writes": [("high", "WriteFile", "call", "'acted.txt'")],
    "writes_in_a_branch": [("high", "WriteFile", "call", "'acted.txt'")],
    "writes_in_a_loop": [("high", "WriteFile", "call", "'acted.txt'")],
    "reads": [("medium", "ReadFile", "call", "'/etc/hostname'")],
    "reads_what_the_graph_joins": [("high", "ReadFile", "call", "'gs://bucket/file'")],
    "reads_from_the_network": [("high", "ReadFile", "call", "'https://example.com/x'")],
    "finds_files": [("medium", "MatchingFiles", "call", "'/home/*/.ssh/*'")],
    "python": [("critical", "EagerPyFunc", "call", "'pyfunc_0'")],
    "numpy": [("critical", "PyFunc", "call", "'pyfunc_1'")],
    "stateless_python": [("critical", "PyFuncStateless", "call", "'pyfunc_2'")],
    "dataset_graph": [
        ("critical", "DatasetFromGraph", "call", ""),
        ("high", "WriteFile", "call", "'acted.txt'"),
    ],
    "dataset_graph_in_a_graph": [
        ("critical", "DatasetFromGraph", "call", ""),
        ("critical", "DatasetFromGraph", "call", ""),
        ("high", "WriteFile", "call", "'inner.txt'"),
    ],
    "caches_in_a_file": [("high", "CacheDatasetV2", "call", "'cached'")],
    "prints_to_a_file": [("high", "PrintV2", "call", "'file://acted.txt'")],
    "summary_file": [("high", "CreateSummaryFileWriter", "call", "'logs'")],
    "saves_tensors": [("high", "SaveV2", "call", "'stolen'")],
    "restores_tensors": [("medium", "RestoreV2", "call", "'/other/model'")],
    "moves_checkpoints": [("high", "MergeV2Checkpoints", "call", "'b'")],
    "data_service": [("high", "DataServiceDatasetV2", "call", "'127.0.0.1:9'")],
    "rpc": [("high", "RpcClient", "call", "'127.0.0.1:9'")],
    "debugs_to_a_file": [("high", "DebugIdentityV3", "call", "'file://dumped'")],
    "debugs_over_the_network": [("high", "DebugIdentityV3", "call", "'grpc://127.0.0.1:9'")],
    "sql": [("high", "SqlDataset", "call", "'stolen.db'")],
    "saves_a_dataset": [("high", "SaveDatasetV2", "call", "'saved'")],
    "ends_the_process": [("critical", "Abort", "call", "")],
    "compiled_calls_out": [("critical", "XlaCallModule", "call", "")],
    "configures_file_systems": [("high", "FileSystemSetConfiguration", "call", "'s3'")],
    "parses_protos_of_a_file": [("medium", "EncodeProto", "call", "'/etc/passwd'")],
    "gradient_writes": [("high", "WriteFile", "call", "'acted.txt'")],
    "load_writes": [("high", "WriteFile", "load", "'acted.txt'")],
    "load_reads": [("medium", "ReadFile", "load", "'/etc/hostname'")],
    "load_connects": [("high", "ReadFile", "load", "'http://example.com/x'")],
    "load_runs_python": [("critical", "PyFunc", "load", "'pyfunc_3'")],
    "load_dataset_graph": [
        ("critical", "DatasetFromGraph", "load", ""),
        ("high", "WriteFile", "load", "'acted.txt'"),
    ],
    "load_reads_a_table": [("medium", "InitializeTableFromTextFileV2", "load", "'/etc/passwd'")],
    "tf1_main_op_writes": [("high", "WriteFile", "load", "'acted.txt'")],
    "tf1_legacy_init_op_writes": [("high", "WriteFile", "load", "'acted.txt'")],
    "tf1_signature_writes": [("high", "WriteFile", "call", "'acted.txt'")],
    "tf1_restore_writes": [("high", "WriteFile", "load", "'acted.txt'")],
    "tf1_hub_writes": [("high", "WriteFile", "call", "'acted.txt'")],
    "asset_escapes": [("critical", "../../secret.txt", "load", "")],
    "unknown_op": [("high", "OpenBackDoor", "call", "")],
    "keras_lambda": [("medium", "Lambda", "keras load", "")],
    "harmless_print": [],
    "harmless_assert": [],
    "harmless_cache": [],
    "harmless_addresses": [],
    "harmless_compiled": [],
    "harmless_table": [],
    "harmless_tf1_unreached": [],
}


def findings_in(folder: Path) -> Tuple[Finding, ...]:
    return security_findings(read_saved_model(folder))


def other_models() -> Iterator[Path]:
    """Every model at hand that is not made to act."""
    for parent in (TESTS / "fixtures" / "models", SHARED):
        if parent.is_dir():
            yield from sorted(path for path in parent.iterdir() if path.is_dir())


def main() -> None:
    flagged = 0
    for name, expected in EXPECTED.items():
        found = findings_in(ACTING / name)
        told = [(f.severity.value, f.op, f.when.value) for f in found]
        verdict = "as expected" if told == [row[:3] for row in expected] else "NOT AS EXPECTED"
        flagged += bool(found)
        print(f"{name}: {verdict}")
        for finding in found:
            print(f"    {finding}")
    alarms = 0
    others = list(other_models())
    for folder in others:
        for finding in findings_in(folder):
            alarms += 1
            print(f"{folder.name}: {finding}")
    acting = sum(bool(expected) for expected in EXPECTED.values())
    print(f"{flagged} of {acting} models that act are flagged,")
    print(f"{alarms} alarms in {len(others)} models that do not act and")
    print(f"{len(EXPECTED) - acting} that only look like it")


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS.parent))
    main()
