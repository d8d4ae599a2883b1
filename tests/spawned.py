"""What a spawned process runs: it finds this module by its name, as it does no test file."""

from __future__ import annotations

from typing import Any, List

import numpy as np
import tensorflow as tf

import unihub


def answer(path: str, inputs: Any) -> List[float]:
    """What a model in a TF1 format says."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        outputs = unihub.load(path)(inputs)
        unihub.initialize(session)
        found: List[float] = session.run(outputs).tolist()
        return found


def call(loaded: Any, inputs: Any) -> List[float]:
    """What a model says that was loaded in another process."""
    found: List[float] = np.asarray(loaded(inputs)).tolist()
    return found


def predict(predictor: Any, inputs: Any) -> List[float]:
    """What a Predictor says that was made in another process, of its only input."""
    (found,) = predictor({"x": inputs}).values()
    return list(found.tolist())
