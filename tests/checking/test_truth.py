"""What `check` says of a script is what the script does when it is run here."""

from __future__ import annotations

import sys

import pytest
from checking.checked import model_with_op
from conftest import MODELS

from unihub.checking import Level, check

IMAGE, MULTI = MODELS / "tf1_hub_image", MODELS / "tf1_hub_multi"
TAGS, SAVED_MODEL = MODELS / "tf1_saved_model_tags", MODELS / "tf1_saved_model_pb"
REUSABLE = MODELS / "tf2_reusable"

SCRIPTS = [
    f"hub.Module('{IMAGE}')",
    f"with tf.Graph().as_default(): hub.Module('{IMAGE}')",
    f"with tf.Graph().as_default(): hub.Module('{IMAGE}', tags={{'gpu'}})",
    f"with tf.Graph().as_default(): hub.Module('{MULTI}')(tf.zeros([1, 3]), signature='pears')",
    (
        f"with tf.Graph().as_default(): hub.Module('{MULTI}')(tf.zeros([1, 3]), signature='score', "
        "as_dict=True)"
    ),
    f"hub.load('{MULTI}')(tf.zeros([1, 3]))",
    f"hub.load('{MULTI}').signatures['default'](tf.zeros([1, 3]))",
    f"hub.load('{MULTI}').signatures['pears']",
    f"hub.load('{REUSABLE}')(tf.zeros([1, 3]))",
    f"hub.load('{TAGS}')",
    f"hub.load('{TAGS}', tags=['serve'])",
    f"hub.load('{IMAGE}', tags=['gpu'])",
    f"hub.KerasLayer('{MULTI}')(tf.zeros([1, 3]))",
    f"hub.KerasLayer('{MULTI}', trainable=True)(tf.zeros([1, 3]))",
    f"hub.KerasLayer('{REUSABLE}', trainable=True)(tf.zeros([1, 3]))",
    f"hub.KerasLayer('{SAVED_MODEL}')",
    (
        f"hub.KerasLayer('{REUSABLE}', signature='serving_default', output_key='output_0', "
        "trainable=True)(tf.zeros([1, 3]))"
    ),
    f"tf.keras.Sequential([hub.KerasLayer('{REUSABLE}')])",
    f"x = tf.keras.Input([3])\nhub.KerasLayer('{REUSABLE}')(x)",
    "hub.text_embedding_column_v2",
    "hub.no_such_name",
    f"hub.load('{MODELS}')",
    "hub.load('<text model>')",
    "hub.KerasLayer('<text model>')",
    "with tf.Graph().as_default(): hub.Module('<text model>')",
]


@pytest.mark.parametrize("library", ["tensorflow_hub", "unihub"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_errors_are_found_where_the_script_raises(script, library, tmp_path, monkeypatch):
    import tensorflow as tf

    # Another test may have imported it by unihub's means, which the script has not.
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow_hub"]:
        monkeypatch.delitem(sys.modules, name)

    if "<text model>" in script:
        script = script.replace("<text model>", str(model_with_op(tmp_path / "model")))
    text = f"import tensorflow as tf\nimport {library} as hub\n{script}\n"
    file = tmp_path / "script.py"
    file.write_text(text)
    errors = [one for one in check([file]).findings if one.level is Level.ERROR]
    assert raises(text, tf) == bool(errors), errors


def raises(text, tf):
    try:
        exec(compile(text, "script", "exec"), {})
    # Whatever it is that the script raises.
    except Exception as error:
        print(repr(error))
        return True
    return False
