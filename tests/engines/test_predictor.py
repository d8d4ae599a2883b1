"""Columns in, columns out, by models of every format."""

from __future__ import annotations

import pickle
import platform
import shutil

import numpy as np
import pytest
import tensorflow as tf
from conftest import MODELS
from engines.columns import OF_COMPLEX, OF_DTYPES, answers, check_dtypes, png, save_dtypes
from golden import check_golden

import unihub
from unihub.apis.arrival_errors import SentModelNotHere
from unihub.engines import predictor as predictor_module
from unihub.engines.errors import (
    BadRow,
    ColumnsNotAlike,
    NoColumnType,
    NoSignatureToPredict,
    NoSuchColumn,
    NoSuchInput,
    NotByRow,
    NotColumns,
    WrongColumnCount,
)
from unihub.errors.arguments import WrongType
from unihub.formats.not_there import UnknownOutputKey
from unihub.matrix import Runtime
from unihub.runtime import current_runtime

MODEL = str(MODELS / "tf2_reusable")
MULTI = str(MODELS / "tf1_hub_multi")
IMAGE = str(MODELS / "tf1_hub_image")
TEXT = str(MODELS / "tf1_hub_text")
X = np.arange(21, dtype=np.float32).reshape(7, 3)

# Signatures of the fixtures, whose answers TensorFlow gave when they were made.
SIGNATURES = [
    ("tf1_hub_multi", "pair"),
    ("tf1_hub_multi", "statistics"),
    ("tf1_hub_text", "default"),
    ("tf1_hub_image", "image_feature_vector"),
    ("tf1_saved_model_pb", "serving_default"),
    ("tf1_saved_model_table", "serving_default"),
    ("tf2_reusable", "serving_default"),
    ("tf2_text", "serving_default"),
]


@pytest.mark.parametrize(("name", "signature"), SIGNATURES)
def test_every_format_answers_by_columns(name, signature):
    inputs, outputs = answers(name, signature)
    made = unihub.Predictor(MODELS / name, signature=signature, batch_size=3)
    predict = pickle.loads(pickle.dumps(made))
    for given in (inputs, {part: value.tolist() for part, value in inputs.items()}):
        found = predict(given)
        assert set(found) == set(outputs)
        for part, value in outputs.items():
            if value.dtype.kind == "f":
                np.testing.assert_allclose(found[part], value, rtol=1e-5)
            else:
                assert found[part].tolist() == value.tolist()


def test_a_pickle_is_small_and_without_the_model():
    predict = unihub.Predictor(MODEL)
    before = predict({"x": X})["output_0"].tolist()
    written = pickle.dumps(predict)
    assert len(written) < 2_000
    again = pickle.loads(written)
    assert again({"x": X})["output_0"].tolist() == before
    assert len(pickle.dumps(again)) < 2_000


