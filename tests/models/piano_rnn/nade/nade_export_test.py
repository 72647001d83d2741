"""gru_nade as a SavedModel gives the logits of the equations, with TensorFlow's own operations alone."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from solferino.hparams import overrides
from solferino.hparams.piano_rnn import SPEC
from solferino.models import registry
from solferino.models.piano_rnn.frames import sounds_on
from solferino.models.piano_rnn.nade.nade import Nade

SIZES = 'rnn_layer_sizes=[6,5],nade_size=5,key_size=4,lags=[1,2,5],span=3'


@pytest.mark.parametrize('articulation', [False, True])
def test_logits_are_those_of_the_equations(articulation: bool, tmp_path: Path) -> None:
    family, config = registry.get('piano_rnn'), SPEC.config('gru_nade')
    config = dataclasses.replace(
        config,
        hparams=overrides.parse(config.hparams, SIZES),
        extraction=dataclasses.replace(config.extraction, articulation=articulation),
    )
    rng = np.random.default_rng(0)
    variables = family.model(config, 1).named_weights()
    weights = {name: rng.normal(0, 0.5, v.shape).astype(np.float32) for name, v in variables.items()}
    family.export(weights, config, 'savedmodel', tmp_path)
    assert b'PyFunc' not in (tmp_path / 'saved_model.pb').read_bytes()
    # Keys that last for long, the lowest and the highest among them, and many at once.
    pieces = rng.random((2, 30, 88)) < np.where(np.arange(30) % 9 == 4, 0.4, 0.05)[:, None]
    pieces[0, 5:28, [0, 40, 87]] = True
    if articulation:
        again = np.stack([sounds_on(frames) for frames in pieces]) & (rng.random(pieces.shape) < 0.5)
        pieces = np.concatenate([pieces, again], axis=2)
    expected = np.stack([Nade(weights, config.hparams.lags).logits(frames) for frames in pieces])

    model = tf.saved_model.load(str(tmp_path))
    frames = pieces.astype(np.float32)
    state, flat = model.initial_state(2), model.signatures['initial_state'](batch_size=tf.constant(2))
    for t in range(frames.shape[1]):
        np.testing.assert_allclose(model.logits(frames[:, t], state), expected[:, t], atol=2e-4)
        logits = model.signatures['logits'](frame=tf.constant(frames[:, t]), **flat)['logits']
        np.testing.assert_allclose(logits, expected[:, t], atol=2e-4)
        state = model.step(frames[:, t], state)
        flat = model.signatures['step'](inputs=tf.constant(frames[:, t]), **flat)
    # A key is given those below it, and knows nothing of those above.
    below = np.where(np.arange(frames.shape[2]) % 88 < 40, frames[:, 3], 0)
    np.testing.assert_array_equal(model.logits(below, state)[:, :41], model.logits(frames[:, 3], state)[:, :41])
    told = json.loads((tmp_path / 'model.json').read_text())
    assert {name: tensor.shape[1:].as_list() for name, tensor in state.items()} == {
        name: shape[1:] for name, shape in told['state'].items()
    }
