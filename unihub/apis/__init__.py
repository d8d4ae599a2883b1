"""The apis that serve the cells of the matrix, with TensorFlow."""
