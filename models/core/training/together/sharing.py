"""Training by several processes together, see `layers/replicas.py`: how they begin alike, and what the others do.

The first process does all that a training run by itself does. The others only compute: they need the examples and the
same flags, and no disk that they share with it.
"""

import hashlib
import json
import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from solferino.hparams.errors import SolferinoError
from solferino.models.core.layers.replicas import Replicas
from solferino.models.core.layers.trainable import Trainable
from solferino.models.core.training.data import Batches, Dataset
from solferino.models.core.training.steps import compiled

_log = logging.getLogger(__name__)


def begin_alike(model: Trainable, replicas: Replicas, facts: Sequence[Any]) -> None:
    """Gives all processes the first one's weights and optimizer state.

    Args:
      model: in the state to begin with, which only that of the first process must be.
      replicas: the processes.
      facts: what must be the same everywhere, as JSON can hold it.

    Raises:
      SolferinoError: a process was started with other flags or other examples.
    """
    if replicas.count == 1:
        return
    own = int(hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12], 16)
    row = np.zeros(replicas.count, np.int64)
    row[replicas.index] = own
    all_rows = tf.function(replicas.sum)(tf.constant(row)).numpy()
    different = np.flatnonzero(all_rows != all_rows[0]).tolist()
    if different:
        raise SolferinoError(
            f'The processes do not train the same: number {", ".join(map(str, different))} of {replicas.count}, '
            'counted from 0, has other flags or other examples than number 0. Start all with the same command on the '
            'same files; to go on with a run, with the --config, --hparams and --seed that it was begun with, which '
            'only number 0 finds in its --run_dir.'
        )
    variables = [*model.named_weights().values(), *model.named_optimizer_state().values()]

    @tf.function
    def spread() -> None:
        for variable in variables:
            value = tf.convert_to_tensor(variable)
            variable.assign(replicas.sum(value if replicas.index == 0 else tf.zeros_like(value)))

    spread()


def assist(
    model: Trainable, dataset: Dataset, seed: int, facts: Sequence[Any], num_steps: int, stop: Callable[[], bool]
) -> None:
    """Takes the same steps as the first process until it ends, with this process's share of each batch.

    Args:
      model: with its replicas.
      dataset: all training examples.
      seed: of the order.
      facts: see `begin_alike`.
      num_steps: the step at which training ends; 0 for no end.
      stop: whether the user wants to end.

    Raises:
      SolferinoError: see `begin_alike`; or training diverges.
    """
    replicas = model.replicas
    begin_alike(model, replicas, facts)
    _log.info('Process %d of %d computes; number 0 saves and reports.', replicas.index, replicas.count)
    batches = Batches(dataset, dataset.config.hparams.batch_size, seed, (replicas.index, replicas.count))
    train_step = compiled(model.train_step, dataset.family, dataset.config, replicas)
    step = int(model.optimizer.iterations.numpy())
    while not 0 < num_steps <= step and not replicas.any(stop()):
        metrics = train_step(batches.batch(step))
        step += 1
        for name in ('loss', 'gradient_norm'):
            if not math.isfinite(metrics[name][0]):
                raise SolferinoError(f'The {name.replace("_", " ")} is not finite at step {step}. Process 0 says more.')
    replicas.any(False)  # until the first one has done the rest: where one ends early, it is taken for lost
