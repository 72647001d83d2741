"""The recurrent layers on the CPU against TensorFlow's, and their gradients against its own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from solferino.models.core.cpu import layer_recurrence, thread_pool
from solferino.models.core.cpu.layer_recurrence import AttentionParameters, GruParameters, Inputs, LstmParameters
from solferino.models.core.layers import attention_lstm, recurrent_ops

UNITS, CLASSES, NUMBERS = 6, 9, 3


def _random(rng: np.random.Generator, *shape: int) -> tf.Tensor:
    return tf.constant(rng.normal(0, 0.5, shape).astype(np.float32))


def _inputs(rng: np.random.Generator, steps: int, batch: int) -> tuple[Inputs, tf.Tensor]:
    """All three parts, and the vectors that `ones` and `dense` stand for."""
    ones = rng.integers(0, CLASSES, (steps, batch, 2))
    dense = _random(rng, steps, batch, NUMBERS)
    vectors = tf.concat([tf.reduce_sum(tf.one_hot(ones, CLASSES), axis=2), dense], axis=2)
    return Inputs(_random(rng, steps, batch, 4 * UNITS), dense, tf.constant(ones, tf.int32)), vectors


def _attention_parameters(rng: np.random.Generator) -> AttentionParameters:
    u = UNITS
    shapes = [(CLASSES + NUMBERS, 4 * u), (2 * u, 4 * u), (4 * u,), (2 * u, u), (u,), (u, u), (u,), (2 * u, u), (u,)]
    return AttentionParameters(*(_random(rng, *shape) for shape in shapes))


def _differentiate(function, variables, upstream):
    with tf.GradientTape() as tape:
        tape.watch(variables)
        outputs = function()
        loss = tf.reduce_sum(outputs * upstream)
    return outputs, tape.gradient(loss, variables)


def _check(ours, theirs, variables, upstream) -> None:
    outputs, gradients = _differentiate(ours, variables, upstream)
    expected, expected_gradients = _differentiate(theirs, variables, upstream)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    for gradient, reference in zip(gradients, expected_gradients, strict=True):
        reference = tf.convert_to_tensor(reference)
        np.testing.assert_allclose(gradient, reference, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('steps, batch', [(7, 5), (1, 1), (2, 3)])
@pytest.mark.parametrize('compiled', [False, True])
def test_lstm(steps: int, batch: int, compiled: bool) -> None:
    rng = np.random.default_rng(steps)
    inputs, vectors = _inputs(rng, steps, batch)
    p = LstmParameters(
        _random(rng, CLASSES + NUMBERS, 4 * UNITS), _random(rng, UNITS, 4 * UNITS), _random(rng, 4 * UNITS)
    )

    def plain() -> tf.Tensor:
        dense = tf.concat([vectors[:, :, :CLASSES], inputs.dense], axis=2)
        h = c = tf.zeros([batch, UNITS])
        outputs = []
        for t in range(steps):
            gates = inputs.given[t] + dense[t] @ p.kernel + h @ p.recurrent + p.bias
            i, f, g, o = tf.split(gates, 4, axis=1)
            c = c * tf.sigmoid(f) + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
            outputs.append(h)
        return tf.stack(outputs)

    ours = lambda: recurrent_ops.lstm(inputs, p)  # noqa: E731 tf.function takes it as well as a call does
    variables = [inputs.given, inputs.dense, *p]
    _check(tf.function(ours) if compiled else ours, plain, variables, _random(rng, steps, batch, UNITS))


@pytest.mark.parametrize('steps, batch', [(7, 5), (1, 1), (2, 3)])
@pytest.mark.parametrize('compiled', [False, True])
def test_gru_is_that_of_keras(steps: int, batch: int, compiled: bool) -> None:
    rng = np.random.default_rng(steps)
    x = _random(rng, steps, batch, NUMBERS)
    keras_gru = keras.layers.GRU(UNITS, return_sequences=True)
    keras_gru.build((None, None, NUMBERS))
    for variable in keras_gru.trainable_variables:
        variable.assign(_random(rng, *variable.shape))
    values, others = (
        [tf.convert_to_tensor(v) for v in variables]
        for variables in (keras_gru.trainable_variables, keras_gru.non_trainable_variables)
    )

    def theirs() -> tf.Tensor:
        outputs, _ = keras_gru.stateless_call(values, others, tf.transpose(x, [1, 0, 2]))
        return tf.transpose(outputs, [1, 0, 2])

    ours = lambda: recurrent_ops.gru(x, GruParameters(*values))  # noqa: E731 tf.function takes it as well as a call does
    _check(tf.function(ours) if compiled else ours, theirs, [x, *values], _random(rng, steps, batch, UNITS))


def test_the_gradient_of_the_gru_is_the_slope() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6, 3, NUMBERS)).astype(np.float32)
    p = GruParameters(*(rng.normal(0, 0.5, shape).astype(np.float32) for shape in _GRU_SHAPES))
    upstream = rng.normal(size=(6, 3, UNITS)).astype(np.float32)
    d_x, d_p = layer_recurrence.gru_gradient(upstream, x, p, layer_recurrence.gru(x, p))

    def loss(x: np.ndarray, *p: np.ndarray) -> float:
        return float((layer_recurrence.gru(x, GruParameters(*p)).hidden.astype(np.float64) * upstream).sum())

    directions = [rng.normal(size=part.shape).astype(np.float32) for part in (x, *p)]
    step = np.float32(1e-2)
    ahead, behind = (
        loss(*(part + sign * step * d for part, d in zip((x, *p), directions, strict=True))) for sign in (1, -1)
    )
    expected = sum(float((g * d).sum()) for g, d in zip((d_x, *d_p), directions, strict=True))
    assert (ahead - behind) / (2 * step) == pytest.approx(expected, rel=1e-2)


_GRU_SHAPES = ((NUMBERS, 3 * UNITS), (UNITS, 3 * UNITS), (2, 3 * UNITS))


@pytest.mark.parametrize('steps, batch, length', [(9, 4, 4), (3, 2, 5), (1, 1, 2), (12, 3, 1), (20, 5, 7), (6, 1, 6)])
def test_attention(steps: int, batch: int, length: int) -> None:
    rng = np.random.default_rng(steps)
    inputs, vectors = _inputs(rng, steps, batch)
    p = _attention_parameters(rng)

    def on_a_gpu() -> tf.Tensor:
        dense = tf.concat([vectors[:, :, :CLASSES], inputs.dense], axis=2)
        return attention_lstm.recur(inputs.given + tf.tensordot(dense, p.kernel, 1), p, length)

    variables = [inputs.given, inputs.dense, *p]
    upstream = _random(rng, steps, batch, UNITS)
    _check(lambda: recurrent_ops.attention(inputs, p, length), on_a_gpu, variables, upstream)


def test_saturated_units_and_what_is_not_a_number() -> None:
    rng = np.random.default_rng(0)
    inputs, _ = _inputs(rng, 3, 2)
    p = LstmParameters(
        *(part.numpy() for part in (_random(rng, CLASSES + NUMBERS, 4 * UNITS), _random(rng, UNITS, 4 * UNITS))),
        np.zeros(4 * UNITS, np.float32),
    )
    large = Inputs(np.full((3, 2, 4 * UNITS), 1e30, np.float32), inputs.dense.numpy(), inputs.ones.numpy())
    # All gates open, so that the cell counts the steps.
    expected = np.broadcast_to(np.tanh([1, 2, 3])[:, None, None], (3, 2, UNITS))
    np.testing.assert_allclose(layer_recurrence.lstm(large, p).hidden, expected, rtol=1e-6)
    broken = large._replace(given=np.where(np.arange(4 * UNITS) == 0, np.nan, large.given).astype(np.float32))
    assert np.isnan(layer_recurrence.lstm(broken, p).hidden[:, :, 0]).all()


def test_a_track_does_not_depend_on_those_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    inputs = Inputs(*(part.numpy() for part in _inputs(rng, 5, 8)[0]))
    p = AttentionParameters(*(part.numpy() for part in _attention_parameters(rng)))
    upstream = rng.normal(size=(5, 8, UNITS)).astype(np.float32)
    results = []
    for cores in (1, 3, 8):
        monkeypatch.setattr(thread_pool, 'num_cores', lambda cores=cores: cores)
        kept = layer_recurrence.attention(inputs, p, 4)
        d_inputs, d_parameters = layer_recurrence.attention_gradient(upstream, inputs, p, kept)
        results.append([kept.memory.copy(), *d_inputs, *d_parameters])
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_memory_is_used_again_only_when_nobody_needs_it() -> None:
    first = thread_pool.empty(100_000, 3)
    address = first.ctypes.data
    assert not address % 64
    part = first[10:20].reshape(-1)
    del first
    second = thread_pool.empty(100_000, 3)
    assert second.ctypes.data != address
    part[:] = 1
    second[:] = 2
    assert (part == 1).all()
    del part
    assert thread_pool.empty(100_000, 3).ctypes.data == address


def test_rows_of_ones_are_gathered_as_vectors_are_multiplied() -> None:
    from solferino.models.core.layers.recurrent_layers import AttentionLstm, Lstm

    ones = tf.constant([[[1], [4], [0]]])
    dense = tf.constant([[[0.5, -1.0], [2.0, 0.0], [1.0, 1.0]]])
    vectors = tf.concat([tf.one_hot(ones[:, :, 0], 5), dense], axis=2)
    seeds = iter(range(20))
    for layer in (AttentionLstm(4, 3, 'float32', seeds), Lstm(4, 'float32', seeds)):
        layer.build((None, None, 7))
        np.testing.assert_allclose(layer((ones, dense)), layer(vectors), atol=1e-6)


def test_the_gru_of_a_gpu_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from solferino.models.core.layers.recurrent_layers import Gru

    layer = Gru(UNITS, iter([keras.initializers.GlorotUniform(seed=s) for s in range(2)]))
    layer.build((None, None, NUMBERS))
    x = _random(np.random.default_rng(0), 4, 2, NUMBERS)
    other = GruParameters(*(tf.convert_to_tensor(v) + 0.1 for v in layer.named.values()))
    ours, of_other = layer(x), layer(x, other)
    monkeypatch.setattr(recurrent_ops, 'on_cpu', lambda: False)
    np.testing.assert_allclose(layer(x), ours, atol=1e-6)
    np.testing.assert_allclose(layer(x, other), of_other, atol=1e-6)
    assert not np.allclose(ours, of_other, atol=1e-3)


@pytest.mark.parametrize('attn_length', [0, 4])
def test_what_a_gpu_does_is_the_same(attn_length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from solferino.models.core.layers.recurrent_layers import AttentionLstm, Lstm

    seeds = iter(range(20))
    layer = AttentionLstm(4, attn_length, 'float32', seeds) if attn_length else Lstm(4, 'float32', seeds)
    layer.build((None, None, 5))
    x = _random(np.random.default_rng(0), 6, 3, 5)
    here = layer(x)
    monkeypatch.setattr(recurrent_ops, 'on_cpu', lambda: False)
    np.testing.assert_allclose(layer(x), here, atol=1e-6)


@pytest.mark.parametrize('sparse', [False, True])
@pytest.mark.parametrize('attn_length', [0, 4])
def test_bfloat16_on_a_gpu_rounds_and_keeps_weights_and_gradients(
    attn_length: int, sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from solferino.models.core.layers.recurrent_layers import AttentionLstm, Lstm

    monkeypatch.setattr(recurrent_ops, 'on_cpu', lambda: False)
    rng = np.random.default_rng(0)
    dense, upstream = _random(rng, 6, 3, 5), _random(rng, 6, 3, 16)
    x = (tf.constant(rng.integers(4, size=(6, 3, 2)), tf.int32), dense) if sparse else dense

    def run(precision: str) -> tuple[list[str], list[np.ndarray]]:
        seeds = iter(range(20))
        layer: keras.layers.Layer = Lstm(16, precision, seeds)
        if attn_length:
            layer = AttentionLstm(16, attn_length, precision, seeds)
        layer.build((None, None, 9 if sparse else 5))
        weights = list(layer.named.values())
        with tf.GradientTape() as tape:
            tape.watch(dense)
            states = layer(x)
            loss = tf.reduce_sum(states * upstream)
        assert {str(v.dtype) for v in weights} == {'float32'}
        gradients = tape.gradient(loss, [dense, *(v.value for v in weights)])
        return list(layer.named), [np.asarray(tf.convert_to_tensor(r)) for r in (states, *gradients)]

    names, exact = run(recurrent_ops.FLOAT32)
    same_names, rounded = run(recurrent_ops.BFLOAT16)
    assert names == same_names
    for one, other in zip(exact, rounded, strict=True):
        assert one.dtype == other.dtype == np.float32
        assert np.isfinite(other).all()
        assert 0 < np.abs(one - other).max() < 0.05 * np.abs(one).max()  # bfloat16 has steps of 0.008 of a number


def test_bfloat16_rounds_matmuls_alone() -> None:
    rng = np.random.default_rng(0)
    x, matrix = _random(rng, 2, 3, 64), _random(rng, 64, 5)
    exact = recurrent_ops.matmul(x, matrix)
    rounded = recurrent_ops.matmul(x, matrix, recurrent_ops.BFLOAT16)
    np.testing.assert_allclose(exact, tf.tensordot(x, matrix, 1), rtol=1e-5, atol=1e-5)
    assert rounded.dtype == tf.float32
    assert 0 < np.abs(rounded - exact).max() < 0.1


@pytest.mark.parametrize('keep', [0.5, 0.9, 0.999])
def test_dropout_keeps_the_share_and_passes_the_gradient_of_what_it_kept(keep: float) -> None:
    x = _random(np.random.default_rng(0), 50, 20, 100)
    seed = tf.constant([3, 2**40], tf.int64)
    upstream = _random(np.random.default_rng(1), 50, 20, 100)
    result, gradient = _differentiate(lambda: recurrent_ops.dropout(x, seed, keep), x, upstream)
    kept = (result != 0).numpy()
    np.testing.assert_allclose(kept.mean(), keep, atol=0.006)
    np.testing.assert_allclose(result, np.where(kept, x / np.float32(keep), 0), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.where(kept, upstream / np.float32(keep), 0), rtol=1e-6)


def test_dropout_is_a_function_of_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ones = np.ones((40, 10, 50), np.float32)
    masks = []
    for cores, *seed in [(1, 5, 6), (3, 5, 6), (1, 5, 7), (1, 6, 6), (1, -5, 6)]:
        monkeypatch.setattr(thread_pool, 'num_cores', lambda cores=cores: cores)
        masks.append(layer_recurrence.dropout(ones, np.array(seed), 0.5) > 0)
    np.testing.assert_array_equal(masks[0], masks[1])
    for mask in masks[2:]:  # as often alike as two coins
        np.testing.assert_allclose((mask == masks[0]).mean(), 0.5, atol=0.02)
    for axis in range(3):  # and so are neighbours
        np.testing.assert_allclose(np.diff(masks[0], axis=axis).mean(), 0.5, atol=0.02)


@pytest.mark.parametrize('length', [1, 32])
@pytest.mark.parametrize('steps, batch', [(1, 1), (5, 1), (6, 3)])
@pytest.mark.parametrize('units', [1, 2, 3, 4, 5, 7])
def test_layers_of_few_units(monkeypatch: pytest.MonkeyPatch, units: int, steps: int, batch: int, length: int) -> None:
    monkeypatch.setitem(globals(), 'UNITS', units)
    test_attention(steps, batch, length)
    test_lstm(steps, batch, compiled=False)
    test_gru_is_that_of_keras(steps, batch, compiled=False)


@pytest.mark.parametrize('units', [1, 2, 3, 4, 5, 7, 16])
def test_outputs_that_are_attended_to_fade(units: int) -> None:
    """A tenth or more of such layers had outputs that grew without end, to NaN before a step was trained."""
    from solferino.models.core.layers.recurrent_layers import AttentionLstm

    rng = np.random.default_rng(units)
    track = (tf.constant(rng.integers(0, 8, (600, 1, 1)), tf.int32), tf.zeros([600, 1, 0]))
    for seed in range(12):
        layer = AttentionLstm(units, 2, 'float32', iter(range(100 * seed, 100 * seed + 20)))
        layer.build((None, None, 8))
        with tf.GradientTape() as tape:
            outputs = layer(track)
            loss = tf.reduce_mean(outputs**2)
        assert np.abs(outputs).max() < 50, seed
        for name, gradient in zip(layer.named, tape.gradient(loss, list(layer.named.values())), strict=True):
            assert np.isfinite(tf.convert_to_tensor(gradient)).all(), (seed, name)


def test_the_weights_of_large_layers_begin_as_magentas_do() -> None:
    from solferino.models.core.layers.recurrent_layers import AttentionLstm, glorot

    layer = AttentionLstm(128, 2, 'float32', iter(range(20)))
    layer.build((None, None, 8))
    # It is the seventh that a seed is taken for.
    np.testing.assert_array_equal(layer.named['output_kernel'], glorot(256, 128, 6)((256, 128)))
