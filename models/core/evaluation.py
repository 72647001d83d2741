"""Evaluation: the metrics of a model on held-out examples, without dropout, and the picture of a track that it makes.

It runs inside training (`--eval_file`), or as a job of its own beside it (`--eval`), or once (`--eval_once`).
"""

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping

from solferino.hparams.spec import Config
from solferino.models.core import checkpoints, monitor
from solferino.models.core.checkpoints import Checkpoint
from solferino.models.core.data import Dataset, evaluation_order
from solferino.models.core.family import Family, GenerateOptions
from solferino.models.core.steps import compiled
from solferino.models.core.trainable import Trainable

PICTURE = 'generated'
_log = logging.getLogger(__name__)


@dataclasses.dataclass
class Evaluator:
    """Evaluates a model on a dataset.

    Attributes:
      model: a Trainable, whose weights are evaluated as they are at the time.
      dataset: the held-out examples.
      board: TensorBoard's eval directory.
      train_dir: where the best checkpoint is kept; None keeps none.
      seed: of the tracks in the pictures.
      stop: whether the user wants to end.
    """

    model: Trainable
    dataset: Dataset
    board: monitor.Board
    train_dir: str | None
    seed: int
    stop: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self._test_step = compiled(self.model.test_step, self.dataset.family, self.dataset.config)

    def values(self) -> dict[str, float] | None:
        """The metrics, by TensorBoard name; None if the user stopped."""
        meter = monitor.Meter()
        for indices in evaluation_order(self.dataset, self.dataset.config.hparams.batch_size):
            if self.stop():
                return None
            meter.add(self._test_step(self.dataset.batch(indices)))
        means = meter.means()
        return means | self.model.derived(means)

    def report(self, checkpoint: Checkpoint) -> dict[str, float] | None:
        """Evaluates the model, which is in the state of `checkpoint`; writes the values, a picture and the best."""
        values = self.values()
        if values is None:
            return None
        self.board.scalars(checkpoint.step, values)
        draw(self.dataset.family, self.dataset.config, checkpoint, self.board, self.seed)
        self.board.flush()
        loss = values['loss']
        if self.train_dir and math.isfinite(loss):
            evaluated = dataclasses.replace(checkpoint, eval_loss=loss, eval_set=self.dataset.fingerprint)
            path = checkpoints.keep_best(self.train_dir, evaluated)
            if path:
                _log.info('Evaluation loss %.4f at step %d is the lowest: kept as %s', loss, checkpoint.step, path)
            else:
                _log.info('Evaluation loss %.4f at step %d.', loss, checkpoint.step)
        return values


def draw(family: Family, config: Config, checkpoint: Checkpoint, board: monitor.Board, seed: int) -> None:
    """Writes the picture of a track that the model generates. The same seed makes the pictures of a run comparable."""
    try:
        sequence = family.generate(checkpoint.weights, config, [None], GenerateOptions(seed=seed))[0]
        board.picture(checkpoint.step, PICTURE, family.draw(sequence, config))
    except Exception as error:  # a picture is not worth hours of training
        _log.warning('No picture of a generated track at step %d: %r', checkpoint.step, error)


def describe(dataset: Dataset, checkpoint_path: str, values: Mapping[str, float]) -> str:
    """Returns an evaluation as a table."""
    return monitor.table(f'{checkpoint_path} on the {len(dataset)} examples of {dataset.pattern}:', values)
