"""Transfer learning on flowers with a feature vector, in Keras."""

import tensorflow as tf
import tensorflow_hub as hub

print("TF", tf.__version__, "Hub", hub.__version__, "eager", tf.executing_eagerly())

MODEL = "https://www.kaggle.com/models/google/mobilenet-v2/tensorFlow2/100-224-feature-vector/2"
SIZE = (224, 224)
do_fine_tuning = False

model = tf.keras.Sequential(
    [
        tf.keras.layers.InputLayer(input_shape=(*SIZE, 3)),
        hub.KerasLayer(MODEL, trainable=do_fine_tuning),
        tf.keras.layers.Dropout(rate=0.2),
        tf.keras.layers.Dense(5, kernel_regularizer=tf.keras.regularizers.l2(0.0001)),
    ]
)
model.build((None, *SIZE, 3))
model.compile(optimizer="sgd", loss=tf.keras.losses.SparseCategoricalCrossentropy(True))
