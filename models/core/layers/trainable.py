"""The Keras model that the trainer knows: a train step, a test step, named state."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from solferino.models.core.layers import recurrent_ops

# A metric of one batch, or of many added up: name -> (sum, weight). Its value is sum / weight, so that a partial
# batch counts for what it holds.
Metrics = Mapping[str, tuple[tf.Tensor, tf.Tensor]]


class Trainable(keras.Model):
    """A model that trains itself one batch at a time.

    A subclass builds its variables and sets `self.optimizer` in its constructor. All randomness in `train_step` is
    drawn statelessly from its seed and `self.optimizer.iterations`, so that a resumed run repeats an uninterrupted one.
    """

    optimizer: keras.optimizers.Optimizer
    compares = False
    # What the values that it reports mean, by TensorBoard name, for people.
    descriptions: ClassVar[Mapping[str, str]] = {}
    # Those of them that only say again, for TensorBoard, what another one does.
    repetitions: ClassVar[tuple[str, ...]] = ()

    def begin(self, examples: Iterable[Mapping[str, np.ndarray]]) -> None:
        """Looks at the training examples, encoded, before the first step of a run that begins with random weights."""

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """One update from a batch: the family's features, padded, and 'length' [B] int32. Runs in a tf.function.

        Returns metrics under their TensorBoard names; 'loss' (nats, what is minimized), 'events' (the number of
        events trained on) and 'gradient_norm' (global, before clipping) must be among them.
        """
        raise NotImplementedError

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """The metrics of a batch without dropout and without an update; 'loss' must be among them."""
        raise NotImplementedError

    def thorough_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """What `--eval_once` takes instead of `test_step`: the same metrics, and those that take long for a batch."""
        return self.test_step(batch)

    def histograms(self, batch: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        """Values to show the distribution of, by TensorBoard name, for a batch of held-out examples."""
        return {}

    def compare(self, training: Mapping[str, float], held_out: Mapping[str, float]) -> dict[str, float]:
        """More values to report, from those of a sample of the training examples and of the held-out ones.

        Only asked for where `compares` is True, as it takes an evaluation of the sample.
        """
        return {}

    def thorough(self, values: Mapping[str, float]) -> dict[str, float]:
        """More values that take too long to be had at each evaluation, for `--eval_once`; `values` are the others."""
        return {}

    def derived(self, values: Mapping[str, float]) -> dict[str, float]:
        """More values to report, from the metrics' values (such as perplexity from loss)."""
        return {}

    def remarks(self, values: Mapping[str, float]) -> list[str]:
        """What is odd about the values of an evaluation, in sentences for a musician."""
        return []

    def named_weights(self) -> dict[str, Any]:
        """The weights by name: what generation needs, what a bundle holds. Names carry no trace of Keras's counters."""
        return {_short(v): v for v in self.trainable_variables + self.non_trainable_variables if not _is_optimizer(v)}

    def named_optimizer_state(self) -> dict[str, Any]:
        """The optimizer's variables by position, since Keras counts in their names, too: with the weights, all that
        resuming needs."""
        return {f'{i:04d}': v for i, v in enumerate(self.optimizer.variables)}


class Supervised(Trainable):
    """A model whose loss is differentiated: it has only to say what that is, in `measure`.

    Args:
      name: for Keras.
      seed: of the initial weights and of dropout.
      clip_norm: the norm to which `clip` scales gradients down, globally.
    """

    def __init__(self, name: str, seed: int, clip_norm: float) -> None:
        super().__init__(name=name)
        self._seed = seed
        self._clip_norm = clip_norm

    def measure(self, batch: Mapping[str, tf.Tensor], training: bool) -> Metrics:
        """The metrics of a batch, with dropout if it is for training; 'loss', whose mean is minimized, among them."""
        raise NotImplementedError

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: the optimizer's step down the gradient of the mean loss, clipped."""
        with tf.GradientTape() as tape:
            metrics = self.measure(batch, training=True)
            total, weight = metrics['loss']
            loss = total / weight
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, self.trainable_variables)]
        norm = tf.linalg.global_norm(gradients)
        self.optimizer.apply(self.clip(gradients, norm), self.trainable_variables)
        return {**metrics, 'gradient_norm': (norm, tf.ones_like(norm)), 'events': (weight, tf.ones_like(weight))}

    def clip(self, gradients: list[tf.Tensor], norm: tf.Tensor) -> list[tf.Tensor]:
        """Returns the trainable variables' gradients, whose global norm is `norm`, scaled down."""
        return tf.clip_by_global_norm(gradients, self._clip_norm, norm)[0]

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable."""
        return self.measure(batch, training=False)

    def drop_out(self, x: tf.Tensor, keep: float, place: int = 0, places: int = 1) -> tf.Tensor:
        """Drops units by the seed, the step and the place in the model alone: a resumed run drops the same ones.

        Args:
          x: of any shape.
          keep: probability that a number is kept.
          place, places: which of the model's dropouts this is, from 0, and of how many.
        """
        if keep == 1:
            return x
        step = tf.cast(self.optimizer.iterations, tf.int64)
        seed = tf.stack([tf.constant(self._seed, tf.int64), step * places + place])
        return recurrent_ops.drop_out(x, seed, keep)


def seeds(seed: int) -> Iterator[int]:
    """Yields a seed for each of a model's matrices."""
    return itertools.count(seed, 1_000_003)


def learning_rate(highest: float, decay_steps: int) -> Any:
    """A learning rate that falls in a straight line to zero in so many steps, or stays as it is if they are 0."""
    if not decay_steps:
        return highest
    return keras.optimizers.schedules.PolynomialDecay(highest, decay_steps, end_learning_rate=0.0)


def perplexity(loss: float) -> float:
    """The exponential of a loss in nats."""
    return math.exp(min(loss, 80.0))  # one of more has no float32 perplexity worth plotting


def _short(variable: Any) -> str:
    """'event_rnn_3/lstm_1/kernel' -> 'lstm_1/kernel': Keras numbers models by how many were made before."""
    return variable.path.split('/', 1)[-1]


def _is_optimizer(variable: Any) -> bool:
    return 'seed_generator' in variable.path
