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
      evaluation: more hyperparameters for the evaluation at the end, those of estimates.
    """

    hparams: str
    schedule: Schedule
    evaluation: str = ''

    @property
    def all_hparams(self) -> str:
        """For the evaluation at the end."""
        return ','.join(filter(None, (self.hparams, self.evaluation)))


# Chosen by the validation data alone.
SETTINGS = {
    ('lstm', 'jsb'): Settings('batch_size=8', Schedule(epochs_per_validation=2)),
}


def hurried(settings: Settings) -> Settings:
    """The same for a rough result: validated once, when the time is up."""
    return dataclasses.replace(
        settings, schedule=dataclasses.replace(settings.schedule, epochs_per_validation=float('inf'))
    )
