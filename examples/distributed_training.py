"""Fine-tunes features by two replicas, and compares the losses with those of one.

With Keras 2 and tf_keras the replicas are two worker processes of this machine, under
tf.distribute.MultiWorkerMirroredStrategy. fit() of Keras 3 does not run under that one; there
they are two devices of one process, under MirroredStrategy.

    python examples/distributed_training.py

The exit status is 1 if a loss differs, or the accuracy on new points falls short.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

import unihub

IS_KERAS3 = unihub.environment().keras.value == "keras3"
if IS_KERAS3:
    import keras
else:
    from tensorflow import keras

REQUIRED_ACCURACY = 0.95
REPLICAS = 2
# Of all replicas together: each takes its share.
BATCH = 50


class Features(tf.train.Checkpoint):
    """Sixteen features of a point, as a Reusable SavedModel."""

    def __init__(self):
        super().__init__()
        start = np.random.RandomState(0).normal(size=(3, 16)).astype(np.float32)
        self.kernel, self.bias = tf.Variable(start[:2]), tf.Variable(start[2])
        self.variables = self.trainable_variables = [self.kernel, self.bias]
        self.regularization_losses = []

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def __call__(self, points):
        return tf.nn.relu(points @ self.kernel + self.bias)


def make_points(count, seed):
    """Points of the plane, and whether they are within a circle."""
    points = np.random.RandomState(seed).uniform(-1, 1, (count, 2)).astype(np.float32)
    return points, (np.sum(points**2, axis=1, keepdims=True) < 0.6).astype(np.float32)


def train(handle, strategy):
    """The losses of each epoch, and the accuracy on new points."""
    with strategy.scope() if strategy else contextlib.nullcontext():
        layer = unihub.load(handle, op="fine_tuning")
        head = keras.layers.Dense(1, kernel_initializer="zeros")
        model = keras.Sequential([keras.layers.InputLayer((2,)), layer, head])
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.05), loss)
    rows = tf.data.Dataset.from_tensor_slices(make_points(500, seed=1))
    history = model.fit(rows.batch(BATCH), epochs=12, verbose=0).history
    points, labels = make_points(500, seed=2)
    kernel, bias = head.get_weights()
    logits = layer(tf.constant(points)).numpy() @ kernel + bias
    return history["loss"], float(np.mean((logits > 0) == (labels > 0)))


def replica(handle):
    """Trains as one of several, in a process of its own."""
    if IS_KERAS3:
        cpu = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * REPLICAS
        tf.config.set_logical_device_configuration(cpu, devices)
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(REPLICAS)])
    else:
        # The other one is in TF_CONFIG.
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    print(json.dumps([strategy.num_replicas_in_sync, *train(handle, strategy)]))


def started(handle):
    """The processes of the replicas."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(REPLICAS)]
    for index in range(1 if IS_KERAS3 else REPLICAS):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        environment = dict(os.environ) if IS_KERAS3 else {**os.environ, "TF_CONFIG": config}
        command = [sys.executable, os.path.abspath(__file__), handle]
        yield subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def main():
    with tempfile.TemporaryDirectory() as folder:
        handle = os.path.join(folder, "features")
        unihub.save(Features(), handle)
        workers = list(started(handle))
        alone, accuracy = train(handle, strategy=None)
        printed = [worker.communicate()[0].splitlines()[-1:] for worker in workers]
    print(f"losses of one:      {', '.join(f'{loss:.6f}' for loss in alone)}")
    found = [json.loads(lines[0]) for lines in printed if lines]
    for replicas, losses, together in found:
        print(f"of {replicas} replicas:      {', '.join(f'{loss:.6f}' for loss in losses)}")
        accuracy = min(accuracy, together)
    print(f"accuracy on new points: {accuracy:.3f}")
    same = [np.allclose(losses, alone, rtol=1e-4) for _, losses, _ in found]
    is_right = len(found) == len(workers) and all(same)
    return 0 if is_right and accuracy >= REQUIRED_ACCURACY else 1


if __name__ == "__main__":
    sys.exit(replica(sys.argv[1]) if len(sys.argv) > 1 else main())
