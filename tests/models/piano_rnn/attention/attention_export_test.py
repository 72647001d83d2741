"""gru_attention as a SavedModel gives the logits of the equations, with TensorFlow's own operations alone."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from solferino.hparams import overrides
from solferino.hparams.piano_rnn import SPEC, Vocabulary
from solferino.models import registry
from solferino.models.piano_rnn.attention import lookup
from solferino.models.piano_rnn.attention.attention_forward import Forward


def test_logits_are_those_of_the_equations(tmp_path: Path) -> None:
    family, config = registry.get('piano_rnn'), SPEC.config('gru_attention')
    config = dataclasses.replace(
        config,
        hparams=overrides.parse(config.hparams, 'embedding_size=9,rnn_layer_sizes=[8,7,6],attention_size=4'),
        extraction=dataclasses.replace(config.extraction, window=6),
        learned=Vocabulary(('60', 'e', '60,64', '48,60,64,67', '62')),
    )
    rng = np.random.default_rng(0)
    variables = family.model(config, 1).named_weights()
    weights = {name: rng.normal(0, 0.6, v.shape).astype(np.float32) for name, v in variables.items()}
    family.export(weights, config, 'savedmodel', tmp_path)
    assert b'PyFunc' not in (tmp_path / 'saved_model.pb').read_bytes()
    tokens = rng.integers(0, 5, (3, 11)).astype(np.int32)
    windows = np.concatenate([np.full((3, 5), 1, np.int32), tokens], axis=1)  # silence before
    forward = Forward(weights, lookup.of(config).frames)

    model = tf.saved_model.load(str(tmp_path))
    state, flat = model.initial_state(3), model.signatures['initial_state'](batch_size=tf.constant(3))
    for t in range(tokens.shape[1]):
        logits, state = model.step(tokens[:, t], state)
        flat = model.signatures['step'](inputs=tf.constant(tokens[:, t]), **flat)
        expected = forward.logits(windows[:, t : t + 6])
        np.testing.assert_allclose(logits, expected, atol=1e-5)
        np.testing.assert_allclose(flat.pop('logits'), expected, atol=1e-5)
    told = json.loads((tmp_path / 'model.json').read_text())
    assert told['vocabulary'] == ['60', 'e', '60,64', '48,60,64,67', '62']
    assert told['state'] == {'window': ['batch', 6]} and told['logits']['shape'] == ['batch', 5]
