"""Reads SavedModels bounded and without TensorFlow or protobuf; `unihub.formats` is its front."""
