"""The Keras model that the trainer knows: a train step, a test step, named state."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from solferino.models.core.layers import recurrent_ops
from solferino.models.core.layers.replicas import ALONE, Replicas

# A metric of one batch, or of many added up: name -> (sum, weight). Its value is sum / weight, so that a smaller batch
# counts less.
Metrics = Mapping[str, tuple[tf.Tensor, tf.Tensor]]


class Trainable(keras.Model):
    """A model that trains itself one batch at a time.

    A subclass builds its variables and sets `self.optimizer` in its constructor. All randomness in `train_step` is
    drawn statelessly from its seed and `self.optimizer.iterations`, so that a resumed run repeats an uninterrupted one.
    """

    optimizer: keras.optimizers.Optimizer
    # The processes that train the model together; set before the steps are compiled.
    replicas: Replicas = ALONE
    compares = False
    # For people: what the reported values mean, by TensorBoard name.
    descriptions: ClassVar[Mapping[str, str]] = {}
    # Values that only repeat another one, for TensorBoard.
    repetitions: ClassVar[tuple[str, ...]] = ()

    def begin(self, examples: Iterable[Mapping[str, np.ndarray]]) -> None:
        """Sees the encoded training examples before the first step of a run that begins with random weights."""

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """One update from a batch: the family's features, padded, and 'length' [B] int32. Runs in a tf.function.

        Returns metrics under their TensorBoard names; 'loss' (nats, minimized), 'events' (how many were trained on)
        and 'gradient_norm' (global, before clipping) must be among them. Gradients are averaged over all processes by
        `self.replicas.mean` before anything else is done with them, and what is drawn is drawn by `self.replicas.seed`.
        """
        raise NotImplementedError

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """The metrics of a batch without dropout and without an update; 'loss' must be among them."""
        raise NotImplementedError

    def thorough_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """The step of `--eval_once`: the metrics of `test_step`, and those that are slow to compute for a batch."""
        return self.test_step(batch)

    def histograms(self, batch: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        """Values for histograms, by TensorBoard name, for a batch of held-out examples."""
        return {}

    def compare(self, training: Mapping[str, float], held_out: Mapping[str, float]) -> dict[str, float]:
        """More values to report, from the values of a sample of training examples and of held-out examples.

        Only called where `compares` is True, as the sample must be evaluated for it.
        """
        return {}

    def thorough(self, values: Mapping[str, float]) -> dict[str, float]:
        """More values for `--eval_once`, too slow for each evaluation; `values` are the others."""
        return {}

    def derived(self, values: Mapping[str, float]) -> dict[str, float]:
        """More values to report, from the metrics' values (such as perplexity from loss)."""
        return {}

    def remarks(self, values: Mapping[str, float]) -> list[str]:
        """Sentences for a musician about odd values of an evaluation."""
        return []

    def named_weights(self) -> dict[str, Any]:
        """The weights by name: what generation needs, what a bundle holds. Names are without Keras's counters."""
        return {_short(v): v for v in self.trainable_variables + self.non_trainable_variables if not _is_optimizer(v)}

    def named_optimizer_state(self) -> dict[str, Any]:
        """The optimizer's variables by index, as Keras counts in their names: with the weights, all that resuming
        needs."""
        return {f'{i:04d}': v for i, v in enumerate(self.optimizer.variables)}


class Supervised(Trainable):
    """A model that is trained by the gradient of its loss, which `measure` computes.

    Args:
      name: for Keras.
      seed: of the initial weights and of dropout.
      clip_norm: the global norm to which `clip` scales gradients down.
    """

    def __init__(self, name: str, seed: int, clip_norm: float) -> None:
        super().__init__(name=name)
        self._seed = seed
        self._clip_norm = clip_norm

    def measure(self, batch: Mapping[str, tf.Tensor], training: bool) -> Metrics:
        """The metrics of a batch, with dropout if `training`; 'loss', whose mean is minimized, must be among them."""
        raise NotImplementedError

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: a step of the optimizer with the clipped gradient of the mean loss."""
        with tf.GradientTape() as tape:
            metrics = self.measure(batch, training=True)
            total, weight = metrics['loss']
            loss = total / weight
        own = [tf.convert_to_tensor(g) for g in tape.gradient(loss, self.trainable_variables)]
        gradients = self.replicas.mean(own, weight)
        norm = tf.linalg.global_norm(gradients)
        self.optimizer.apply(self.clip(gradients, norm), self.trainable_variables)
        return {**metrics, 'gradient_norm': (norm, tf.ones_like(norm)), 'events': (weight, tf.ones_like(weight))}

    def clip(self, gradients: list[tf.Tensor], norm: tf.Tensor) -> list[tf.Tensor]:
        """Returns the trainable variables' gradients, whose global norm is `norm`, scaled down."""
        return tf.clip_by_global_norm(gradients, self._clip_norm, norm)[0]

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable."""
        return self.measure(batch, training=False)

    def dropout(self, x: tf.Tensor, keep: float, index: int = 0, count: int = 1) -> tf.Tensor:
        """Dropout by the seed, the step and the index alone: a resumed run drops the same units.

        Args:
          x: of any shape.
          keep: probability that a value is kept.
          index, count: which of the model's dropouts this is, from 0, and how many there are.
        """
        if keep == 1:
            return x
        step = tf.cast(self.optimizer.iterations, tf.int64)
        seed = tf.stack([tf.constant(self.replicas.seed(self._seed), tf.int64), step * count + index])
        return recurrent_ops.dropout(x, seed, keep)


def seeds(seed: int) -> Iterator[int]:
    """Yields a seed for each of a model's matrices."""
    return itertools.count(seed, 1_000_003)


def learning_rate(highest: float, decay_steps: int) -> Any:
    """A learning rate that falls linearly to zero in `decay_steps` steps, or stays constant if these are 0."""
    if not decay_steps:
        return highest
    return keras.optimizers.schedules.PolynomialDecay(highest, decay_steps, end_learning_rate=0.0)


def perplexity(loss: float) -> float:
    """The exponential of a loss in nats."""
    return math.exp(min(loss, 80.0))  # beyond, the perplexity leaves float32


def _short(variable: Any) -> str:
    """'event_rnn_3/lstm_1/kernel' -> 'lstm_1/kernel': Keras numbers its models."""
    return variable.path.split('/', 1)[-1]


def _is_optimizer(variable: Any) -> bool:
    return 'seed_generator' in variable.path
