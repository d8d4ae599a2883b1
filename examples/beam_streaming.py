"""Runs a model over a stream, and takes the next version of it without a stop.

    pip install "unihub[beam]"
    python examples/beam_streaming.py

RunInference is told of new versions by a side input (automatic model refresh). Rows and versions
are played to the runner of this process by a TestStream, a version for each window of time. On a
cluster rows come from Pub/Sub or Kafka, and the versions of a folder are

    versions = pipeline | WatchFilePattern("models/*/saved_model.pb", interval=60)

The exit status is 1 if a row has no answer, or one by another version.
"""

import os
import sys
import tempfile

import apache_beam as beam
import tensorflow as tf
from apache_beam.ml.inference.base import KeyedModelHandler, ModelMetadata, RunInference
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import FixedWindows, TimestampedValue

import unihub
from unihub.engines.beam import ModelHandler

VERSIONS, ROWS, SECONDS = 2, 5, 60


class Times(tf.train.Checkpoint):
    """Multiplies; the factor tells the version."""

    def __init__(self, factor):
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def __call__(self, x):
        return x * self.factor


def played(models):
    """For each model its file, as WatchFilePattern finds it, and numbered rows a second apart."""
    stream = TestStream()
    for place, model in enumerate(models):
        start = place * SECONDS
        found = ModelMetadata(os.path.join(model, "saved_model.pb"), f"version {place + 1}")
        rows = [TimestampedValue((place * ROWS + n, 1.0), start + n) for n in range(ROWS)]
        stream.advance_watermark_to(start, tag="versions").advance_watermark_to(start, tag="rows")
        stream.add_elements([TimestampedValue(found, start)], tag="versions")
        stream.add_elements(rows, tag="rows")
    for tag in ("versions", "rows"):
        stream.advance_watermark_to_infinity(tag=tag)
    return stream


def note(answer, folder):
    """Writes an answer as the name of a file, which is not there yet."""
    number, result = answer
    with open(os.path.join(folder, f"{number}-{float(result.inference)}"), "x"):
        pass


def main(arguments):
    with tempfile.TemporaryDirectory() as folder:
        models = [os.path.join(folder, "models", str(n + 1)) for n in range(VERSIONS)]
        for place, model in enumerate(models):
            unihub.save(Times(place + 1.0), model)
        answers = os.path.join(folder, "answers")
        os.mkdir(answers)

        options = PipelineOptions(arguments, streaming=True)
        with beam.Pipeline("BundleBasedDirectRunner", options=options) as pipeline:
            stream = pipeline | played(models)
            windows = beam.WindowInto(FixedWindows(SECONDS))
            versions = stream["versions"] | "windows of versions" >> windows
            handler = KeyedModelHandler(ModelHandler(models[0], max_batch_size=8))
            _ = (
                stream["rows"]
                | "windows of rows" >> windows
                | RunInference(handler, model_metadata_pcoll=versions)
                | beam.Map(note, answers)
            )
        found = sorted(tuple(map(float, name.split("-"))) for name in os.listdir(answers))
    for number, factor in found:
        print(f"row {number:.0f}: by version {factor:.0f}")
    expected = [(row, 1.0 + row // ROWS) for row in range(VERSIONS * ROWS)]
    return 0 if found == expected else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
