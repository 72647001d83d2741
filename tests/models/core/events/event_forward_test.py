"""The forward pass against its equations, as they stand in the books."""

import numpy as np
import pytest

from solferino.hparams.networks.event_rnn import EventRnnHparams
from solferino.models.core.events.event_forward import Forward, weight_shapes
from solferino.models.music.encodings.event_encodings import EventEncoding

ENCODING = EventEncoding(12, counter_bits=3, lookbacks=(2, 4))
STEPS, LENGTH = 9, 4


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum()


def _lstm(x: np.ndarray, h: np.ndarray, c: np.ndarray, w: dict, i: int) -> tuple[np.ndarray, np.ndarray]:
    gates = x @ w[f'lstm_{i}/kernel'] + h @ w[f'lstm_{i}/recurrent_kernel'] + w[f'lstm_{i}/bias']
    i, f, g, o = np.split(gates, 4)
    c = c * _sigmoid(f) + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


def _logits(vectors: np.ndarray, w: dict, layers: int, residual: bool) -> np.ndarray:
    """Of one track's input vectors [steps, input_size], in float64."""
    h = [np.zeros(len(w[f'lstm_{i}/recurrent_kernel'])) for i in range(layers)]
    c = [np.zeros_like(x) for x in h]
    context, memory = np.zeros_like(h[0]), [np.zeros_like(h[0])] * LENGTH
    logits = []
    for x in vectors:
        for i in range(layers):
            if f'projection_{i}/kernel' in w:
                x = x @ w[f'projection_{i}/kernel'] + w[f'projection_{i}/bias']
            if i == 0 and 'attention/score' in w:
                seen = x @ w['attention/input_kernel'] + context @ w['attention/context_kernel']
                h[0], c[0] = _lstm(seen + w['attention/input_bias'], h[0], c[0], w, 0)
                query = np.concatenate([c[0], h[0]]) @ w['attention/query_kernel'] + w['attention/query_bias']
                keys = memory @ w['attention/memory_kernel']
                scores = np.tanh(keys + query) @ w['attention/score']
                context = _softmax(scores) @ memory
                output = np.concatenate([h[0], context]) @ w['attention/output_kernel'] + w['attention/output_bias']
                memory = [*memory[1:], output]
            else:
                h[i], c[i] = _lstm(x, h[i], c[i], w, i)
                output = h[i]
            x = output + x if residual else output
        logits.append(x @ w['logits/kernel'] + w['logits/bias'])
    return np.array(logits)


def _weights(hparams: EventRnnHparams, scale: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = weight_shapes(hparams, ENCODING.input_size, ENCODING.num_classes)
    return {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize('scale', [0.3, 3.0])  # of the larger, most gates and scores are at their bounds
@pytest.mark.parametrize('attention', [0, LENGTH])
@pytest.mark.parametrize('residual', [False, True])
def test_logits(scale: float, attention: int, residual: bool) -> None:
    hparams = EventRnnHparams(rnn_layer_sizes=(8, 8, 6), attn_length=attention, residual_connections=residual)
    weights = _weights(hparams, scale)
    events = np.random.default_rng(1).integers(0, 12, (3, STEPS)).astype(np.int32)
    inputs = ENCODING.inputs(events)
    forward = Forward(weights, attention, residual)
    logits, state = forward.run(inputs, forward.initial_state(3))
    for row in range(3):
        vectors = np.zeros((STEPS, ENCODING.input_size))
        np.put_along_axis(vectors, inputs.ones[row].astype(np.int64), 1, axis=1)
        vectors[:, ENCODING.sparse_size :] = inputs.dense[row]
        expected = _logits(vectors, {n: w.astype(np.float64) for n, w in weights.items()}, 3, residual)
        np.testing.assert_allclose(logits[row], expected, rtol=1e-4, atol=2e-5 * scale)
    assert (state.attention is not None) == bool(attention)


def test_a_state_taken_is_apart_from_the_other() -> None:
    hparams = EventRnnHparams(rnn_layer_sizes=(8,), attn_length=LENGTH)
    forward = Forward(_weights(hparams, 1), LENGTH, False)
    events = np.random.default_rng(1).integers(0, 12, (2, STEPS)).astype(np.int32)
    whole, _ = forward.run(ENCODING.inputs(events), forward.initial_state(2))
    beginning, seen = ENCODING.advance(ENCODING.start(2), events[:, :5])
    rest, _ = ENCODING.advance(seen, events[:, 5:])
    first, state = forward.run(beginning, forward.initial_state(2))
    swapped = state.take(np.array([1, 0]))
    forward.run(rest, state)  # this writes into the memory of `state` alone
    again, _ = forward.run(type(rest)(rest.ones[::-1], rest.dense[::-1]), swapped)
    np.testing.assert_allclose(np.concatenate([first, again[::-1]], axis=1), whole, rtol=1e-5, atol=1e-5)
