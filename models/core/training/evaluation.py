"""Evaluation: the metrics of a model on held-out examples, without dropout, and a sample of what it generates.

It runs inside training (`--eval_file`), in a process of its own beside it (`--eval`), or once (`--eval_once`).
"""

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from solferino.hparams import words
from solferino.models.core.layers.trainable import Trainable
from solferino.models.core.storage import checkpoints
from solferino.models.core.storage.checkpoints import Checkpoint
from solferino.models.core.training import markov_report, monitor
from solferino.models.core.training.data import Dataset, evaluation_order
from solferino.models.core.training.markov_report import MarkovScore
from solferino.models.core.training.samples import Samples
from solferino.models.core.training.steps import compiled

_COMPARED = 500  # training examples
_log = logging.getLogger(__name__)


@dataclasses.dataclass
class Evaluator:
    """Evaluates a model on a dataset.

    Attributes:
      model: a Trainable, which is evaluated with its current weights.
      dataset: the held-out examples.
      board: TensorBoard's eval directory.
      train_dir: where the best checkpoint is kept; None keeps none.
      seed: of the tracks in the pictures.
      stop: whether the user wants to end.
      training: the training examples, if available; the model may compare a sample of them with the held-out ones.
      is_thorough: also report metrics that are slow to compute.
    """

    model: Trainable
    dataset: Dataset
    board: monitor.Board
    train_dir: str | None
    seed: int
    stop: Callable[[], bool] = lambda: False
    training: Dataset | None = None
    is_thorough: bool = False

    def __post_init__(self) -> None:
        self._samples = Samples(self.board, self.seed)
        step = self.model.thorough_step if self.is_thorough else self.model.test_step
        self._test_step = compiled(step, self.dataset.family, self.dataset.config)

    def values(self) -> dict[str, float] | None:
        """The metrics, by TensorBoard name; None if the user stopped."""
        values = self._values_of(self.dataset, len(self.dataset))
        if values is None:
            return None
        if self.training and self.model.compares:
            sample = self._values_of(self.training, min(len(self.training), len(self.dataset), _COMPARED))
            if sample is None:
                return None
            values |= self.model.compare(sample, values)
        return values | (self.model.thorough(values) if self.is_thorough else {})

    def _values_of(self, dataset: Dataset, number: int) -> dict[str, float] | None:
        """The metrics of `number` examples, spread over all; None if the user stopped."""
        meter = monitor.Meter()
        chosen = np.linspace(0, len(dataset) - 1, number).astype(int)
        for indices in evaluation_order(dataset, dataset.config.hparams.batch_size, chosen):
            if self.stop():
                return None
            meter.add(self._test_step(dataset.batch(indices)))
        means = meter.means()
        return means | self.model.derived(means)

    def _show(self, checkpoint: Checkpoint) -> None:
        """Writes pictures, sound and histograms."""
        dataset = self.dataset
        first = evaluation_order(dataset, dataset.config.hparams.batch_size)[0]
        batch = {name: tf.constant(array) for name, array in dataset.batch(first).items()}
        for name, array in self.model.histograms(batch).items():
            self.board.histogram(checkpoint.step, name, array.numpy())
        self._samples.show(dataset.family, dataset.config, checkpoint)

    def report(self, checkpoint: Checkpoint) -> dict[str, float] | None:
        """Evaluates the model in the state of `checkpoint`; writes values and pictures, keeps the best checkpoint."""
        values = self.values()
        if values is None:
            return None
        self.board.scalars(checkpoint.step, values)
        self._show(checkpoint)
        loss = values['loss']
        if self.train_dir and math.isfinite(loss):
            evaluated = dataclasses.replace(checkpoint, eval_loss=loss, eval_set=self.dataset.fingerprint)
            path = checkpoints.keep_best(self.train_dir, evaluated)
            if path:
                _log.info('Evaluation loss %.4f at step %d is the lowest: kept as %s', loss, checkpoint.step, path)
            else:
                _log.info('Evaluation loss %.4f at step %d.', loss, checkpoint.step)
        return values


def describe(evaluator: Evaluator, checkpoint_path: str, values: Mapping[str, float], table: MarkovScore | None) -> str:
    """Returns an evaluation as a table, followed by sentences that interpret it.

    Args:
      evaluator: that made the evaluation.
      checkpoint_path: the evaluated checkpoint.
      values: what `report` returned.
      table: the score of a Markov model on the same examples, if known.
    """
    dataset, model = evaluator.dataset, evaluator.model
    title = f'{checkpoint_path} on the {words.counted(len(dataset), "examples")} of {dataset.pattern}:'
    shown = {name: value for name, value in values.items() if name not in model.repetitions}
    return '\n'.join([monitor.table(title, shown), *model.remarks(values), *markov_report.sentences(values, table)])