def test_a_path_that_only_the_sender_has(tmp_path, monkeypatch):
    shutil.copytree(MODEL, str(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    written = pickle.dumps(unihub.Predictor("model"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    # A relative path is sent as the one that it is.
    assert pickle.loads(written)({"x": X})["output_0"].shape == (7, 2)
    shutil.rmtree(str(tmp_path / "model"))
    with pytest.raises(SentModelNotHere) as refused:
        pickle.loads(written)({"x": X})
    check_golden("sent-model-not-here", str(refused.value), path=tmp_path, host=platform.node())


@pytest.mark.parametrize("pad", [False, True])
def test_batches_of_any_size_are_padded_and_cut(pad):
    predict = unihub.Predictor(MODEL, batch_size=4, pad=pad)
    whole = predict({"x": X})["output_0"]
    assert whole.shape == (7, 2)
    for rows in (0, 1, 4, 5):
        found = predict({"x": X[:rows]})["output_0"]
        assert found.shape == (rows, 2)
        np.testing.assert_allclose(found, whole[:rows], rtol=1e-6)


class Fixed(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([4, 2], tf.float32, "x")])
    def call(self, x):
        return {"y": x * 2.0, "total": tf.reduce_sum(x)}


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    if not tf.executing_eagerly():
        pytest.skip("the model is written eagerly")
    path = str(tmp_path_factory.mktemp("models") / "fixed")
    model = Fixed()
    tf.saved_model.save(model, path, signatures=model.call)
    return path


def test_a_signature_of_one_batch_size(fixed):
    predict = unihub.Predictor(fixed, batch_size=100)
    x = np.arange(22.0).reshape(11, 2)
    found = predict({"x": x})
    # A number of the whole batch is no column.
    assert list(found) == ["y"]
    assert found["y"].tolist() == (x * 2).tolist()


def test_outputs_of_one_size_are_not_by_row(tmp_path):
    if not tf.executing_eagerly():
        pytest.skip("the model is written eagerly")
    obj = tf.Module()
    spec = [tf.TensorSpec([None], tf.float32, "x")]
    call = tf.function(input_signature=spec)
    obj.call = call(lambda x: {"y": x, "sum": tf.reshape(tf.reduce_sum(x), [1])})
    tf.saved_model.save(obj, str(tmp_path), signatures=obj.call)
    assert list(unihub.Predictor(tmp_path)({"x": [1.0, 2.0]})) == ["y"]
    with pytest.raises(NotByRow, match=r"outputs=\['y'\]"):
        unihub.Predictor(tmp_path, outputs="sum")


def test_outputs_that_are_not_by_row(fixed):
    with pytest.raises(NotByRow) as refused:
        unihub.Predictor(fixed, outputs=["total"])
    check_golden("not-by-row", str(refused.value), {"unihub": unihub}, path=fixed)


def test_rows_whose_shape_differs_by_batch(tmp_path):
    if not tf.executing_eagerly():
        pytest.skip("the model is written eagerly")
    obj = tf.Module()
    spec = [tf.TensorSpec([None], tf.int32, "x")]
    obj.call = tf.function(lambda x: {"y": tf.sequence_mask(x)}, input_signature=spec)
    tf.saved_model.save(obj, str(tmp_path), signatures=obj.call)
    assert unihub.Predictor(tmp_path)({"x": [1, 3]})["y"].sum() == 4
    with pytest.raises(NotByRow) as refused:
        unihub.Predictor(tmp_path, batch_size=1)({"x": [1, 3]})
    at_hand = {"unihub": unihub, "column": [1, 3]}
    check_golden("not-by-row-of-one-shape", str(refused.value), at_hand, path=tmp_path)


@pytest.mark.skipif(current_runtime() is not Runtime.TF2, reason="functions of the runtime of TF2")
def test_batches_of_other_sizes_trace_nothing():
    from tensorflow.python.eager import context

    names = getattr(context.context(), "list_function_names", None)
    if names is None:
        pytest.skip(f"TensorFlow {tf.__version__} does not list its functions")
    for model, column in ((MODEL, "x"), (str(MODELS / "tf1_hub_multi"), "default")):
        predict = unihub.Predictor(model, batch_size=5)
        predict({column: X[:5]})
        before = set(names())
        for rows in (1, 2, 3, 4, 7):
            predict({column: X[:rows]})
        assert set(names()) == before


def test_columns_and_outputs_are_chosen_by_name():
    inputs, outputs = answers("tf1_hub_multi", "pair")
    predict = unihub.Predictor(
        MULTI, signature="pair", inputs={"left": "a", "right": "b"}, outputs={"larger": "is_larger"}
    )
    found = predict({"b": inputs["right"], "a": inputs["left"], "id": np.arange(4)})
    assert list(found) == ["is_larger"]
    assert found["is_larger"].tolist() == outputs["larger"].tolist()
    # The only column is the only input, whatever its name.
    assert set(unihub.Predictor(MODEL)({"anything": X})) == {"output_0"}


def test_a_column_that_is_missing():
    with pytest.raises(NoSuchColumn) as refused:
        unihub.Predictor(MULTI, signature="pair")({"left": X, "write": X})
    check_golden("no-such-column", str(refused.value), {"unihub": unihub}, path=MULTI)


def test_what_is_no_column():
    predictor = unihub.Predictor(MODEL)
    with pytest.raises(NotColumns) as refused:
        predictor(7)
    check_golden("not-columns", str(refused.value), {"predictor": predictor, "column": X})
    no_rows = ("text", 3, iter(X), np.array(3.0), bytearray(3), {1.0, 2.0})
    for given in ({}, X, [*X], *({"x": one} for one in no_rows)):
        with pytest.raises(NotColumns):
            predictor(given)
    columns = {"x": X, "y": X[:3]}
    with pytest.raises(ColumnsNotAlike) as refused:
        predictor(columns)
    check_golden("columns-not-alike", str(refused.value))


def test_inputs_and_outputs_that_are_misspelt():
    with pytest.raises(NoSuchInput) as refused:
        unihub.Predictor(MULTI, signature="pair", inputs={"lft": "a", "right": "b"})
    check_golden("no-such-input", str(refused.value), {"unihub": unihub}, path=MULTI)
    with pytest.raises(UnknownOutputKey) as unknown:
        unihub.Predictor(MULTI, signature="pair", outputs=["large"])
    check_golden("unknown-output-column", str(unknown.value), {"unihub": unihub}, path=MULTI)
    with pytest.raises(WrongColumnCount) as refused:
        unihub.Predictor(MODEL, inputs=["x", "y"])
    check_golden("too-many-input-columns", str(refused.value), {"unihub": unihub}, path=MODEL)
    for sizes in ({"batch_size": 0}, {"batch_size": -1}, {"batch_size": "8"}, {"resize": 8}):
        with pytest.raises(WrongType) as refused:
            unihub.Predictor(IMAGE, **sizes)
        exec(refused.value.do, {"unihub": unihub})


def test_a_model_without_an_evident_signature(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = str(MODELS / "tf2_sub_objects")
    with pytest.raises(NoSignatureToPredict) as refused:
        unihub.Predictor(path)
    obj = tf.Module()
    obj.call = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
    at_hand = {"unihub": unihub, "tf": tf, "obj": obj, "path": "new"}
    check_golden("no-signature-to-predict", str(refused.value), at_hand, model=path)


def test_numbers_are_cast_by_the_signature():
    expected = unihub.Predictor(MODEL)({"x": X})["output_0"].tolist()
    for x in (X.astype(np.float64), X.astype(np.int16), X.astype(str).tolist(), X.tolist()):
        assert unihub.Predictor(MODEL)({"x": x})["output_0"].tolist() == expected


BAD = [[1.0, 2.0, 3.0], None, [1.0, 2.0], ["a", "b", "c"], [4.0, 5.0, 6.0]]


def test_a_bad_row_is_an_error_that_names_it():
    with pytest.raises(BadRow) as refused:
        unihub.Predictor(MODEL)({"x": BAD})
    check_golden("bad-row", str(refused.value), {"unihub": unihub}, path=MODEL)
    assert refused.value.facts["row"] == 1


def test_bad_rows_are_null_and_counted():
    predict = unihub.Predictor(MODEL, on_bad="null", batch_size=1)
    found = predict({"x": BAD})["output_0"]
    assert found.mask[:, 0].tolist() == [False, True, True, True, False]
    good = predict({"x": [BAD[0], BAD[4]]})["output_0"]
    assert found[[0, 4]].tolist() == good.tolist()
    assert (predict.rows, predict.bad_rows) == (7, 3)


def test_half_a_character_is_a_bad_row():
    """As JSON may have it, in \\ud800."""
    found = unihub.Predictor(TEXT, on_bad="null")({"default": ["\ud800", "a"]})["default"]
    assert found.mask[:, 0].tolist() == [True, False]
    with pytest.raises(BadRow, match="no text in UTF-8"):
        unihub.Predictor(TEXT)({"default": ["a", "\ud800"]})


def test_rows_that_are_bad_in_one_input_leave_the_others_in_step():
    inputs, outputs = answers("tf1_hub_multi", "pair")
    left, right = list(inputs["left"]), list(inputs["right"])
    left[1] = None
    right[2] = [1.5]
    found = unihub.Predictor(MULTI, signature="pair", on_bad="null")({"left": left, "right": right})
    mask = found["larger"].mask[:, 0].tolist()
    assert mask == [False, True, True, False]
    for row in (0, 3):
        assert found["larger"].data[row].tolist() == outputs["larger"][row].tolist()


@pytest.mark.parametrize("value", [1e400, 3.5, -1, 2**40, "x", b"\xff", [[1]], object()])
def test_what_an_integer_input_takes(value):
    left = [[1.0, 2.0, 3.0]]
    predict = unihub.Predictor(MULTI, signature="pair", on_bad="null")
    predict({"left": left, "right": [[value]]})
    assert predict.bad_rows == (0 if value == -1 else 1)


def test_a_float_that_may_have_been_another_integer():
    """Which is what pandas makes of large integers beside a null."""
    predict = unihub.Predictor(MODELS / "tf1_hub_partitioned", on_bad="null")
    found = predict({"default": np.array([2**53 + 1, None, 1.0], float)})["default"]
    assert found.mask[:, 0].tolist() == [True, True, False]


def test_images_are_decoded_and_resized():
    images = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
    column = [png(image) for image in images]
    expected = unihub.Predictor(IMAGE)({"images": images.astype(np.float32) / 255})["default"]
    found = unihub.Predictor(IMAGE)({"images": column})["default"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    larger = png(images[0].repeat(2, 0).repeat(2, 1))
    found = unihub.Predictor(IMAGE, resize=True)({"images": [larger, column[1]]})
    assert np.isfinite(found["default"]).all()
    predict = unihub.Predictor(IMAGE, on_bad="null")
    predict({"images": [larger, column[0], b"no image", png(images[1][:4])]})
    assert predict.bad_rows == 3


def test_images_are_arrays_by_and_by(monkeypatch):
    images = np.random.RandomState(0).randint(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    column = [*map(png, images), b"no image", b"nor this", b"nor this"]
    whole = unihub.Predictor(IMAGE, on_bad="null", batch_size=2)({"images": column})["default"]
    # Two of them.
    monkeypatch.setattr(predictor_module, "_MOST_BYTES", 2 * 4 * 8 * 8 * 3)
    predict = unihub.Predictor(IMAGE, on_bad="null", batch_size=2)
    found = predict({"images": column})["default"]
    assert found.mask[:, 0].tolist() == [False] * 7 + [True] * 3
    np.testing.assert_allclose(found[:7], whole[:7], rtol=1e-6)
    assert (predict.rows, predict.bad_rows) == (10, 3)
    with pytest.raises(BadRow) as refused:
        unihub.Predictor(IMAGE, batch_size=2)({"images": column})
    assert refused.value.facts["row"] == 7


def test_arrow_and_pandas_come_back_as_they_came():
    arrow = pytest.importorskip("pyarrow")
    predict = unihub.Predictor(MODEL, on_bad="null", batch_size=2)
    expected = predict({"x": X})["output_0"]
    column = arrow.array([*X.tolist(), None])
    for kind in (arrow.RecordBatch, arrow.Table):
        found = predict(kind.from_arrays([column], names=["x"]))
        assert type(found) is kind
        assert found.schema.field("output_0").type == arrow.list_(arrow.float32(), 2)
        assert found.column(0).to_pylist() == [*expected.tolist(), None]
    fixed = arrow.FixedSizeListArray.from_arrays(arrow.array(X.reshape(-1)), 3)
    found = predict(arrow.RecordBatch.from_arrays([fixed], names=["x"]))
    assert found.column(0).to_pylist() == expected.tolist()


def test_arrow_of_text_and_numbers():
    arrow = pytest.importorskip("pyarrow")
    inputs, outputs = answers("tf1_saved_model_table", "serving_default")
    predict = unihub.Predictor(MODELS / "tf1_saved_model_table", on_bad="null")
    words = [word.decode() for word in inputs["words"].tolist()]
    found = predict(arrow.table({"words": [*words, None]}))
    assert found.column("ids").to_pylist() == [*outputs["ids"].tolist(), None]
    assert found.column("ids").type == arrow.int64()
    assert predict(arrow.table({"words": arrow.array([], arrow.string())})).num_rows == 0


@pytest.fixture(scope="module")
def of_dtypes(tmp_path_factory):
    if tf.__version__.startswith("1."):
        pytest.skip("it saves by tf.saved_model.save")
    path = str(tmp_path_factory.mktemp("models") / "dtypes")
    save_dtypes(path)
    return path


def test_every_dtype(of_dtypes):
    predict = unihub.Predictor(of_dtypes)
    typed = {n: np.array(v, object if n == "string" else n) for n, v in OF_DTYPES.items()}
    for given in (OF_DTYPES, typed):
        found = predict(given)
        assert all(found[f"y_{n}"].dtype == typed[n].dtype for n in typed)
        check_dtypes({name: values.tolist() for name, values in found.items()})
    # As a csv has them.
    texts = {n: [str(v) for v in values] for n, values in OF_DTYPES.items()}
    check_dtypes({name: values.tolist() for name, values in predict(texts).items()})
    predict = unihub.Predictor(of_dtypes, signature="complex")
    for kind in (list, np.array):
        found = predict({name: kind(values) for name, values in OF_COMPLEX.items()})
        check_dtypes({name: values.tolist() for name, values in found.items()}, OF_COMPLEX)


def test_every_dtype_of_frames(of_dtypes):
    arrow, pandas = pytest.importorskip("pyarrow"), pytest.importorskip("pandas")
    predict = unihub.Predictor(of_dtypes)
    kinds = {"bfloat16": "float32", "bool": "bool_"}
    typed = {n: arrow.array(v, getattr(arrow, kinds.get(n, n))()) for n, v in OF_DTYPES.items()}
    table = predict(arrow.table(typed))
    assert table.schema.field("y_bfloat16").type == arrow.float32()
    assert table.schema.field("z_uint64").type == arrow.list_(arrow.uint64(), 2)
    check_dtypes(table.to_pydict())
    frame = predict(pandas.DataFrame(OF_DTYPES))
    check_dtypes({name: [np.asarray(v).tolist() for v in frame[name]] for name in frame})


def test_dtypes_that_are_no_columns(of_dtypes, tmp_path):
    arrow = pytest.importorskip("pyarrow")
    numbers = {"complex64": arrow.array([1.0]), "complex128": arrow.array([2.0])}
    with pytest.raises(NoColumnType) as refused:
        unihub.Predictor(of_dtypes, signature="complex")(arrow.table(numbers))
    check_golden("no-column-type-complex", str(refused.value), {"unihub": unihub}, path=of_dtypes)
    obj = tf.Module()
    spec = [tf.TensorSpec([None, 2], tf.qint8, "x")]
    obj.call = tf.function(lambda x: {"y": x}, input_signature=spec)
    tf.saved_model.save(obj, str(tmp_path), signatures=obj.call)
    with pytest.raises(NoColumnType) as refused:
        unihub.Predictor(tmp_path)
    check_golden("no-column-type-quantized", str(refused.value), {"unihub": unihub}, path=tmp_path)


@pytest.mark.parametrize("dtype", ["Int64", "float64[pyarrow]"])
def test_nulls_of_pandas_are_no_numbers(dtype):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"default": pandas.Series([1, None, 2], dtype=dtype)})
    predict = unihub.Predictor(MODELS / "tf1_hub_scalar", on_bad="null")
    assert predict(frame)["default"].isna().tolist() == [False, True, False]
    assert predict.bad_rows == 1


def test_pandas_frames_keep_their_index():
    pandas = pytest.importorskip("pandas")
    predict = unihub.Predictor(MODELS / "tf1_hub_scalar", on_bad="null")
    frame = pandas.DataFrame({"x": [1.0, 2.0], "other": ["a", "b"]}, index=["one", "two"])
    found = unihub.Predictor(MODELS / "tf1_hub_scalar", inputs={"default": "x"})(frame)
    assert list(found.index) == ["one", "two"]
    assert found["default"].dtype == np.float32
    found = predict(pandas.DataFrame({"default": pandas.Series([1.0, None], dtype=object)}))
    assert found["default"].isna().tolist() == [False, True]
