"""What a model is, told from its files alone, without TensorFlow."""
