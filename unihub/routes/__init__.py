"""What serves the cells of the matrix: the one place that imports TensorFlow and Keras."""
