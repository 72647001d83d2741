"""Moving averages of weights."""

import keras
import numpy as np
import pytest

from solferino.models.core.layers.moving_averages import MovingAverages


def _averages(averaging: float) -> MovingAverages:
    model = keras.Model()
    return MovingAverages(model, {'a': model.add_weight(name='a', shape=(2,), initializer='ones')}, averaging)


def _follow(averages: MovingAverages, values: list[float]) -> list[float]:
    """The averages while the optimizer moves the weights to each of `values`."""
    found = []
    for number, value in enumerate(values):
        averages.begin(number)
        averages.trained['a'].assign([value, value])
        averages.update(number + 1)
        found.append(float(averages.weights['a'].numpy()[0]))
    return found


def test_without_averaging_they_are_the_weights() -> None:
    assert _follow(_averages(0.0), [3.0, -1.0, 2.0]) == [3, -1, 2]


def test_they_settle_between_weights_that_swing() -> None:
    found = _follow(_averages(0.98), [1.0, 3.0] * 200)
    np.testing.assert_allclose(found[-10:], 2, atol=0.02)


def test_the_first_weights_are_soon_forgotten() -> None:
    assert _follow(_averages(0.999), [5.0] * 30)[-1] == pytest.approx(5, abs=0.01)


def test_training_begins_with_the_weights_that_were_given_to_the_averages() -> None:
    averages = _averages(0.5)
    averages.weights['a'].assign([7.0, 8.0])  # a model that this one begins with
    averages.begin(0)
    np.testing.assert_array_equal(averages.trained['a'].numpy(), [7, 8])
    averages.weights['a'].assign([0.0, 0.0])
    averages.begin(1)
    np.testing.assert_array_equal(averages.trained['a'].numpy(), [7, 8])
