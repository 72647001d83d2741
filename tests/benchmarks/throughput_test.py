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
from solferino.models.piano_rnn.forward import Forward

TINY = 'embedding_size=5,rnn_layer_sizes=[4,3],attention_size=2'


def test_plain_attention_network_gives_the_logits_of_the_family():
    hparams = overrides.parse(GruAttentionHparams(), TINY)
    model = attention_model(hparams, num_tokens=7, window=6)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    embedding, *rest = model.get_weights()
    names = ['gru_0/kernel', 'gru_0/recurrent_kernel', 'gru_0/bias', 'attention_0/query_kernel', 'attention_0/bias',
             'attention_0/key_kernel', 'attention_0/score', 'gru_1/kernel', 'gru_1/recurrent_kernel', 'gru_1/bias',
             'logits/kernel', 'logits/bias']  # fmt: skip
    forward = Forward({'embedding/kernel': embedding, **dict(zip(names, rest, strict=True))})
    windows = rng.integers(7, size=(8, 6))
    np.testing.assert_allclose(model(windows), forward.logits(windows), atol=1e-4)


def test_plain_attention_network_has_the_weights_of_the_family():
    family = registry.get('piano_rnn')
    config = family.spec.config('gru_attention')
    learned = dataclasses.replace(config.learned, tokens=('e', '60', '62'))
    ours = family.model(dataclasses.replace(config, learned=learned), 0).named_weights()
    plain = attention_model(config.hparams, 3, config.extraction.window)
    assert sorted(tuple(v.shape) for v in ours.values()) == sorted(tuple(v.shape) for v in plain.weights
                                                                   if v.dtype == 'float32')  # fmt: skip


@pytest.mark.parametrize('given', ['persistent=true,chains=16,cd_steps=3,learning_rate=0.3', 'learning_rate=0.3'])
def test_plain_machine_learns(given):
    tf.random.set_seed(0)
    step = rbm_step(overrides.parse(RbmHparams(hidden_units=6), given), visible_units=8)
    windows = np.random.default_rng(0).random((64, 1)) < 0.5
    data = tf.constant(np.repeat(windows, 8, axis=1).astype(np.float32))  # all units on, or none
    first = float(step(data))
    errors = [float(step(data)) for _ in range(300)]
    assert errors[-1] < first / 2
