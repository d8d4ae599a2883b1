"""Models over many rows: columns in, columns out, in this process and on engines."""
