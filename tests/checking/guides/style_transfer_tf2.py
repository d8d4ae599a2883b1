"""Arbitrary style transfer: a TF2 SavedModel that is loaded and called."""

import tensorflow as tf
import tensorflow_hub as hub

HANDLE = "https://tfhub.dev/google/magenta/arbitrary-image-stylization-v1-256/2"


class Stylist:
    def __init__(self):
        self.module = hub.load(HANDLE)

    def __call__(self, content, style):
        return self.module(tf.constant(content), tf.constant(style))[0]
