"""gru_nade: a distribution over frames, the same in NumPy and TensorFlow; what is trained and what is sampled."""

import dataclasses
import itertools
from typing import Any

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from solferino.hparams.networks.gru_nade import GruNadeHparams
from solferino.hparams.piano_rnn import SPEC, PianoGeneration
from solferino.models.core.training import data
from solferino.models.loading import Model
from solferino.models.piano_rnn import FAMILY, extraction
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn.nade import gru_nade, nade_sampling
from solferino.models.piano_rnn.nade.nade import Nade
from solferino.models.piano_rnn.nade.nade_model import NadeModel

KEYS = 5
HPARAMS = GruNadeHparams(
    batch_size=3,
    rnn_layer_sizes=(7, 6),
    nade_size=6,
    key_size=4,
    lags=(1, 2, 5),
    span=2,
    input_keep_prob=0.9,
    dropout_keep_prob=0.8,
    key_keep_prob=0.8,
    learning_rate=0.02,
    averaging=0.9,
)
ALL = np.array(list(itertools.product([False, True], repeat=KEYS)))  # every frame that there can be


def _weights(model: NadeModel, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
    """Those of a model; with `rng`, larger ones, so that what is heard matters."""
    weights = {name: np.array(v.numpy()) for name, v in model.named_weights().items()}
    if rng is None:
        return weights
    return {name: (value + rng.normal(0, 0.5, value.shape)).astype(np.float32) for name, value in weights.items()}


def _nade(seed: int, planes: int = 1) -> Nade:
    model = NadeModel(HPARAMS, KEYS, seed, planes)
    return Nade(_weights(model, np.random.default_rng(seed)), HPARAMS.lags)


def _with_strikes(frames: np.ndarray, seed: int = 0) -> np.ndarray:
    """With a second plane: half of the keys that sound on are struck again."""
    again = frame_tools.sounds_on(frames) & (np.random.default_rng(seed).random(frames.shape) < 0.5)
    return np.concatenate([frames, again], axis=1)


def _all_after(past: np.ndarray) -> np.ndarray:
    """Every frame that there can be after bool [steps, W]."""
    if past.shape[1] == KEYS:
        return ALL
    last = past[-1, :KEYS] if len(past) else np.zeros(KEYS, bool)
    return np.array([[*f, *a] for f in ALL for a in ALL if not (a & ~(f & last)).any()])


def _batch(*pieces: np.ndarray, first: tuple[int, ...] = (), begins: tuple[int, ...] = ()) -> dict[str, tf.Tensor]:
    frames = np.zeros((len(pieces), max(map(len, pieces)), pieces[0].shape[1]), np.uint8)
    for row, piece in zip(frames, pieces, strict=True):
        row[: len(piece)] = piece
    lengths = [len(piece) for piece in pieces]
    return {
        'frames': tf.constant(frames),
        'first': tf.constant(first or [0] * len(pieces), tf.int32),
        'begins': tf.constant(begins or [1] * len(pieces), tf.uint8),
        'length': tf.constant(lengths, tf.int32),
    }


def _loss(model: NadeModel, batch: dict[str, tf.Tensor]) -> float:
    total, weight = model.test_step(batch)['loss']
    return float(total / weight)


@pytest.mark.parametrize('steps, planes', [(0, 1), (1, 1), (8, 1), (0, 2), (1, 2), (8, 2)])
def test_probabilities_of_all_frames_sum_to_one(steps: int, planes: int) -> None:
    nade, past = _nade(1, planes), np.random.default_rng(steps).random((steps, KEYS)) < 0.4
    past = _with_strikes(past) if planes > 1 else past
    scores = [nade.log_likelihoods(np.concatenate([past, [frame]]))[-1] for frame in _all_after(past)]
    assert np.exp(scores).sum() == pytest.approx(1, abs=1e-5)
    assert np.ptp(scores) > 1


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(hypothesis.extra.numpy.arrays(bool, st.tuples(st.integers(1, 14), st.just(KEYS))))
def test_numpy_is_tensorflow(frames: np.ndarray) -> None:
    model, rng = _MODEL, np.random.default_rng(4)
    other = rng.random((9, KEYS)) < 0.5
    logits = model.logits(_batch(frames, other), training=False).numpy()
    nade = Nade(_weights(model), HPARAMS.lags)
    np.testing.assert_allclose(nade.logits(frames), logits[0, : len(frames)], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(nade.logits(other), logits[1, :9], rtol=1e-3, atol=1e-4)
    scores = np.concatenate([nade.log_likelihoods(frames), nade.log_likelihoods(other)])
    assert -scores.mean() == pytest.approx(_loss(model, _batch(frames, other)), abs=1e-4)


def test_numpy_is_tensorflow_with_strikes() -> None:
    model, rng = NadeModel(HPARAMS, KEYS, 3, planes=2), np.random.default_rng(4)
    pieces = [_with_strikes(rng.random((steps, KEYS)) < 0.5, steps) for steps in (12, 9)]
    weights = _weights(model, rng)
    for name, variable in model.named_weights().items():
        variable.assign(weights[name])
    logits = model.logits(_batch(*pieces), training=False).numpy()
    nade = Nade(weights, HPARAMS.lags)
    for row, piece in zip(logits, pieces, strict=True):
        np.testing.assert_allclose(nade.logits(piece), row[: len(piece)], rtol=1e-3, atol=1e-4)
    scores = np.concatenate([nade.log_likelihoods(piece) for piece in pieces])
    assert -scores.mean() == pytest.approx(_loss(model, _batch(*pieces)), abs=1e-4)


def test_what_is_struck_again_does_not_change_what_comes_before_it() -> None:
    nade, frames = _nade(13, planes=2), np.ones((3, 2 * KEYS), bool)
    other = frames.copy()
    other[1, KEYS + 2] = False
    before, after = nade.logits(frames), nade.logits(other)
    np.testing.assert_array_equal(before[0], after[0])
    same = np.tile(np.arange(KEYS) <= 2, 2)  # the key itself, and those below it
    np.testing.assert_array_equal(before[1, same], after[1, same])
    assert (np.abs(before - after)[1, ~same] > 1e-4).all() and (np.abs(before - after)[2] > 1e-4).all()


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(hypothesis.extra.numpy.arrays(bool, (8, KEYS)), st.integers(0, 7), st.integers(0, KEYS - 1))
def test_a_key_does_not_change_what_comes_before_it(frames: np.ndarray, step: int, key: int) -> None:
    nade, other = _NADE, frames.copy()
    other[step, key] ^= True
    before, after = nade.logits(frames), nade.logits(other)
    np.testing.assert_allclose(before[:step], after[:step], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(before[step, : key + 1], after[step, : key + 1], rtol=1e-4, atol=1e-4)


def test_frames_that_are_only_seen_are_not_counted() -> None:
    rng = np.random.default_rng(5)
    piece = rng.random((12, KEYS)) < 0.5
    model = NadeModel(HPARAMS, KEYS, seed=3)
    logits = model.logits(_batch(piece, piece, first=(4, 0), begins=(0, 1)), training=False).numpy()
    expected = np.logaddexp(0, np.where(piece, -logits[0], logits[0]))[4:].sum(axis=1).mean()
    assert _loss(model, _batch(piece, first=(4,), begins=(0,))) == pytest.approx(expected, rel=1e-4)
    assert not np.allclose(logits[0, 4:], logits[1, 4:], atol=1e-6)  # a part is not told to be a beginning


@pytest.mark.parametrize('most, articulation', [(9, False), (200, False), (9, True)])
def test_log_likelihood_is_the_loss_of_the_examples(most: int, articulation: bool) -> None:
    """Extraction and masks in TensorFlow, against one pass in NumPy, if each example holds all frames before."""
    config = dataclasses.replace(
        SPEC.config('gru_nade'),
        hparams=HPARAMS,
        extraction=dataclasses.replace(SPEC.config('gru_nade').extraction, window=60, articulation=articulation),
    )
    music = np.random.default_rng(0).random((40, frame_tools.KEYS)) < 0.05
    music[0, 40] = True
    if articulation:
        music[5:15, 30:34] = True
        music = _with_strikes(music)
    network = FAMILY.model(config, 0)
    weights = _weights(network, np.random.default_rng(1))
    for name, variable in network.named_weights().items():
        variable.assign(weights[name])
    examples = list(extraction.cut(music, 60, most))
    lengths = np.array([len(example['sizes']) for example in examples], np.int32)
    batch = data.Dataset(FAMILY, config, '', examples, lengths, '').batch(np.arange(len(examples)))
    total, weight = network.test_step({name: tf.constant(array) for name, array in batch.items()})['loss']
    assert float(weight) == 39
    model = Model(FAMILY, config, weights, 'here', 'gru_nade', 'Tiny.')
    assert model.log_likelihood(music) == pytest.approx(-float(total), rel=1e-5)


def test_what_is_heard_gets_likelier_and_what_it_learns_repeats() -> None:
    rng = np.random.default_rng(6)
    chords = rng.random((3, KEYS)) < 0.5
    piece = np.tile(chords, (5, 1))
    results = []
    for _ in range(2):
        model = NadeModel(HPARAMS, KEYS, seed=2)
        step, batch = tf.function(model.train_step), _batch(piece, piece[1:], piece[:7])
        before = _loss(model, batch)
        for _ in range(60):
            metrics = step(batch)
        assert {'loss', 'events', 'gradient_norm'} <= metrics.keys()
        assert float(metrics['events'][0]) == 15 + 14 + 7
        results.append(_weights(model))
    assert _loss(model, batch) < 0.3 * before
    scores = Nade(results[0], HPARAMS.lags).log_likelihoods(piece)
    assert (scores[3:] > -0.7).all()
    for name, value in results[0].items():
        np.testing.assert_array_equal(value, results[1][name])


def test_a_warm_start_goes_on_from_the_running_mean() -> None:
    trained, other = NadeModel(HPARAMS, KEYS, seed=0), NadeModel(HPARAMS, KEYS, seed=1)
    batch = _batch(np.random.default_rng(0).random((6, KEYS)) < 0.5)
    for name, variable in other.named_weights().items():
        variable.assign(trained.named_weights()[name] * 1.5)
    begun = _weights(other)
    other.train_step(batch)
    for name, value in _weights(other).items():
        assert np.abs(value - begun[name]).max() <= 0.02 + 1e-6, name  # Adam's first step is the learning rate
    state = other.named_optimizer_state()
    assert {name for name in state if '/' in name} == other.named_weights().keys()


def test_weight_decay_takes_off_all_but_biases() -> None:
    batch = _batch(np.random.default_rng(0).random((6, KEYS)) < 0.5)
    trained = []
    for decay in (0.0, 2.0):
        model = NadeModel(dataclasses.replace(HPARAMS, weight_decay=decay, averaging=0.0), KEYS, seed=0)
        begun = _weights(model)
        model.train_step(batch)
        trained.append(_weights(model))
    for name, value in trained[0].items():
        taken = 0 if name.endswith('bias') else HPARAMS.learning_rate * 2.0 * begun[name]
        np.testing.assert_allclose(trained[1][name], value - taken, atol=1e-6)


def _probabilities(nade: Nade, past: np.ndarray) -> np.ndarray:
    return np.exp([nade.log_likelihoods(np.concatenate([past, [frame]]))[-1] for frame in _all_after(past)])


def _sample(nade: Nade, primers: list[np.ndarray], length: int, **options: Any) -> np.ndarray:
    return nade_sampling.sample(nade, primers, length, **{'temperature': 1.0, 'top_k': 0, 'seed': 0, **options})


def test_samples_are_as_likely_as_the_model_says() -> None:
    nade, number = _nade(7), 4000
    past = np.random.default_rng(7).random((6, KEYS)) < 0.4
    sampled = _sample(nade, [past] * number, 8)
    assert (sampled[:, :6] == past).all()
    code = sampled @ (1 << np.arange(KEYS)[::-1])
    expected = _probabilities(nade, past)
    counts = np.bincount(code[:, 6], minlength=len(ALL))
    assert np.abs(counts / number - expected).max() < 4 * np.sqrt(0.25 / number)
    likeliest = counts.argmax()  # the frame after it, given it
    following = code[code[:, 6] == likeliest, 7]
    then = _probabilities(nade, np.concatenate([past, ALL[likeliest : likeliest + 1]]))
    assert np.abs(np.bincount(following, minlength=len(ALL)) / len(following) - then).max() < 4 * np.sqrt(
        0.25 / len(following)
    )


def test_samples_with_strikes_are_as_likely_as_the_model_says() -> None:
    weights, number = _weights(NadeModel(HPARAMS, KEYS, 7, planes=2), np.random.default_rng(7)), 4000
    weights['nade/key_bias'] = np.repeat(np.float32([1, 0]), KEYS)
    nade = Nade(weights, HPARAMS.lags)
    past = _with_strikes(np.random.default_rng(7).random((6, KEYS)) < 0.6)
    sampled = _sample(nade, [past] * number, 8)
    assert (sampled[:, :6] == past).all()
    powers = 1 << np.arange(2 * KEYS)
    possible = _all_after(past) @ powers
    counts = np.bincount(sampled[:, 6] @ powers, minlength=1 << 2 * KEYS)
    assert counts.sum() == counts[possible].sum()
    assert np.abs(counts[possible] / number - _probabilities(nade, past)).max() < 4 * np.sqrt(0.25 / number)
    on = sampled[:, 7, :KEYS] & sampled[:, 6, :KEYS]
    struck = sampled[:, 7, KEYS:]
    assert not (struck & ~on).any() and 0 < struck.sum() < on.sum()


def test_sampling_repeats_and_an_output_does_not_depend_on_those_beside_it() -> None:
    nade, rng = _nade(8), np.random.default_rng(8)
    primers = [rng.random((steps, KEYS)) < 0.4 for steps in (1, 4, 2, 9)]
    sampled = _sample(nade, primers, 20, seed=3)
    np.testing.assert_array_equal(sampled, _sample(nade, primers, 20, seed=3))
    np.testing.assert_array_equal(sampled[:2], _sample(nade, primers[:2], 20, seed=3))
    assert (sampled != _sample(nade, primers, 20, seed=4)).any()
    for primer, output in zip(primers, sampled, strict=True):
        np.testing.assert_array_equal(output[: len(primer)], primer)


@pytest.mark.parametrize('options', [{'top_k': 1}, {'temperature': 1e-6}])
def test_the_likeliest_choices(options: dict[str, Any]) -> None:
    nade, past = _nade(9), np.random.default_rng(9).random((3, KEYS)) < 0.4
    sampled = _sample(nade, [past, past], 10, **options)
    np.testing.assert_array_equal(sampled[0], sampled[1])
    # Key by key: the next one that sounds, or that none does.
    frame, position = np.zeros(KEYS, bool), 0
    while position < KEYS:
        logits = nade.logits(np.concatenate([past, [frame]]))[-1].astype(float)
        silent = -np.logaddexp(0, logits)
        scores = [silent[position:k].sum() - np.logaddexp(0, -logits[k]) for k in range(position, KEYS)]
        scores.append(silent[position:].sum())
        choice = position + int(np.argmax(scores))
        if choice < KEYS:
            frame[choice] = True
        position = choice + 1
    np.testing.assert_array_equal(sampled[0, 3], frame)


def test_all_keys_and_none() -> None:
    weights = _weights(NadeModel(HPARAMS, KEYS, 0))
    for bias, expected in ((50, True), (-50, False)):
        loud = {**weights, 'nade/key_bias': np.full(KEYS, bias, np.float32)}
        assert (_sample(Nade(loud, HPARAMS.lags), [np.zeros((1, KEYS), bool)], 4)[0, 1:] == expected).all()


@pytest.mark.once
@pytest.mark.parametrize('articulation', [False, True])
def test_its_own_music_gets_as_many_keys_as_the_music(articulation: bool) -> None:
    config = dataclasses.replace(
        SPEC.config('gru_nade'),
        hparams=dataclasses.replace(HPARAMS, match_density=True),
        extraction=dataclasses.replace(SPEC.config('gru_nade').extraction, articulation=articulation),
    )
    music = np.random.default_rng(0).random((400, frame_tools.KEYS)) < 0.06
    if articulation:
        music = _with_strikes(music)
    examples = list(extraction.cut(music, 60, 20))
    weights = _weights(FAMILY.model(config, 0))
    weights['nade/key_bias'] = np.full(frame_tools.width(articulation), -4.0, np.float32)  # some 1.6 keys, not 5.3
    corrected, told = FAMILY.calibrated(weights, config, examples, 0)
    made = gru_nade.sample(corrected, config, [music[:1]] * 20, 60, PianoGeneration(seed=3))[:, 20:]
    assert made[..., : frame_tools.KEYS].sum(axis=2).mean() == pytest.approx(0.06 * frame_tools.KEYS, rel=0.1)
    assert 'keys at once' in told
    # Nothing else is changed, and nothing at all where the hyperparameters do not ask for it.
    changed = {name for name, value in corrected.items() if not np.array_equal(value, weights[name])}
    assert changed == {'nade/key_bias'} and corrected['nade/key_bias'].dtype == np.float32
    np.testing.assert_array_equal(corrected['nade/key_bias'][frame_tools.KEYS :], -4.0)
    plain = dataclasses.replace(config, hparams=HPARAMS)
    assert FAMILY.calibrated(weights, plain, examples, 0) == (weights, '')


_MODEL = NadeModel(HPARAMS, KEYS, seed=11)
_NADE = _nade(12)
