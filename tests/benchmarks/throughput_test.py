"""The plain networks are those of the families, so that it is fair to compare their speed."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from throughput_plain import attention_model, rbm_step

from solferino.hparams import overrides
from solferino.hparams.piano_rnn import GruAttentionHparams
from solferino.hparams.rbm import RbmHparams
from solferino.models import registry
from solferino.models.piano_rnn import frames
from solferino.models.piano_rnn.attention.attention_forward import Forward

TINY = 'embedding_size=5,rnn_layer_sizes=[4,3],attention_size=2'


def test_plain_attention_network_gives_the_logits_of_the_family():
    rng = np.random.default_rng(0)
    keys = rng.random((7, 88)) < 0.1
    model = attention_model(overrides.parse(GruAttentionHparams(), TINY), keys, window=6)
    names = ['embedding/kernel', 'embedding/key_kernel', 'gru_0/kernel', 'gru_0/recurrent_kernel', 'gru_0/bias',
             'attention_0/query_kernel', 'attention_0/bias', 'attention_0/key_kernel', 'attention_0/score',
             'gru_1/kernel', 'gru_1/recurrent_kernel', 'gru_1/bias', 'logits/key_kernel', 'logits/key_bias',
             'logits/kernel', 'logits/bias']  # fmt: skip
    weights = dict(zip(names, model.trainable_weights, strict=True))
    for variable in weights.values():
        variable.assign(rng.normal(size=variable.shape))
    forward = Forward({name: v.numpy() for name, v in weights.items()}, keys)
    windows = rng.integers(7, size=(8, 6))
    np.testing.assert_allclose(model(windows), forward.logits(windows), atol=1e-4)


def test_plain_attention_network_has_the_weights_of_the_family():
    family = registry.get('piano_rnn')
    config = family.spec.config('gru_attention')
    learned = dataclasses.replace(config.learned, tokens=('e', '60', '62'))
    ours = family.model(dataclasses.replace(config, learned=learned), 0).named_weights()
    columns = frames.width(config.extraction.articulation)
    plain = attention_model(config.hparams, np.zeros((3, columns), bool), config.extraction.window)
    assert sorted(tuple(v.shape) for v in ours.values()) == sorted(tuple(v.shape) for v in plain.trainable_weights)


@pytest.mark.parametrize('given', ['persistent=true,chains=16,cd_steps=3,learning_rate=0.3', 'learning_rate=0.3'])
def test_plain_machine_learns(given):
    tf.random.set_seed(0)
    step = rbm_step(overrides.parse(RbmHparams(hidden_units=6), given), visible_units=8)
    windows = np.random.default_rng(0).random((64, 1)) < 0.5
    data = tf.constant(np.repeat(windows, 8, axis=1).astype(np.float32))  # all units on, or none
    first = float(step(data))
    errors = [float(step(data)) for _ in range(300)]
    assert errors[-1] < first / 2
