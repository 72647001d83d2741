"""Running means of a model's weights: what is evaluated and saved, beside the weights that the optimizer moves."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from solferino.models.core.layers.trainable import Trainable


class RunningMeans:
    """The mean of the weights of the last steps of training is nearer to the optimum than any one of them.

    Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging". Early means reach less far back,
    so that the first weights are soon forgotten.

    Args:
      model: that the variables of the means are made for.
      trained: the variables that the optimizer moves, by name, with their first values.
      averaging: means are over about 1 / (1 - averaging) steps; with 0 they are the weights themselves.

    Attributes:
      trained: as given.
      means: variables of the same names.
    """

    def __init__(self, model: Trainable, trained: Mapping[str, Any], averaging: float) -> None:
        self.trained = dict(trained)
        self.means: dict[str, Any] = {}
        self._averaging = averaging
        for name, variable in trained.items():
            mean = model.add_weight(
                name=f'average_{variable.name}', shape=variable.shape, initializer='zeros', trainable=False
            )
            mean.assign(variable)
            self.means[name] = mean

    def begin(self, iterations: Any) -> None:
        """Before each step: the first one begins with the weights there are, which may be those of another model."""
        begins = tf.convert_to_tensor(iterations) == 0
        for name, mean in self.means.items():
            variable = self.trained[name]
            variable.assign(tf.where(begins, mean, variable))

    def update(self, iterations: Any) -> None:
        """After each step."""
        steps = tf.cast(iterations, tf.float32)
        share = 1 - tf.minimum(self._averaging, (1 + steps) / (10 + steps))
        for name, mean in self.means.items():
            mean.assign_add(share * (self.trained[name] - mean))

    def swap_in(self) -> list[tf.Tensor]:
        """Puts the means in the place of the weights, to evaluate a model by them; returns what to `swap_out` to."""
        kept = [tf.identity(variable) for variable in self.trained.values()]
        for name, variable in self.trained.items():
            variable.assign(self.means[name])
        return kept

    def swap_out(self, kept: list[tf.Tensor]) -> None:
        """Puts the weights back."""
        for variable, value in zip(self.trained.values(), kept, strict=True):
            variable.assign(value)
