"""The output layer and its loss in blocks against TensorFlow's operations and its gradient."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from solferino.models.core.cpu import output_layer
from solferino.models.core.cpu.output_layer import OutputParameters
from solferino.models.core.layers import recurrent_ops

UNITS, CLASSES = 6, 9


def _given(steps: int, batch: int) -> tuple[tf.Tensor, tf.Tensor, OutputParameters, tf.Tensor]:
    rng = np.random.default_rng(steps)
    x, kernel, bias, upstream = (
        tf.constant(rng.normal(0, 2, shape).astype(np.float32))
        for shape in ((steps, batch, UNITS), (UNITS, CLASSES), (CLASSES,), (steps, batch))
    )
    labels = tf.constant(rng.integers(0, CLASSES, (steps, batch)), tf.int32)
    return x, labels, OutputParameters(kernel, bias), upstream


@pytest.mark.parametrize('compiled', [False, True])
@pytest.mark.parametrize('steps, batch, block', [(7, 5, 1 << 16), (7, 5, 4 * CLASSES), (5, 3, 1), (1, 1, 1 << 16)])
def test_losses_and_gradients_are_tensorflow_s(
    steps: int, batch: int, block: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_layer, '_BLOCK', block)
    x, labels, p, upstream = _given(steps, batch)

    def differentiate(ours: bool) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch([x, *p])
            if ours:
                losses, likeliest = recurrent_ops.cross_entropy(x, labels, p)
            else:
                logits = tf.tensordot(x, p.kernel, 1) + p.bias
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                likeliest = tf.argmax(logits, axis=-1, output_type=tf.int32)
            total = tf.reduce_sum(losses * upstream)
        return losses, likeliest, tape.gradient(total, [x, *p])

    losses, likeliest, gradients = (tf.function(differentiate) if compiled else differentiate)(True)
    expected, expected_likeliest, expected_gradients = differentiate(False)
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(likeliest, expected_likeliest)
    for gradient, reference in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('value', [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_seen(value: float) -> None:
    _, labels, p, _ = _given(3, 2)
    x = np.zeros((3, 2, UNITS), np.float32)
    x[1, 1] = value
    with warnings.catch_warnings(action='error'):
        losses, _ = output_layer.cross_entropy(x, labels.numpy(), OutputParameters(*(part.numpy() for part in p)))
    assert np.isfinite(losses).sum() == losses.size - 1


def test_large_logits_do_not_overflow() -> None:
    x, labels, p, _ = (part.numpy() if isinstance(part, tf.Tensor) else part for part in _given(4, 3))
    p = OutputParameters(*(part.numpy() for part in p))
    losses, likeliest = output_layer.cross_entropy(1000 * x, labels, p)
    logits = (1000 * x).astype(np.float64) @ p.kernel + p.bias
    right = np.take_along_axis(logits, labels[:, :, np.newaxis], axis=2)[:, :, 0]
    np.testing.assert_allclose(losses, np.logaddexp.reduce(logits, axis=2) - right, rtol=1e-5, atol=1e-2)
    np.testing.assert_array_equal(likeliest, logits.argmax(axis=2))
