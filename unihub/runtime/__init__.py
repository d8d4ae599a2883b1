"""The TensorFlow that is loaded or installed here, and its mode."""

from __future__ import annotations

from unihub.runtime.tensorflow import OLDEST_TENSORFLOW as OLDEST_TENSORFLOW
from unihub.runtime.tensorflow import TENSORFLOW_DISTRIBUTIONS as TENSORFLOW_DISTRIBUTIONS
from unihub.runtime.tensorflow import Context as Context
from unihub.runtime.tensorflow import TensorFlowMissing as TensorFlowMissing
from unihub.runtime.tensorflow import TensorFlowTooOld as TensorFlowTooOld
from unihub.runtime.tensorflow import current_context as current_context
from unihub.runtime.tensorflow import current_runtime as current_runtime
from unihub.runtime.tensorflow import imported_tensorflow as imported_tensorflow
from unihub.runtime.tensorflow import is_imported as is_imported
from unihub.runtime.tensorflow import is_newer as is_newer
from unihub.runtime.tensorflow import release_of as release_of
from unihub.runtime.tensorflow import tensorflow_version as tensorflow_version
