"""Exponential moving averages (EMA) of a model's weights: what is evaluated and saved instead of the raw weights."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from solferino.models.core.layers.trainable import Trainable


class MovingAverages:
    """The average of the last steps' weights is nearer to the optimum than the weights of any one step.

    Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging". In the first steps the decay is
    smaller, so that the initial weights are soon forgotten.

    Args:
      model: the model that owns the variables of the averages.
      trained: the variables that the optimizer updates, by name, with their initial values.
      averaging: the decay; averages are over about 1 / (1 - averaging) steps. With 0 they are the weights themselves.

    Attributes:
      trained: as given.
      weights: the averages, variables by the same names.
    """

    def __init__(self, model: Trainable, trained: Mapping[str, Any], averaging: float) -> None:
        self.trained = dict(trained)
        self.weights: dict[str, Any] = {}
        self._averaging = averaging
        for name, variable in trained.items():
            average = model.add_weight(
                name=f'average_{variable.name}', shape=variable.shape, initializer='zeros', trainable=False
            )
            average.assign(variable)
            self.weights[name] = average

    def begin(self, iterations: Any) -> None:
        """Before each step: the first step begins with the weights of the averages, which may be another model's."""
        begins = tf.convert_to_tensor(iterations) == 0
        for name, average in self.weights.items():
            variable = self.trained[name]
            variable.assign(tf.where(begins, average, variable))

    def update(self, iterations: Any) -> None:
        """After each step."""
        steps = tf.cast(iterations, tf.float32)
        share = 1 - tf.minimum(self._averaging, (1 + steps) / (10 + steps))
        for name, average in self.weights.items():
            average.assign_add(share * (self.trained[name] - average))

    def swap_in(self) -> list[tf.Tensor]:
        """Replaces the raw weights by the averages, for an evaluation; returns what `swap_out` needs."""
        kept = [tf.identity(variable) for variable in self.trained.values()]
        for name, variable in self.trained.items():
            variable.assign(self.weights[name])
        return kept

    def swap_out(self, kept: list[tf.Tensor]) -> None:
        """Restores the raw weights."""
        for variable, value in zip(self.trained.values(), kept, strict=True):
            variable.assign(value)
