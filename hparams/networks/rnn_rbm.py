"""Hyperparameters of the RNN-RBM: the rbm family's machine with an RNN over the frames before.

The config, with what it costs and reaches, is in rbm.py.
"""

import dataclasses

from solferino.hparams.spec import architecture

# More would exceed any memory or patience.
MOST, MOST_GIBBS_STEPS = 1 << 20, 10_000


@dataclasses.dataclass(frozen=True)
class RnnRbmHparams:
    """Where a name is one of RbmHparams, it means the same.

    Persistent chains and the sparsity target need one machine for all data; here each frame has another one. Momentum
    is Adam's own.

    Attributes:
      batch_size: sequences in a batch.
      num_timesteps: 1: a machine is given the frames before its own.
      cell: of the recurrent network: 'tanh' as in the paper, or 'gru'.
      rnn_units: of the recurrent network.
      dropout_keep_prob: probability that a unit of the recurrent state is kept in training, where it gives the biases.
      clip_norm: gradients are scaled down to this global norm.
      ais_steps: temperatures of the annealed importance sampling that `--eval_once` takes for each frame's likelihood.
      ais_chains: its chains for each frame.
    """

    batch_size: int = 16
    num_timesteps: int = architecture(1)
    hidden_units: int = architecture(150)
    cell: str = architecture('gru')
    rnn_units: int = architecture(200)
    learning_rate: float = 0.005
    decay_steps: int = 0
    cd_steps: int = 10
    weight_decay: float = 0.0001
    dropout_keep_prob: float = 0.5
    clip_norm: float = 1.0
    ais_steps: int = 500
    ais_chains: int = 2

    def __post_init__(self) -> None:
        for name, least, most in (
            ('batch_size', 1, MOST),
            ('hidden_units', 1, MOST),
            ('rnn_units', 1, MOST),
            ('cd_steps', 1, MOST_GIBBS_STEPS),
            ('ais_steps', 100, 1_000_000),
            ('ais_chains', 2, 10_000),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f'{name}={getattr(self, name)} must be from {least} to {most}.')
        if self.num_timesteps != 1:
            raise ValueError(f'num_timesteps={self.num_timesteps} must be 1.')
        if self.cell not in ('tanh', 'gru'):
            raise ValueError(f'cell={self.cell} must be tanh or gru.')
        if not 0 < self.dropout_keep_prob <= 1:
            raise ValueError(f'dropout_keep_prob={self.dropout_keep_prob} must be above 0 and at most 1.')
        for name in ('learning_rate', 'clip_norm'):
            if getattr(self, name) <= 0:
                raise ValueError(f'{name}={getattr(self, name)} must be above 0.')
        for name in ('decay_steps', 'weight_decay'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name}={getattr(self, name)} must be 0 or more.')
