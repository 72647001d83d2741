"""The keys' network against its equations written densely, and its gradients against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from solferino.models.core.cpu import thread_pool
from solferino.models.piano_rnn.nade import key_kernels, key_network
from solferino.models.piano_rnn.nade.key_network import Extent, KeyParameters

KEYS, CHANNELS, SPAN = 15, 4, 3
LAGS = np.array([1, 3, 4], np.int32)


def _frames(rng: np.random.Generator, batch: int, steps: int) -> np.ndarray:
    frames = rng.random((batch, steps, KEYS)) < 0.25
    return np.where(rng.random((batch, steps, 1)) < 0.3, np.roll(frames, 1, axis=1), frames)  # some keys are held


def _with_strikes(rng: np.random.Generator, frames: np.ndarray) -> np.ndarray:
    """With a second plane: of the keys that sound on, some are struck again."""
    on = frames & np.pad(frames, [(0, 0), (1, 0), (0, 0)])[:, :-1]
    return np.concatenate([frames, on & (rng.random(frames.shape) < 0.5)], axis=2)


def _parameters(rng: np.random.Generator, planes: int = 1) -> KeyParameters:
    shapes = key_network.shapes(KEYS, CHANNELS, len(LAGS), SPAN, planes)
    return KeyParameters(*(rng.normal(0, 0.5, shape).astype(np.float32) for shape in shapes.values()))


def _durations(frames: np.ndarray, again: np.ndarray) -> np.ndarray:
    """The indices into the table `run` of the keys of one piece, by counting back."""
    indices = np.zeros(frames.shape, int)
    for t, k in np.ndindex(*frames.shape):
        state = frames[t - 1, k] if t else False
        lasted = next((n for n in range(1, t) if frames[t - 1 - n, k] != state or again[t - n, k]), t)
        index = np.searchsorted(key_kernels.DURATIONS, lasted)
        indices[t, k] = index + (len(key_kernels.DURATIONS) + 1) * state
    return indices


def _dense(
    frames: np.ndarray, seen: np.ndarray, extent: Extent, given: tf.Tensor, keeps: np.ndarray, p: KeyParameters
) -> tf.Tensor:
    """The module's docstring, term by term."""
    batch, steps, width = frames.shape
    key, planes = np.arange(KEYS), width // KEYS
    sounding, past = frames[..., :KEYS], seen[..., :KEYS]
    again = seen[..., KEYS:] if planes > 1 else np.zeros_like(past)
    below = sounding.cumsum(axis=2) - sounding
    last = np.pad(past, [(0, 0), (1, 0), (0, 0)])[:, :-1].cumsum(axis=2)
    most = key_kernels.RANKS - 1
    z = p.key + tf.gather(given, below, batch_dims=2)
    z += tf.gather_nd(p.rank, np.stack([np.minimum(below, most), np.minimum(last, most)], axis=-1))
    z += tf.gather(p.run, np.stack([_durations(*piece) for piece in zip(past, again, strict=True)]))
    profile = np.zeros((batch, steps, len(key_kernels.DECAYS), 12), np.float32)
    for t in range(1, steps):
        for r, decay in enumerate(key_kernels.DECAYS):
            classes = [past[:, t - 1, c::12].sum(axis=1) for c in range(12)]
            profile[:, t, r] = decay * profile[:, t - 1, r] + (1 - decay) * np.stack(classes, axis=1)
    tonal = tf.gather(p.tonal, (np.arange(12)[:, None] - key) % 12, axis=1)  # [R, 12, K, C]
    z += tf.einsum('btrq,rqkc->btkc', profile, tonal)
    offset = key - key[:, None] + SPAN  # from key j to key k
    around = tf.cast((offset >= 0) & (offset <= 2 * SPAN), tf.float32)[..., None]
    higher = tf.cast(key > key[:, None], tf.float32)[..., None]
    for plane in range(planes):
        columns = slice(plane * KEYS, (plane + 1) * KEYS)
        for i, lag in enumerate(LAGS):
            before = tf.pad(tf.constant(seen[..., columns], tf.float32), [[0, 0], [lag, 0], [0, 0]])[:, :steps]
            table = tf.gather(p.lagged[plane * len(LAGS) + i], offset.clip(0, 2 * SPAN))
            z += tf.einsum('btj,jkc->btkc', before, around * table)
        x, table = tf.constant(frames[..., columns], tf.float32), p.lower[columns]
        z += tf.einsum('btj,jkc->btkc', x, higher * tf.gather(table, (key - key[:, None] - 1).clip(0)))
    y = tf.nn.relu(z) * keeps[0][:, :, None]
    y = tf.nn.relu(tf.tensordot(y, p.matrix, 1) + p.bias) * keeps[1][:, :, None]
    index = np.arange(steps)
    predicted = (index >= extent.first[:, None]) & (index < extent.length[:, None])
    logits = tf.concat([tf.tensordot(y, output, 1) for output in tf.split(p.output, planes)], axis=2)
    return logits * tf.cast(predicted, tf.float32)[..., None]


