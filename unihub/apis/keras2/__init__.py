"""tensorflow_hub's KerasLayer, with what Keras 2 and tf_keras need beside it."""
