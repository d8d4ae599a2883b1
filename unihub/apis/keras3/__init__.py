"""A SavedModel as a layer of Keras 3."""
