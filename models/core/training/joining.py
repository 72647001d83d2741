"""What the processes of a cluster must agree on, and what is said when one of them is lost."""

import contextlib
from collections.abc import Iterator
from typing import Any

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models.core.layers.replicas import Cluster, LostError
from solferino.models.core.runs.run_dir import Run
from solferino.models.core.training.data import Dataset


def facts(run: Run, dataset: Dataset, num_steps: int) -> list[Any]:
    """What must be the same for all processes of a cluster, as JSON can hold it."""
    config = run.config
    settled = [overrides.as_dict(part) for part in (config.hparams, config.extraction)]
    return [config.name, *settled, run.seed, dataset.fingerprint, num_steps]


@contextlib.contextmanager
def loss_told(cluster: Cluster | None) -> Iterator[None]:
    """Raises LostError for what TensorFlow raises when another process of a cluster is gone."""
    try:
        yield
    except Exception as error:
        if cluster is None or isinstance(error, SolferinoError):
            raise
        import tensorflow as tf

        gone = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        if not isinstance(error, gone) and 'ollective' not in str(error):
            raise
        raise LostError(
            'Another process of this training is gone. Start it again; from the last checkpoint on all go on together.'
        ) from None
