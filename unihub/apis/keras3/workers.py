"""Things that Keras 3 does not do where several workers train together."""

from __future__ import annotations

import tensorflow as tf

from unihub.apis.keras.errors import warn_of
from unihub.errors import UnihubError


class FitUnderWorkers(UnihubError, NotImplementedError):
    """A layer is made where fit() of Keras 3 does not run."""

    code = "fit-under-workers"
    what = "{handle} is a layer of Keras 3 under {strategy} of {replicas} replicas."
    why = (
        "fit() of Keras 3 does not run there, whatever the layers are: it ends with 'Attempt to "
        "convert a value (PerReplica...)'. MirroredStrategy it runs under, and tf_keras under both."
    )
    do = (
        'm = unihub.load({handle!r}, op="fine_tuning", api="load")  # and strategy.run; '
        "or pip install tf-keras, and set TF_USE_LEGACY_KERAS=1"
    )


class FitUnderWorkersWarning(UserWarning):
    """A layer is made where fit() of Keras 3 does not run."""


def warn_of_workers(handle: str) -> None:
    """Warns in the scope of a strategy of several workers, where a loop of one's own runs."""
    strategy = tf.distribute.get_strategy()
    # Of which MultiWorkerMirroredStrategy is the public name.
    base = "CollectiveAllReduceStrategy"
    replicas = strategy.num_replicas_in_sync
    if replicas > 1 and base in [kind.__name__ for kind in type(strategy).__mro__]:
        name = "MultiWorkerMirroredStrategy"
        found = FitUnderWorkers(handle=handle, strategy=name, replicas=replicas)
        warn_of(found, FitUnderWorkersWarning)
