"""A run's model, and its train and test steps, compiled."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from solferino.hparams.spec import Config
from solferino.models.core.family import Family
from solferino.models.core.layers.replicas import ALONE, Replicas
from solferino.models.core.layers.trainable import Metrics, Trainable
from solferino.models.core.runs.run_dir import Run
from solferino.models.core.storage import checkpoints
from solferino.models.core.storage.checkpoints import Checkpoint

# From a batch to its metrics, (sum, weight) by name.
Step = Callable[[Mapping[str, np.ndarray]], dict[str, tuple[float, float]]]


def compiled(
    method: Callable[[Mapping[str, tf.Tensor]], Metrics], family: Family, config: Config, replicas: Replicas = ALONE
) -> Step:
    """Compiles a Trainable's train_step or test_step, once for batches of every size and length.

    The metrics are those of all `replicas` together, which must all take the step.
    """
    names: list[str] = []
    features = family.features(config).items()
    signature = {name: tf.TensorSpec([None, *f.shape], f.dtype, name=name) for name, f in features}
    signature['length'] = tf.TensorSpec([None], tf.int32, name='length')

    @tf.function(input_signature=[signature])
    def run(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        metrics = method(batch)
        names[:] = sorted(metrics)  # when it is traced
        # One array, so that a GPU is synchronized once and not for each number.
        return replicas.sum(tf.stack([tf.cast(part, tf.float64) for name in names for part in metrics[name]]))

    def step(batch: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        numbers = run({name: tf.constant(array) for name, array in batch.items()}).numpy().tolist()
        return dict(zip(names, zip(numbers[::2], numbers[1::2], strict=True), strict=True))

    return step


def restored(family: Family, run: Run, checkpoint: Checkpoint | None) -> Trainable:
    """Returns the model of a run as a checkpoint left it, or as it is made."""
    model = family.model(run.config, run.seed)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if checkpoint:
        checkpoints.restore(model, checkpoint)
    return model
