"""How each model of the piano-roll benchmark is set up and trained on each data set."""

import dataclasses
import math

from pianoroll_data import Cutting

HALVING, COSINE, LINEAR = 'halving', 'cosine', 'linear'
_LEAST = 0.02  # of the learning rate, at the end of COSINE
_WARM_STEPS = 100  # in which the rate rises, with COSINE


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long and on what a model is trained.

    Attributes:
      cutting: of the training sequences.
      epochs: training ends after so many; 0 for no such end.
      seconds: training ends after so long in any case.
      rate: what becomes of the learning rate: HALVING when the validation data are predicted no better, or over all of
        training, to which end `epochs` or `seconds` come first, COSINE or LINEAR (to zero, in the second half).
      patience: for HALVING: validations without a better result after which the rate is halved.
      halvings: for HALVING: after one more than so many training ends.
      epochs_per_validation: how often the validation data are predicted; may be a part of an epoch.
    """

    cutting: Cutting = dataclasses.field(default_factory=Cutting)
    epochs: float = 0
    seconds: float = 3000
    rate: str = HALVING
    patience: int = 4
    halvings: int = 3
    epochs_per_validation: float = 1

    def progress(self, epochs: float, seconds: float) -> float:
        """How much of training is done, from 0 to 1."""
        return min(1.0, max(epochs / self.epochs if self.epochs else 0.0, seconds / self.seconds))

    def factor(self, step: int, progress: float) -> float:
        """What the learning rate is multiplied by, but for HALVING."""
        if self.rate == LINEAR:
            return min(1.0, 2 * (1 - progress))
        if self.rate == COSINE:
            warm = min(1.0, (step + 1) / _WARM_STEPS)
            return warm * (_LEAST + (1 - _LEAST) * (1 + math.cos(math.pi * progress)) / 2)
        return 1.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of one model on one data set.

    Attributes:
      hparams: that differ from the config's, as for `--hparams`.
      schedule: how long and on what it is trained.
      evaluation: hyperparameters that are others in the evaluation at the end, those of estimates.
    """

    hparams: str
    schedule: Schedule
    evaluation: str = ''


# Semitones, where sequences are transposed.
_KEYS = (-5, 6)
_AIS = 'ais_steps=500,ais_chains=2'  # of the figures in the table; validation makes do with less
_FRAME = (  # without moving averages: the learning rate falls to zero
    'persistent=true,cd_steps=5,optimizer=adam,learning_rate=0.01,weight_decay=0.00001,sparsity_cost=0,averaging=0'
)
_SCATTERED = Cutting(crop=50, scattered=True)  # batches of 200 or 400 steps, as many as there are chains
_RNN_RBM = 'cell=gru,hidden_units=150,cd_steps=10,learning_rate=0.005,weight_decay=0.0001,clip_norm=1,ais_steps=100'
# Chosen by the validation data alone.
SETTINGS = {
    ('frame', 'jsb'): Settings(
        f'{_FRAME},hidden_units=200,batch_size=4,chains=200',
        Schedule(_SCATTERED, epochs=400, rate=LINEAR, epochs_per_validation=20),
    ),
    ('frame', 'nottingham'): Settings(
        f'{_FRAME},hidden_units=200,batch_size=8,chains=400',
        Schedule(_SCATTERED, epochs=160, rate=LINEAR, epochs_per_validation=6),
    ),
    ('frame', 'piano'): Settings(
        f'{_FRAME},hidden_units=200,batch_size=8,chains=400',
        Schedule(_SCATTERED, epochs=25, rate=LINEAR, epochs_per_validation=5),
    ),
    ('rnn_rbm', 'jsb'): Settings(
        f'{_RNN_RBM},rnn_units=256,batch_size=8,dropout_keep_prob=0.5',
        Schedule(Cutting(crop=128, transpose=_KEYS, share=0.5), epochs=250, rate=LINEAR, epochs_per_validation=10),
        _AIS,
    ),
    ('rnn_rbm', 'nottingham'): Settings(
        f'{_RNN_RBM},rnn_units=300,batch_size=16,dropout_keep_prob=0.6',
        Schedule(Cutting(crop=128, transpose=_KEYS, share=0.4), epochs=60, rate=LINEAR, epochs_per_validation=5),
        _AIS,
    ),
    ('rnn_rbm', 'piano'): Settings(
        f'{_RNN_RBM},rnn_units=256,batch_size=8,dropout_keep_prob=0.5',
        Schedule(Cutting(crop=200, transpose=_KEYS, share=0.5), epochs=80, rate=LINEAR, epochs_per_validation=5),
        _AIS,
    ),
    ('gru_nade', 'jsb'): Settings(
        'batch_size=8,dropout_keep_prob=0.5,key_keep_prob=0.8,input_keep_prob=0.9',
        Schedule(Cutting(transpose=_KEYS, share=0.4), epochs=80, rate=COSINE, epochs_per_validation=4),
    ),
    ('gru_nade', 'nottingham'): Settings(
        'batch_size=8,rnn_layer_sizes=[192],dropout_keep_prob=0.8,key_keep_prob=0.95,'
        'lags=[1,2,3,4,6,8,12,16,24,32,48,64]',
        Schedule(Cutting(crop=128, context=64, transpose=_KEYS, share=0.3), epochs=16, rate=COSINE),
    ),
    ('gru_nade', 'piano'): Settings(
        'batch_size=8,rnn_layer_sizes=[128],dropout_keep_prob=0.6,key_keep_prob=0.85,lags=[1,2,3,4,6,8,12,16,24,32]',
        Schedule(Cutting(crop=128, context=48, transpose=_KEYS, share=0.4), epochs=20, rate=COSINE),
    ),
    ('lstm', 'jsb'): Settings(
        'batch_size=8,rnn_layer_sizes=[200],dropout=0.3,learning_rate=0.003',
        Schedule(epochs=150, rate=COSINE, epochs_per_validation=5),
    ),
    ('lstm', 'nottingham'): Settings(
        'batch_size=8,rnn_layer_sizes=[200],dropout=0.2,learning_rate=0.003',
        Schedule(Cutting(crop=100, context=40), epochs=20, rate=COSINE, epochs_per_validation=2),
    ),
    ('lstm', 'piano'): Settings(
        'batch_size=8,rnn_layer_sizes=[200],dropout=0.4,learning_rate=0.003',
        Schedule(
            Cutting(crop=100, context=40, transpose=_KEYS, share=0.4), epochs=30, rate=COSINE, epochs_per_validation=2
        ),
    ),
}


def hurried(settings: Settings) -> Settings:
    """The same for a rough result: validated once, when the time is up."""
    return dataclasses.replace(
        settings, schedule=dataclasses.replace(settings.schedule, epochs_per_validation=float('inf'))
    )
