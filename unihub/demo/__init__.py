"""Every cell of the matrix, run on models that the package carries."""
