"""Models on Apache Spark: a function of columns."""

from __future__ import annotations

import decimal
import os
import shlex
import sys
import uuid
from typing import Any, Callable, Dict, Iterator, Sequence, Tuple

import numpy as np

from unihub.engines.dtypes import held_by
from unihub.engines.errors import NoColumnType, WrongColumnCount
from unihub.engines.frames import Result
from unihub.engines.packages import needed
from unihub.engines.predictor import predictor_of
from unihub.engines.tasks import Task, do
from unihub.formats.model import TensorInfo

with needed("pyspark", extra="spark"):
    import pandas
    import pyspark.sql.types as types
    from pyspark.ml.model_cache import ModelCache
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import pandas_udf

_KINDS: Dict[str, Any] = {
    "bool": types.BooleanType,
    "float16": types.FloatType,
    "float32": types.FloatType,
    "float64": types.DoubleType,
    "int8": types.ByteType,
    "int16": types.ShortType,
    "int32": types.IntegerType,
    "int64": types.LongType,
    "string": types.BinaryType,
    # Spark has no unsigned numbers: each in the next larger.
    "uint8": types.ShortType,
    "uint16": types.IntegerType,
    "uint32": types.LongType,
    "uint64": lambda: types.DecimalType(20, 0),
}
_WIDER = {"float16": "float32", "uint8": "int16", "uint16": "int32", "uint32": "int64"}
# The cores of this machine, where a task whose worker dies is given three times more; and no
# bar of Spark's own beside that of the rows.
_HERE = ("--master", "local[*,4]", "--conf", "spark.ui.showConsoleProgress=false")


def predict_udf(model: Any, **options: Any) -> Any:
    """A function of columns that calls a model, its types from the signature.

    It takes a column for each input, in the order of the inputs' names in the signature, which
    is the alphabet's: numbers, text, bytes (of images, where the input takes these), arrays
    and arrays of arrays. It gives a column of the only output's type, or a struct of several;
    null for bad rows, for ``on_bad="null"``. Each Python worker loads the model once, and keeps
    it as those of `pyspark.ml.functions.predict_batch_udf` are kept; unlike there, nulls and
    arrays of any depth go in and come out. The workers of a machine share the weights.

    Args:
        model: a `unihub.Predictor`, or a handle.
        **options: with a handle, as for `unihub.Predictor`.

    Raises:
        NoColumnType: the signature does not tell the rank of an output, or Spark has no such type.
        UnihubError: what `unihub.Predictor` raises.

    Source: https://spark.apache.org/docs/latest/api/python/reference/api/
        pyspark.ml.functions.predict_batch_udf.html.

    Example:
        >>> from unihub.engines.spark import predict_udf
        >>> embed = predict_udf("path/to/text_embedding", batch_size=64)
        >>> frame.withColumn("vector", embed("review"))
    """
    predictor = predictor_of(model, options)
    chosen = predictor.chosen
    kinds = {c: spark_type(chosen.info_of(c), c, predictor.handle) for c in chosen.outputs}
    is_struct = len(kinds) != 1
    returned = types.StructType([types.StructField(c, kind) for c, kind in kinds.items()])
    key = uuid.uuid4()
    names = list(chosen.signature.inputs)

    def predict(batches: Any) -> Iterator[Any]:
        loaded = ModelCache.get(key)
        if loaded is None:
            loaded = predictor.load()
            ModelCache.add(key, loaded)
        for batch in batches:
            columns = batch if isinstance(batch, tuple) else (batch,)
            if len(columns) != len(names):
                line = f"predict({', '.join(names)})  # a column for each"
                raise WrongColumnCount(
                    given=len(columns), wanted=len(names), names=", ".join(names), line=line
                )
            given = dict(zip((chosen.inputs.get(name, name) for name in names), columns))
            results = loaded.predict({n: column.to_numpy() for n, column in given.items()})
            made = {column: _series(result) for column, result in results.items()}
            yield pandas.DataFrame(made) if is_struct else next(iter(made.values()))

    # Spark looks for the kinds of what comes and goes here.
    gives: Any = pandas.DataFrame if is_struct else pandas.Series
    predict.__annotations__ = {
        "batches": Iterator[Tuple[pandas.Series, ...]],
        "return": Iterator[gives],
    }
    made: Callable[..., Any] = pandas_udf(  # type: ignore[assignment]
        predict, returned if is_struct else next(iter(kinds.values()))
    )
    return made


def spark_type(info: TensorInfo, name: str, handle: str) -> Any:
    """The type of a column that an output becomes.

    Args:
        info: of the output.
        name, handle: of the output and the model, for errors.

    Raises:
        NoColumnType: the signature does not tell its rank, or Spark has no such type.
    """
    held = held_by(info.dtype)
    if info.shape is None or held not in _KINDS:
        reason = f"Spark has no {info.dtype}."
        if info.shape is None:
            reason = "Spark wants to know types before it runs, and the signature tells no rank."
        remedy = f"unihub.Predictor({handle!r})  # takes the outputs as they come"
        raise NoColumnType(name=name, handle=handle, found=str(info), reason=reason, remedy=remedy)
    kind = _KINDS[held]()
    for _ in info.shape[1:]:
        kind = types.ArrayType(kind)
    return kind


def _series(result: Result) -> Any:
    values, dtype, _, nulls = result
    dtype = held_by(dtype)
    values = values.astype(_WIDER.get(dtype, object if dtype == "string" else dtype))
    if dtype == "uint64":
        made = np.empty(values.shape, object)
        made.flat = [decimal.Decimal(int(one)) for one in values.flat]
        values = made
    if values.ndim == 1 and nulls is None:
        return pandas.Series(values)
    column = np.empty(len(values), object)
    for row, value in enumerate(values):
        is_null = nulls is not None and nulls[row]
        column[row] = None if is_null else value.tolist() if values.ndim > 1 else value
    return pandas.Series(column, dtype=object)


def run_tasks(tasks: Sequence[Task], options: Sequence[str]) -> None:
    """Has tasks done by the Python workers of a cluster.

    A task whose worker dies is given to another one, as often as spark.task.maxFailures says.

    Args:
        tasks: to do.
        options: as for spark-submit; without a --master the cores of this machine.
    """
    is_own = SparkSession.getActiveSession() is None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Of what is given twice Spark takes the last.
    os.environ["PYSPARK_SUBMIT_ARGS"] = " ".join(
        map(shlex.quote, [*_HERE, *options, "pyspark-shell"])
    )
    session = SparkSession.builder.appName("unihub predict").getOrCreate()
    try:
        session.sparkContext.parallelize(tasks, len(tasks)).foreach(do)
    finally:
        if is_own:
            session.stop()
