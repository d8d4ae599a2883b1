"""Bytes of HTTP to a file, complete or not at all."""
