"""The base of those errors that are errors of TensorFlow's own as well."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from unihub.errors import UnihubError


class TensorFlowError(UnihubError):
    """Base of the errors that are a tf.errors class as well."""

    error_code = tf.errors.UNKNOWN

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        text = UnihubError.__str__(self)
        tf.errors.OpError.__init__(self, None, None, text, self.error_code)  # type: ignore
        self.args = (text,)
