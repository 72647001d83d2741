"""The generator in NumPy against TensorFlow's, the critic's layers against Keras's, and a run that is resumed."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from solferino.hparams import overrides
from solferino.hparams.musegan import OUTPUTS, SPEC, MuseGanLearned
from solferino.models.core.storage import checkpoints
from solferino.models.musegan import gan, generator
from solferino.models.musegan.classes import Classes
from solferino.models.musegan.gan import MuseGan
from solferino.models.musegan.generator import Latents
from solferino.models.music.pieces.voices import sounding

pytestmark = pytest.mark.once

TINY = (
    'batch_size=3,num_tracks=2,latent_size=4,temporal_size=5,bar_sizes=[8,5,4,3],critic_sizes=[3,4,5,6],critic_steps=2'
)


def _model(more: str = '', seed: int = 0) -> tuple[MuseGan, Any, Classes]:
    config = SPEC.configs['musegan']
    hparams = overrides.parse(config.hparams, f'{TINY},{more}'.strip(','))
    classes = Classes.of(config.extraction)
    return MuseGan(hparams, classes, MuseGanLearned(), seed), hparams, classes


def _batch(number: int, bars: int = 2) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(number)
    voices = rng.integers(0, 86, (3, 16 * bars, 2)).astype(np.int32)
    return {'voices': tf.constant(voices), 'length': tf.constant([16 * bars] * 3)}


@pytest.mark.parametrize('bars', [1, 2, 5])
def test_numpy_makes_what_tensorflow_makes(bars: int) -> None:
    model, hparams, classes = _model(f'num_bars={bars}')
    for number in range(4):
        model.train_step(_batch(number, bars))
    weights = {name: np.array(v.numpy()) for name, v in model.named_weights().items()}
    shapes = generator.weight_shapes(hparams, classes.num_pitches, classes.others)
    assert {name: array.shape for name, array in weights.items()} == shapes
    rng = np.random.default_rng(0)
    drawn = Latents(*(rng.normal(size=shape).astype(np.float32) for shape in ((6, 4), (6, 4), (6, 2, 4), (6, 2, 4))))
    found = generator.forward(weights, drawn, hparams)
    assert found.shape == (6, bars, 16, 86, 2)
    wanted = model._logits(model.named_weights(), Latents(*map(tf.constant, drawn)), trains=False)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-3, atol=1e-4)


def test_a_temporal_network_is_two_transposed_convolutions() -> None:
    """Those of the tutorials: a kernel of 2, then one of bars - 1."""
    model, hparams, _ = _model('num_bars=5')
    weights = {name: np.array(v.numpy()) for name, v in model.named_weights().items()}
    z, t = 4, 5
    first, second = weights['chords/hidden_kernel'], weights['chords/bar_kernel']
    x = np.random.default_rng(1).normal(size=(3, 1, 1, z)).astype(np.float32)

    def transposed(x: Any, kernel: np.ndarray) -> Any:
        layer = keras.layers.Conv2DTranspose(kernel.shape[2], kernel.shape[:2], use_bias=False)
        layer.build(x.shape)
        layer.kernel.assign(kernel)
        return np.maximum(layer(x).numpy() / np.sqrt(1 + generator.EPSILON), 0)

    hidden = transposed(x, first.reshape(z, 2, t).transpose(1, 2, 0)[:, None])
    bars = transposed(hidden, second.reshape(t, 4, z).transpose(1, 2, 0)[:, None])
    assert bars.shape == (3, 5, 1, z)
    # A bar generator whose first layer sees the chords alone, each unit one of them.
    seen = {}

    def activate(name: str, x: np.ndarray) -> np.ndarray:
        result = np.maximum(x / np.sqrt(np.float32(1 + generator.EPSILON)), 0)
        seen[name] = result
        return result

    ops = generator.Ops(np.matmul, np.reshape, np.concatenate, np.stack, np.tile, np.zeros_like, activate)
    drawn = Latents(x[:, 0, 0], x[:, 0, 0], *(np.zeros((3, 2, z), np.float32) for _ in range(2)))
    generator.generate(weights, drawn, hparams, ops)
    np.testing.assert_allclose(seen['chords/bar'].reshape(3, 5, z), bars[:, :, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('output', OUTPUTS)
def test_it_learns_with_each_output(output: str) -> None:
    """The generator's weights move at every second step, the critic's at each."""
    model, _, _ = _model(f'output={output}')
    step = tf.function(model.train_step)
    kernels = {'critic': model._critic['bars_0_kernel'], 'generator': model._averages.trained['bar_1/pitch_kernel']}
    before = {name: v.numpy() for name, v in kernels.items()}
    moved = []
    for number in range(4):
        metrics = step(_batch(number))
        assert all(np.isfinite(float(total)) for total, _ in metrics.values())
        now = {name: v.numpy() for name, v in kernels.items()}
        moved.append([not np.array_equal(now[name], before[name]) for name in kernels])
        before = now
    assert moved == [[True, False], [True, True]] * 2


def test_the_penalty_is_the_slope_of_the_critic() -> None:
    """By finite differences."""
    model, _, _ = _model()
    x = tf.random.stateless_normal([3, 2, 16, 86, 2], [1, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        judged = model._judge(x)
    slope = tape.gradient(judged, x)
    way = tf.random.stateless_normal(x.shape, [3, 4]) * 1e-3
    rise = (model._judge(x + way) - model._judge(x - way)).numpy() / 2
    np.testing.assert_allclose(rise, tf.reduce_sum(slope * way, [1, 2, 3, 4]).numpy(), rtol=2e-2, atol=1e-5)


def test_a_resumed_run_repeats_an_uninterrupted_one(tmp_path: Path) -> None:
    """Both optimizers, the critic and the statistics of the batches are in a checkpoint."""
    whole, _, _ = _model()
    for number in range(6):
        if number == 3:
            checkpoints.save(str(tmp_path), checkpoints.capture(whole, {'hparams': {}}))
        whole.train_step(_batch(number))
    resumed, _, _ = _model(seed=0)
    kept = checkpoints.latest(str(tmp_path))
    assert kept is not None and kept.step == 3
    checkpoints.restore(resumed, kept)
    for number in range(3, 6):
        resumed.train_step(_batch(number))
    for get in (MuseGan.named_weights, MuseGan.named_optimizer_state):
        one, other = ({name: v.numpy() for name, v in get(model).items()} for model in (whole, resumed))
        assert one.keys() == other.keys()
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_what_sounds_is_what_was_struck_or_held() -> None:
    rng = np.random.default_rng(3)
    classes = Classes.of(SPEC.configs['musegan'].extraction)
    drawn = np.where(rng.random((2, 32, 2)) < 0.6, 1, rng.integers(0, 86, (2, 32, 2)))
    one_hot = np.eye(86)[drawn].reshape(2, 2, 16, 2, 86).swapaxes(3, 4)
    found = gan._sounding(tf.constant(one_hot)).numpy()  # (2, 2, 16, 84, 2)
    for piece, roll in zip(drawn, found, strict=True):
        pitches = sounding(classes.voices(piece))
        wanted = pitches[:, None, :] == (np.arange(84) + classes.lowest)[:, None]
        np.testing.assert_array_equal(roll.reshape(32, 84, 2), wanted)
