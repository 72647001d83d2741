"""rbm as a SavedModel has the conditionals and the free energy of the equations."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.hparams.rbm import SPEC
from solferino.models import registry
from solferino.models.rbm import equations
from solferino.models.rbm.rnn_rbm_recurrence import Recurrence

FAMILY = registry.get('rbm')


def exported(folder: Path, name: str, hparams: str):
    config = SPEC.config(name)
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, hparams))
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(0, 0.4, v.shape).astype(np.float32)
        for name, v in FAMILY.model(config, 1).named_weights().items()
    }
    FAMILY.export(weights, config, 'savedmodel', folder)
    assert b'PyFunc' not in (folder / 'saved_model.pb').read_bytes()
    return tf.saved_model.load(str(folder)), weights, json.loads((folder / 'model.json').read_text())


def draw(seed: int, *shape: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < 0.3).astype(np.float32)


@pytest.mark.parametrize('name', ['chords', 'frame'])
def test_windows(tmp_path: Path, name: str) -> None:
    model, w, told = exported(tmp_path, name, 'hidden_units=6')
    v, h = draw(1, 4, len(w['visible_bias'])), draw(2, 4, 6)
    np.testing.assert_allclose(model.hidden(v), equations.sigmoid(v @ w['weights'] + w['hidden_bias']), atol=1e-5)
    np.testing.assert_allclose(model.visible(h), equations.sigmoid(h @ w['weights'].T + w['visible_bias']), atol=1e-5)
    energy = model.signatures['free_energy'](visible=tf.constant(v))['free_energy']
    expected = equations.free_energy(v, w['weights'], w['visible_bias'], w['hidden_bias'])
    np.testing.assert_allclose(energy, expected, rtol=1e-5)
    assert told['visible']['steps'] * told['visible']['cells_of_a_step'] == told['visible']['shape'][1] == v.shape[1]


@pytest.mark.parametrize('cell', ['tanh', 'gru'])
def test_a_machine_for_each_frame(tmp_path: Path, cell: str) -> None:
    model, w, told = exported(tmp_path, 'rnn_rbm', f'hidden_units=6,rnn_units=5,cell={cell}')
    frames, h = draw(1, 7, 88), draw(2, 1, 6)
    state = model.initial_state(1)
    for frame, visible_bias, hidden_bias in zip(frames, *Recurrence(w, cell).all_biases(frames), strict=True):
        expected = equations.sigmoid(frame @ w['weights'] + hidden_bias)
        np.testing.assert_allclose(model.hidden(frame[None], state)[0], expected, atol=1e-5)
        expected = equations.sigmoid(h[0] @ w['weights'].T + visible_bias)
        np.testing.assert_allclose(model.visible(h, state)[0], expected, atol=1e-5)
        energy = model.free_energy(frame[None], state)
        expected = equations.free_energy(frame[None], w['weights'], visible_bias, hidden_bias)
        np.testing.assert_allclose(energy, expected, rtol=1e-4)
        state = model.step(frame[None], state)
    assert told['state'] == {'state': ['batch', 5]}


def test_web_pages_have_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(SolferinoError, match=r'@magenta/music has no model like those of rbm\. --format=savedmodel'):
        FAMILY.export({}, SPEC.config('chords'), 'magentajs', tmp_path)
