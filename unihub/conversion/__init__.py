"""Conversion of the TF1 formats into Reusable SavedModels, and their validation."""
