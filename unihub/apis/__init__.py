"""What serves the cells of the matrix; with `conversion`, the rooms that import TensorFlow."""