@pytest.mark.parametrize('cores, planes, as_they_are', [(1, 1, True), (2, 2, True), (5, 1, False), (2, 2, False)])
def test_logits_and_gradients(cores: int, planes: int, as_they_are: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_pool, 'num_cores', lambda: cores)
    rng = np.random.default_rng(cores)
    frames, other, p = _frames(rng, 3, 21), _frames(rng, 3, 21), _parameters(rng, planes)
    if planes > 1:
        frames, other = _with_strikes(rng, frames), _with_strikes(rng, other)
    seen = frames if as_they_are else other  # from later frames
    extent = Extent(np.array([0, 4, 7], np.int32), np.array([21, 20, 8], np.int32))
    observed = key_network.observe(frames, KEYS, None if as_they_are else seen)
    given = rng.normal(size=(3, 21, observed.notes.shape[2] + 1, CHANNELS)).astype(np.float32)
    keeps = rng.choice([0, 1.25], (2, 3, 21, CHANNELS)).astype(np.float32)
    upstream = rng.normal(size=frames.shape).astype(np.float32)

    variables = [tf.constant(part) for part in (given, *p)]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        expected = _dense(frames, seen, extent, variables[0], keeps, KeyParameters(*variables[1:]))
        total = tf.reduce_sum(expected * upstream)
    logits = key_network.logits(observed, extent, given, keeps, p, LAGS)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(logits) > 1

    d_given, d_p = key_network.gradient(upstream, observed, extent, given, keeps, p, LAGS)
    for ours, theirs in zip((d_given, *d_p), tape.gradient(total, variables), strict=True):
        theirs = tf.convert_to_tensor(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
        assert np.abs(theirs).max() > 0.01


def test_a_piece_transposed_has_the_logits_transposed() -> None:
    """But for what each key has of its own."""
    rng = np.random.default_rng(2)
    frames, p = np.zeros((1, 12, KEYS), bool), _parameters(rng)
    frames[0, np.arange(12).repeat(2), rng.integers(3, KEYS - 5, 24)] = True
    p = p._replace(key=np.zeros_like(p.key))
    extent = Extent(np.zeros(1, np.int32), np.full(1, 12, np.int32))
    results = []
    for semitones in (0, 2):
        observed = key_network.observe(np.roll(frames, semitones, axis=2), KEYS)
        given = np.ones((1, 12, observed.notes.shape[2] + 1, CHANNELS), np.float32)
        results.append(key_network.logits(observed, extent, given, np.ones((2, 1, 12, CHANNELS)), p, LAGS))
    np.testing.assert_allclose(results[1][:, :, 2:], results[0][:, :, :-2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('planes', [1, 2])
def test_frames_observed_one_by_one(planes: int) -> None:
    rng = np.random.default_rng(3)
    frames = _frames(rng, 2, 40)
    sounding = frames.copy()
    if planes > 1:
        frames = _with_strikes(rng, frames)
    whole = key_network.observe(frames, KEYS)
    past, step = key_network.pasts(2, KEYS), key_network.unobserved(2, 1, KEYS, whole.notes.shape[2])
    for t in range(40):
        key_network.observe_next(frames[:, t], past, step)
        for ours, theirs in zip(step, whole, strict=True):
            np.testing.assert_array_equal(ours[:, 0], theirs[:, t])
    assert whole.counts.tolist() == sounding.sum(axis=2).tolist()
    assert whole.again.sum() == frames[..., KEYS:].sum()
