"""Tells what a model is from its files alone, without TensorFlow."""
