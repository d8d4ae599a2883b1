"""Brings a model to a local folder: download, extraction, cache; `unihub.fetch` is its front."""
