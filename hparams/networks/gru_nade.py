"""Hyperparameters of gru_nade: the joint distribution of a frame's keys, from an RNN over the frames before.

The config, with what it costs and reaches, is in piano_rnn.py.
"""

import dataclasses

from solferino.hparams.spec import architecture

_LONGEST_LAG, _WIDEST_SPAN = 10_000, 127  # frames that generation keeps, and all keys there are


@dataclasses.dataclass(frozen=True)
class GruNadeHparams:
    """See `models/piano_rnn/nade/nade.py` for the equations.

    Attributes:
      batch_size: pieces in a batch.
      rnn_layer_sizes: units of each GRU layer, first layer first.
      nade_size: hidden units of the NADE.
      key_size: channels of the network that all keys share.
      lags: the frames before, as distances, of which each key sees the keys around itself.
      span: how many keys it sees to either side.
      input_keep_prob: probability that a key of a frame before is seen by the GRU in training.
      dropout_keep_prob: probability that a unit of the GRU is kept in training.
      key_keep_prob: probability that a channel of the keys' network is kept in training.
      clip_norm: gradients are scaled down to this global norm.
      learning_rate: of Adam.
      weight_decay: share of the weights, without biases, that is subtracted at each step, times the learning rate.
      averaging: decay of the exponential moving average (EMA) of the weights, which is evaluated and generates: over
        about 1 / (1 - averaging) steps.
      match_density: after training, correct the log-odds that a key sounds until the model's own music has as many keys
        at once as the music that it learned from.
    """

    batch_size: int = 16
    rnn_layer_sizes: tuple[int, ...] = architecture((128,))
    nade_size: int = architecture(128)
    key_size: int = architecture(64)
    lags: tuple[int, ...] = architecture((1, 2, 3, 4, 6, 8, 12, 16))
    span: int = architecture(14)
    input_keep_prob: float = 1.0
    dropout_keep_prob: float = 0.7
    key_keep_prob: float = 0.9
    clip_norm: float = 3.0
    learning_rate: float = 0.002
    weight_decay: float = 0.0
    averaging: float = 0.998
    match_density: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f'batch_size={self.batch_size} must be at least 1.')
        if not self.rnn_layer_sizes or min(self.rnn_layer_sizes) < 1:
            raise ValueError('rnn_layer_sizes must name at least one layer of at least one unit, such as [64,64].')
        if min(self.nade_size, self.key_size) < 1:
            raise ValueError('nade_size and key_size must be at least 1.')
        if not self.lags or len(set(self.lags)) < len(self.lags):
            raise ValueError('lags must name at least one frame before, such as [1,2,4], and none twice.')
        if min(self.lags) < 1 or max(self.lags) > _LONGEST_LAG:
            raise ValueError(f'lags must be from 1 to {_LONGEST_LAG} frames.')
        if not 0 <= self.span <= _WIDEST_SPAN:
            raise ValueError(f'span={self.span} must be from 0 to {_WIDEST_SPAN} keys.')
        for name in ('input_keep_prob', 'dropout_keep_prob', 'key_keep_prob'):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f'{name}={getattr(self, name)} must be above 0 and at most 1.')
        if not 0 <= self.averaging < 1:
            raise ValueError(f'averaging={self.averaging} must be at least 0 and below 1.')
        if self.weight_decay < 0:
            raise ValueError(f'weight_decay={self.weight_decay} must be at least 0.')
        if self.clip_norm <= 0 or self.learning_rate <= 0:
            raise ValueError('clip_norm and learning_rate must be above 0.')
