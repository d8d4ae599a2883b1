"""What a tf.distribute strategy leaves of the TF1 formats."""

from __future__ import annotations

import tensorflow as tf

from unihub.errors import UnihubError
from unihub.matrix.values import Format


class StrategyNotSupported(UnihubError, ValueError, NotImplementedError):
    """A model in a TF1 format is loaded under a distribution strategy."""

    code = "strategy-not-supported"
    what = "{handle} cannot be used under {strategy}: it is in {format}."
    why = (
        "a TF1 graph brings its own variables and tables, each on one device, which the "
        "strategy neither mirrors nor initialises on the others. (replicas: {replicas}; "
        "operation: {operation})"
    )
    do = (
        "use a TF2 version of the model; or load and call it outside of the strategy: "
        "dataset.map(unihub.load({handle!r})), or on one device."
    )


def check_strategy(handle: str, format: Format, fine_tuning: bool = False) -> None:
    """Refuses a TF1 format where a strategy would make it fail later.

    With one replica inference works; training never does, for the gradients
    of variables that no strategy created are not reduced.

    Raises:
        StrategyNotSupported: when a strategy is active.
    """
    if format is Format.TF2_SAVED_MODEL or not tf.distribute.has_strategy():
        return
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    if replicas == 1 and not fine_tuning:
        return
    raise StrategyNotSupported(
        handle=handle,
        strategy=type(strategy).__name__,
        format=format.label,
        replicas=replicas,
        operation="fine-tuning" if fine_tuning else "inference",
    )
