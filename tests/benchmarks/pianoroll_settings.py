"""How each model of the piano-roll benchmark is set up and trained on each data set."""

import dataclasses

from pianoroll_data import Cutting


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long and on what a model is trained.

    Attributes:
      cutting: of the training sequences.
      epochs_per_validation: how often the validation data are predicted; may be a part of an epoch.
      patience: validations without a better result after which the rate is halved.
      halvings: after one more than so many training ends.
      epochs: training ends after so many; 0 for no such end.
      seconds: training ends after so long in any case.
    """

    cutting: Cutting = dataclasses.field(default_factory=Cutting)
    epochs_per_validation: float = 1
    patience: int = 4
    halvings: int = 3
    epochs: float = 0
    seconds: float = 3000


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
