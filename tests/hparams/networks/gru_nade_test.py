"""Hyperparameters of gru_nade that cannot be are refused, and named."""

import pytest

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.hparams.networks.gru_nade import GruNadeHparams


@pytest.mark.parametrize(
    'text',
    [
        'batch_size=0',
        'rnn_layer_sizes=[]',
        'rnn_layer_sizes=[8,0]',
        'nade_size=0',
        'key_size=0',
        'lags=[]',
        'lags=[0,1]',
        'lags=[2,2]',
        'span=-1',
        'input_keep_prob=0',
        'dropout_keep_prob=1.5',
        'key_keep_prob=0',
        'averaging=1.0',
        'clip_norm=0',
        'learning_rate=0',
    ],
)
def test_what_cannot_be(text: str) -> None:
    with pytest.raises(SolferinoError, match=text.split('=')[0]):
        overrides.parse(GruNadeHparams(), text)


def test_what_can_be() -> None:
    hparams = overrides.parse(GruNadeHparams(), 'lags=[4,1],span=0,averaging=0,key_keep_prob=1')
    assert (hparams.lags, hparams.span, hparams.averaging, hparams.key_keep_prob) == ((4, 1), 0, 0, 1)
