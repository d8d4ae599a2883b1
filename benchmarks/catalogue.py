"""Every benchmark: what it compares, where it can run, and what is wanted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Tuple

from benchmarks import stack

Need = Callable[[], Optional[str]]


@dataclass(frozen=True)
class Benchmark:
    """Something that is compared.

    Attributes:
        name: to ask for it by.
        title: for people.
        about: what is done, and what the figures are.
        module: of this package, whose ``cases(quick)`` yields what to measure.
        needs: each says why it cannot run here, or nothing.
        newest_only: whether it says the same in every stack, so that it runs beside
            the newest, and in another when it is asked for.
    """

    name: str
    title: str
    about: str
    module: str
    needs: Tuple[Need, ...] = ()
    newest_only: bool = False

    def left_out(self, asked_for: bool) -> Optional[str]:
        """Why it does not run here; None when it does."""
        for need in self.needs:
            reason = need()
            if reason:
                return reason
        if self.newest_only and not asked_for and stack.not_keras3():
            return "it says the same as beside the newest TensorFlow; ask for it by its name"
        return None


BENCHMARKS = (
    Benchmark(
        "import",
        "Import",
        "A whole process that imports, bytecode cached. Below it, what a first load of a local TF2 "
        "folder imports of the package, TensorFlow imported before: time is the modules' own.",
        "imports",
    ),
    Benchmark(
        "inspect",
        "Inspect",
        "A whole process that prints what a model is. `unihub inspect` looks for dangers as well, "
        "`saved_model_cli show --all` does not.",
        "inspection",
        (stack.not_tf2,),
        newest_only=True,
    ),
    Benchmark(
        "read",
        "Read a graph",
        "From `saved_model.pb` to format, tags and signatures, beside parsing it with protobuf.",
        "reading",
        (stack.not_tf2,),
        newest_only=True,
    ),
    Benchmark(
        "load",
        "Load for inference",
        "Each load in a process of its own, the page cache warm, TensorFlow imported and its "
        "runtime started before the clock is. `hub.load` is `tf.saved_model.load` and nothing "
        'more. "mapped" is `weights="mmap"`, its file made by a process before. Memory is what '
        "loading adds to the resident memory, and what of that the process shares with no file. "
        "Without a signature the object itself is called.",
        "loading",
        (stack.not_tf2,),
        newest_only=True,
    ),
    Benchmark(
        "memory",
        "Memory of processes that serve one model",
        "Eight processes load the transformer, whose weights are 416 MiB, and call it once. Memory "
        "is the sum of what each takes, with what they share counted once (PSS), less that of "
        "eight that have imported TensorFlow and run one op.",
        "memory",
        (stack.not_tf2,),
        newest_only=True,
    ),
    Benchmark(
        "frozen",
        "A layer that is not trained",
        "Each in a process of its own: the layer is made, `predict` run on two rows, and a Dense "
        "head on the layer trained for a step. The peer is `hub.KerasLayer` in Keras 2; in Keras "
        "3, which refuses it, the layer of what `tf.saved_model.load` gives.",
        "frozen",
        (stack.not_tf2,),
    ),
    Benchmark(
        "tuning",
        "A layer that is trained",
        "Each in a process of its own: the layer is made, it and a Dense head are trained for a "
        "step, and for three more. The peers are those of the layer that is not trained.",
        "tuning",
        (stack.not_tf2,),
    ),
    Benchmark(
        "process",
        "Whole process",
        "From `python -c` to its end: imports, load, one call on zeros. The peer is `hub.load` "
        "where `import tensorflow_hub` works as it is installed, else `tf.saved_model.load`.",
        "whole_process",
        (stack.not_tf2,),
    ),
    Benchmark(
        "sending",
        "A loaded model in a fresh process",
        "The model from a pickle, whose bytes are counted, beside loading it anew: until the first "
        "answer, TensorFlow imported before. What comes from a pickle has its weights mapped, in "
        "files that a process before has written.",
        "sending",
        (stack.not_tf2,),
        newest_only=True,
    ),
    Benchmark(
        "sharing",
        "Memory of an engine's workers",
        "Eight workers have loaded the transformer, whose weights are 416 MiB, and called it once. "
        "Memory is the sum of what each takes, with what they share counted once (PSS), less that "
        "of eight workers of the same engine that have imported TensorFlow and run one op.",
        "sharing",
        (stack.not_tf2, stack.no_engines),
        newest_only=True,
    ),
    Benchmark(
        "engines",
        "Rows on engines",
        "The same rows, of a parquet file, by each in a process of its own: from the start of the "
        "engine to the last answer, imports and the load of the model in each worker included; "
        "so 64 rows are the time until the first answers. Memory is the most that all of its "
        "processes took together, shared memory counted once. Engines have two workers. The "
        "models do next to nothing: what is measured is what stands around them. Measured once, "
        "while other work ran on both cores, which costs those with more processes more. "
        "`UNIHUB_BENCHMARK_SHARE=0.1` takes a tenth of the rows. Cases without memory are of an "
        "earlier run, beside less other work.",
        "engines",
        (stack.not_tf2, stack.no_engines),
        newest_only=True,
    ),
    Benchmark(
        "call",
        "Steady call",
        "One eager call after many others, on one row of a model that does next to nothing: what "
        "is measured is what stands around it.",
        "calls",
        (stack.not_tf2,),
    ),
    Benchmark(
        "train",
        "Train step",
        "A step of `fit`, of a model with the layer and a Dense head, all weights trained with "
        "SGD. The peer is `keras.layers.TFSMLayer` in Keras 3 and `hub.KerasLayer` in Keras 2.",
        "training",
        (stack.not_tf2,),
    ),
    Benchmark(
        "converted",
        "Train step of a converted module",
        "A TF1 Hub module of convolutions and batch norms, converted, beside the same network "
        "written in Keras.",
        "conversion",
        (stack.not_tf2,),
        newest_only=True,
    ),
    Benchmark(
        "module",
        "hub.Module",
        "A module built into a new graph, initialized and run once.",
        "module",
        (stack.no_hub_module,),
    ),
    Benchmark(
        "resolve",
        "Resolve a cached handle",
        "From a URL whose model is cached to its folder.",
        "resolving",
        (stack.no_hub,),
    ),
    Benchmark(
        "fetch",
        "Fetch an archive",
        "From the URL of a .tar.gz on this machine to a folder. unihub verifies and syncs what it "
        "writes; the others do not.",
        "fetching",
        (stack.no_hub, stack.no_curl),
        newest_only=True,
    ),
    Benchmark(
        "extract",
        "Extract an archive",
        "From a .tar.gz to a folder. unihub also hashes each file, and reads the archive's "
        "checksums; the others do neither.",
        "extraction",
        (stack.no_hub, stack.no_curl),
        newest_only=True,
    ),
)

_SIGNATURES = ("mobilenet_v2", "efficientnet_b4", "resnet152")
ANY = "any case"
# By benchmark, case, arm and measure. Ratios are to the peer in the same run.
WANTED: Dict[Tuple[str, str, str, str], str] = {
    ("inspect", "EfficientNetB4", "unihub inspect", "time"): "≥ 100×, ≤ 0.25 s",
    ("inspect", ANY, "unihub inspect", "time"): "≤ 0.25 s",
    ("load", "efficientnet_b4", "unihub.load", "load"): "≥ 15×",
    ("load", "resnet152", "unihub.load", "load"): "≥ 15×",
    ("load", "transformer_110m", "unihub.load", "load"): "≥ 6×",
    ("load", "tf1_hub_60_layers", "unihub.load", "load"): "≥ 12×",
    **{("load", name, "unihub.load", "load + first call"): "≥ 3×" for name in _SIGNATURES},
    ("load", "transformer_110m", "unihub.load, mapped", "load"): "≥ 40×",
    ("load", "transformer_110m", "unihub.load, mapped", "memory"): "≤ 60 MiB",
    ("load", "efficientnet_b4", "unihub.load", "memory"): "≥ 2×",
    ("memory", "transformer_110m, 8 processes", "unihub.load, mapped", "memory"): "≤ 541 MiB",
    **{
        ("sharing", f"transformer_110m, 8 workers of {engine}", arm, "memory"): "≤ 541 MiB"
        for engine, arm in (("Beam", "ModelHandler"), ("Spark", "predict_udf"))
    },
    ("sharing", "transformer_110m, 8 workers of Ray", "BatchPredictor", "memory"): "≤ 541 MiB",
    ("load", "tiny", "unihub.load", "steady call"): "≥ 2×",
    **{("frozen", name, "unihub.KerasLayer", "load"): "≥ 12×" for name in _SIGNATURES[1:]},
    **{
        ("frozen", name, "unihub.KerasLayer", "load + first predict"): "≥ 4×"
        for name in _SIGNATURES[1:]
    },
    ("frozen", "transformer_110m", "unihub.KerasLayer", "load"): "≥ 4×",
    ("tuning", "efficientnet_b4", "unihub.KerasLayer", "load"): "≥ 3×",
    ("tuning", "efficientnet_b4", "unihub.KerasLayer", "load + first step"): "≥ 1.4×",
    ("frozen", "transformer_110m", "unihub.KerasLayer", "load + first predict"): "≥ 2×",
    ("call", "a signature", "unihub.load", "time"): "≥ 2×",
    ("train", ANY, "unihub.KerasLayer", "time"): "1×",
}
