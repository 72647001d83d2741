"""One training loop for all models of the piano-roll benchmark.

In each epoch the training sequences are cut and transposed anew. The learning rate falls as the schedule says, and the
weights that predict the validation data best are kept in memory.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pianoroll_settings import HALVING, Schedule

from solferino.models.core.family import Example
from solferino.models.core.training import monitor, steps
from solferino.models.core.training.data import Batches, Dataset

# Validation and test sequences are whole; so many of their steps, with padding, are evaluated at once.
_EVALUATED_STEPS = 8192
LIKELIHOOD = 'metrics/log_likelihood'


@dataclasses.dataclass(frozen=True)
class Score:
    """A negative log-likelihood.

    Attributes:
      nats: per step.
      low, high: between what it is, as well as that can be told, if it is estimated; None if it is exact.
    """

    nats: float
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A model that takes part.

    Attributes:
      family: of which `encode`, `features` and `model` are asked for.
      config: its config, with the hyperparameters.
      example: turns a roll, of whose first steps so many are only seen, into a stored example.
    """

    family: Any
    config: Any
    example: Callable[[np.ndarray, int], Example]

    def dataset(self, pieces: Iterable[tuple[np.ndarray, int]]) -> Dataset:
        """Makes examples of rolls."""
        found, lengths = [], []
        for keys, seen in pieces:
            found.append(self.example(keys, seen))
            lengths.append(len(keys))
        return Dataset(self.family, self.config, '', found, np.array(lengths, np.int32), '')

    def whole(self, rolls: Sequence[np.ndarray]) -> Dataset:
        """Makes examples of all steps of whole sequences, to evaluate on."""
        return self.dataset((keys, 0) for keys in rolls)


@dataclasses.dataclass(frozen=True)
class Validation:
    """A point of the curve: after so many epochs and seconds; nats per step; the rate that led there."""

    epochs: float
    seconds: float
    training: float
    nats: float
    rate: float


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training came to: the model has the weights of the best validation.

    Attributes:
      model: a Trainable.
      curve: all validations.
      seconds: all of training, with validations and compiling.
      ended: why.
    """

    model: Any
    curve: Sequence[Validation]
    seconds: float
    ended: str

    @property
    def best(self) -> Validation:
        """The validation whose weights the model has."""
        return min(self.curve, key=lambda v: v.nats)


def train(
    entrant: Entrant,
    training: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    schedule: Schedule,
    seed: int,
    tell: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Trains a new model on the rolls of `training` until those of `validation` are predicted no better."""
    started = clock()

    def elapsed() -> float:
        return clock() - started

    model = entrant.family.model(entrant.config, seed)
    validate = evaluator(model, entrant.whole(validation))
    best_weights = copied(model)
    curve: list[Validation] = []
    best, since_best, halvings = np.inf, 0, 0
    for epochs, losses in _stretches(model, entrant, training, schedule, seed, elapsed):
        score = validate()
        rate = float(model.optimizer.learning_rate.numpy())
        seconds = elapsed()
        curve.append(Validation(epochs, seconds, float(np.mean(losses)), score.nats, rate))
        tell(f'{seconds:6.0f} s, epoch {epochs:7.1f}: training {np.mean(losses):8.4f}, validation {score.nats:8.4f}')
        if not np.isfinite(score.nats):
            return _end(model, best_weights, curve, elapsed(), 'diverged')
        if score.nats < best:
            best, since_best, best_weights = score.nats, 0, copied(model)
        else:
            since_best += 1
        if schedule.rate == HALVING and since_best > schedule.patience:
            if halvings == schedule.halvings:
                return _end(model, best_weights, curve, elapsed(), 'no better validation')
            halvings, since_best = halvings + 1, 0
            model.optimizer.learning_rate.assign(rate / 2)
    return _end(model, best_weights, curve, elapsed(), 'time' if elapsed() > schedule.seconds else 'epochs')


def _end(model: Any, weights: Mapping[str, np.ndarray], curve: list[Validation], seconds: float, why: str) -> Trained:
    restore(model, weights)
    return Trained(model, curve, seconds, why)


def _stretches(
    model: Any,
    entrant: Entrant,
    training: Sequence[np.ndarray],
    schedule: Schedule,
    seed: int,
    elapsed: Callable[[], float],
) -> Iterator[tuple[float, list[float]]]:
    """Trains from one validation to the next; yields (epochs so far, losses of the steps) until training is done."""
    train_step = steps.compiled(model.train_step, entrant.family, entrant.config)
    highest = float(model.optimizer.learning_rate.numpy())
    losses: list[float] = []
    epoch, step, progress, due = 0, 0, 0.0, schedule.epochs_per_validation
    while True:
        rng = np.random.default_rng([seed, epoch])
        dataset = entrant.dataset(schedule.cutting.pieces(training, rng))
        batches = Batches(dataset, entrant.config.hparams.batch_size, seed)
        for i in range(batches.per_epoch):
            if schedule.rate != HALVING:
                model.optimizer.learning_rate.assign(highest * schedule.factor(step, progress))
            total, weight = train_step(batches.batch(epoch * batches.per_epoch + i))['loss']
            losses.append(total / weight)
            step += 1
            now = epoch + (i + 1) / batches.per_epoch
            progress = schedule.progress(now, elapsed())
            if now >= due or progress == 1:
                yield now, losses
                losses, due = [], due + schedule.epochs_per_validation
            if progress == 1:
                return
        epoch += 1


def copied(model: Any) -> dict[str, np.ndarray]:
    """The weights as they are now."""
    return {name: np.array(v.numpy()) for name, v in model.named_weights().items()}


def restore(model: Any, weights: Mapping[str, np.ndarray]) -> None:
    """Gives the model these weights."""
    for name, variable in model.named_weights().items():
        variable.assign(weights[name])


def evaluate(model: Any, dataset: Dataset) -> Score:
    """Predicts a dataset; each step of each example counts the same, whatever batch it is in.

    A Trainable whose 'loss' is not the likelihood tells this as 'metrics/log_likelihood' when it is evaluated
    thoroughly, and with '_low' and '_high' between what it is.
    """
    return evaluator(model, dataset)()


def evaluator(model: Any, dataset: Dataset) -> Callable[[], Score]:
    """Returns `evaluate` for these two, compiled once."""
    step = steps.compiled(model.thorough_step, dataset.family, dataset.config)

    def run() -> Score:
        meter = monitor.Meter()
        for chosen in evaluation_batches(dataset):
            meter.add(step(dataset.batch(chosen)))
        values = meter.means()
        return _score(values | model.thorough(values))

    return run


def _score(values: Mapping[str, float]) -> Score:
    if LIKELIHOOD not in values:
        return Score(values['loss'])
    nats = -values[LIKELIHOOD]
    low, high = (values.get(f'{LIKELIHOOD}{end}') for end in ('_high', '_low'))
    return Score(nats, None if low is None else -low, None if high is None else -high)


def evaluation_batches(dataset: Dataset, limit: int = _EVALUATED_STEPS) -> Iterator[np.ndarray]:
    """Yields the indices of all examples once, those of similar length together, at most `limit` steps at a time."""
    chosen: list[int] = []
    for i in np.argsort(dataset.lengths, kind='stable'):
        if chosen and (len(chosen) + 1) * dataset.lengths[i] > limit:
            yield np.array(chosen)
            chosen = []
        chosen.append(int(i))
    yield np.array(chosen)
