"""Labels the lines of a file by a model, in a batch pipeline with two worker processes.

    pip install "unihub[beam]"
    python examples/beam_batch.py

Each line keeps its number (KeyedModelHandler), lines go to the model in batches, and two copies of
it serve all workers (model_copies). The exit status is 1 if a line is missing, or comes twice.
"""

import os
import sys
import tempfile

import apache_beam as beam
import tensorflow as tf
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

import unihub
from unihub.engines.beam import ModelHandler

LINES = 2000


class Words(tf.train.Checkpoint):
    """Counts the words of a line: as a model, whatever it is."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "lines")])
    def __call__(self, lines):
        return tf.strings.split(lines).row_lengths()


def numbered(line):
    number, _, text = line.partition("\t")
    return int(number), text


def as_text(answer):
    number, result = answer
    return f"{number}\t{int(result.inference)}"


def main(arguments):
    with tempfile.TemporaryDirectory() as folder:
        model, lines = os.path.join(folder, "words"), os.path.join(folder, "lines.txt")
        unihub.save(Words(), model)
        with open(lines, "w") as file:
            file.writelines(f"{number}\t{'word ' * (number % 7)}\n" for number in range(LINES))

        here = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
        handler = ModelHandler(model, min_batch_size=16, max_batch_size=256, model_copies=2)
        with beam.Pipeline(options=PipelineOptions(arguments or here)) as pipeline:
            _ = (
                pipeline
                | beam.io.ReadFromText(lines)
                | beam.Reshuffle()
                | beam.Map(numbered)
                | RunInference(KeyedModelHandler(handler))
                | beam.Map(as_text)
                | beam.io.WriteToText(os.path.join(folder, "counts"))
            )

        counts = []
        for name in os.listdir(folder):
            if name.startswith("counts"):
                with open(os.path.join(folder, name)) as file:
                    counts += [tuple(map(int, line.split("\t"))) for line in file]
    print(f"{len(counts)} lines, {sum(count for _, count in counts)} words")
    return 0 if sorted(counts) == [(number, number % 7) for number in range(LINES)] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
