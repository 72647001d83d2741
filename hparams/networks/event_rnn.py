"""Hyperparameters shared by the families that predict the next event with a recurrent network."""

import dataclasses

from solferino.hparams.generation import GenerateOptions
from solferino.hparams.spec import architecture, option

_MOST_HYPOTHESES = (
    1000  # each has a state of the network, with attention some 64 KiB; there are twelve outputs at a time
)
_MOST_ATTENTION = 1 << 12  # steps; memory and time of every step grow with it
# For presets: leaves the first plateau within tens of steps, and smooths the last steps.
QUICK_START = 'output_bias=frequencies,averaging=0.98'


@dataclasses.dataclass(frozen=True)
class EventRnnHparams:
    """Magenta's names, meanings and defaults; with the defaults of what Magenta does not have, it is Magenta's network.

    Attributes:
      batch_size: sequences in a batch.
      rnn_layer_sizes: units of each LSTM layer, first layer first.
      dropout_keep_prob: probability that a layer's output unit is kept in training.
      attn_length: how many of its last outputs the first layer attends to; 0 for no attention.
      clip_norm: the gradient of each matrix and each bias is scaled down to this norm.
      learning_rate: of Adam.
      decay_steps: the learning rate falls linearly to zero at this step; 0 keeps it constant, as Magenta does.
      output_bias: initial biases of the output layer: 'zeros', as in Magenta, or 'frequencies', from how often each
        event occurs in the training examples, which saves hundreds of steps.
      averaging: decay of the exponential moving average (EMA) of the weights, which is evaluated and generates: over
        about 1 / (1 - averaging) steps. 0, as in Magenta, for no average.
      residual_connections: add each layer's input to its output.
      precision: of the matmuls over all steps in training: 'float32', or 'bfloat16', which is faster on hardware that
        supports it; on a GPU, of whole LSTM layers. Weights are always float32.
    """

    batch_size: int = 64
    rnn_layer_sizes: tuple[int, ...] = architecture((128, 128))
    dropout_keep_prob: float = 1.0
    attn_length: int = architecture(0)
    clip_norm: float = 3.0
    learning_rate: float = 0.001
    decay_steps: int = 0
    output_bias: str = 'zeros'
    averaging: float = 0.0
    residual_connections: bool = architecture(False)
    precision: str = 'float32'

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f'batch_size={self.batch_size} must be at least 1.')
        if not self.rnn_layer_sizes or min(self.rnn_layer_sizes) < 1:
            raise ValueError('rnn_layer_sizes must name at least one layer of at least one unit, such as [64,64].')
        if not 0 < self.dropout_keep_prob <= 1:
            raise ValueError(f'dropout_keep_prob={self.dropout_keep_prob} must be above 0 and at most 1.')
        if not 0 <= self.attn_length <= _MOST_ATTENTION:
            raise ValueError(
                f'attn_length={self.attn_length} must be from 0 (no attention) to {_MOST_ATTENTION} steps.'
            )
        if self.clip_norm <= 0:
            raise ValueError(f'clip_norm={self.clip_norm} must be above 0.')
        if self.precision not in ('float32', 'bfloat16'):
            raise ValueError(f'precision={self.precision} must be float32 or bfloat16.')
        if self.learning_rate <= 0:
            raise ValueError(f'learning_rate={self.learning_rate} must be above 0.')
        if self.decay_steps < 0:
            raise ValueError(f'decay_steps={self.decay_steps} must be 0 or more.')
        if self.output_bias not in ('zeros', 'frequencies'):
            raise ValueError(f'output_bias={self.output_bias} must be zeros or frequencies.')
        if not 0 <= self.averaging < 1:
            raise ValueError(f'averaging={self.averaging} must be at least 0 and below 1.')


@dataclasses.dataclass(frozen=True)
class EventGeneration(GenerateOptions):
    """With Magenta's beam search; 1, 1, 1 is plain sampling."""

    top_k: int = option(0, 'Choose among this many likeliest events; 0 for all.')
    beam_size: int = option(1, 'Beam search: how many candidates are kept.')
    branch_factor: int = option(1, 'Beam search: how many ways each candidate is continued.')
    steps_per_iteration: int = option(1, 'Beam search: steps between two choices of the best candidates.')

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(0, 'top_k')
        self.require_at_least(1, 'beam_size', 'branch_factor', 'steps_per_iteration')
        if self._hypotheses > _MOST_HYPOTHESES:
            raise ValueError(
                f'--beam_size={self.beam_size} with --branch_factor={self.branch_factor} makes {self._hypotheses:,} '
                f'candidates of each output; at most {_MOST_HYPOTHESES:,} fit.'
            )

    @property
    def bytes_of_a_step(self) -> int:
        """See GenerateOptions."""
        return super().bytes_of_a_step + 16 * self._hypotheses

    @property
    def _hypotheses(self) -> int:
        return self.beam_size * self.branch_factor
