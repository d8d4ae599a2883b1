"""Mistakes that pyright finds: each line with `# error` is one, and no other is."""

from __future__ import annotations

import unihub
import unihub as hub

unihub.laod("model")  # error
unihub.load("model", api="kears")  # error
unihub.load("model", op="finetuning")  # error
unihub.load("model", op="creation")  # error
unihub.load("model", weights="map")  # error
unihub.load("model", on_unsafe="stop")  # error
unihub.load("model", sinature="default")  # error
unihub.load("model", api="load", dtype="string")  # error
unihub.load("model", api="module", output_shape=[1])  # error
unihub.load(1)  # error
unihub.load("model", api="module").get_signatures()  # error
hub.KerasLayer("model", trainabel=True)  # error
hub.KerasLayer("model", trainable=True, input_shpae=[])  # error
hub.Module("model", trainable=True, tag={"train"})  # error
hub.text_embedding_column("text", module="model")  # error
hub.text_embedding_colunm("text", "model")  # error
unihub.support("tf1")  # error
unihub.support("tf1_hub", runtime="tf3")  # error
unihub.save(object(), "path", format="h5")  # error
unihub.Predictor("model", on_bad="skip")  # error
print(unihub.Runtime.TF3)  # error
print(unihub.inspect("model").signatues)  # error
unihub.configure(ofline=True)  # error
unihub.configure(retries=[3])  # error
unihub.configure(on_unsafe="stop")  # error
unihub.functional("model", trainning=True)  # error
