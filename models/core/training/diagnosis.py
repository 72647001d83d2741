"""What the loss curves of a run say, in words, and what to change.

A pure function of the curves: the same line stands at the end of training and in `solferino_inspect RUN`. Losses of
training are noisy, as each is of a few batches: a running median is read. The held-out loss decides where there is one.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from solferino.models.core.runs.curves import EVALUATION, TRAINING, Curve

LEARNING = 'still learning'
OVERFITTING = 'overfitting'
TOO_LITTLE_DATA = 'too little data for this size'
PLATEAU = 'plateau'
DIVERGING = 'diverging'
UNKNOWN = 'too early to say'

_FEWEST = 4  # values of a curve that say something
_WINDOW = 1 / 10  # of the training curve, for the running median
_RISE = 0.02  # of the best held-out loss: less is no rise
_NOISE = 2.0  # typical changes between neighbours: less is no rise
_DIVERGED = 0.25  # of what the loss had fallen
_LAST = 1 / 3  # of the run, in which a plateau shows
_FLAT = 0.01  # of what the loss has fallen: less in the last part is none
_EARLY = 1 / 3  # of the run
_GAP = 0.3  # of the held-out loss, by which that of training is lower
_DECAYED = 0.02  # of the highest learning rate: at less nothing more is learned
_ANEW = (
    'As its learning rate has fallen to 0, it has to begin anew for more: with a larger --num_training_steps, as large '
    'a decay_steps in --hparams, and a new --run_dir.'
)


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What a run's curves say.

    Attributes:
      kind: one of the constants above.
      step: since when; None where that says nothing.
      text: sentences: what is seen, and what to change.
    """

    kind: str
    step: int | None
    text: str


@dataclasses.dataclass(frozen=True)
class _Loss:
    steps: np.ndarray
    values: np.ndarray

    def at(self, step: int) -> float:
        return float(np.interp(step, self.steps, self.values))

    def __len__(self) -> int:
        return len(self.values)


def of_run(curves: Mapping[str, Mapping[str, Curve]], compares_losses: bool = True) -> Diagnosis:
    """Returns the diagnosis of what `curves.read` returned of a run; see FamilySpec for `compares_losses`."""
    losses = curves.get('loss', {})
    _, rates = curves.get('learning_rate', {}).get(TRAINING) or ((), ())
    decayed = bool(rates) and rates[-1] <= _DECAYED * max(rates)
    return diagnose(losses.get(TRAINING) if compares_losses else None, losses.get(EVALUATION), decayed)


def diagnose(training: Curve | None, held_out: Curve | None, decayed: bool = False) -> Diagnosis:
    """Returns what the loss on training examples and that on held-out ones say; either may be missing.

    Where the learning rate has `decayed` to 0, going on is no advice.
    """
    train, held = _smooth(_loss(training)), _loss(held_out)
    main, name = (held, 'held-out loss') if len(held) >= _FEWEST else (train, 'training loss')
    if len(main) < _FEWEST:
        often = 'evaluate more often (--eval_frequency)' if len(held) else 'write summaries more often'
        return Diagnosis(UNKNOWN, None, f'Too early to say how it learns: train longer, or {often}.')
    found = _diverging(train, 'training loss') if len(train) >= _FEWEST else None
    if found is None and main is held:
        found = _overfitting(train, held)
    if found is None:
        found = _falling(main, name, decayed)
    if main is train and found.kind != DIVERGING:
        seen = 'after more evaluations' if len(held) else 'with --eval_file'
        found = dataclasses.replace(found, text=f'{found.text} Whether it overfits is seen {seen}.')
    return found


def _loss(curve: Curve | None) -> _Loss:
    steps, values = (np.array(part, np.float64) for part in curve or ((), ()))
    known = np.isfinite(values)
    return _Loss(steps[known], values[known])


def _smooth(loss: _Loss) -> _Loss:
    half = max(1, math.ceil(len(loss) * _WINDOW)) // 2
    values = [np.median(loss.values[max(0, k - half) : k + half + 1]) for k in range(len(loss))]
    return _Loss(loss.steps, np.array(values))


def _diverging(loss: _Loss, name: str) -> Diagnosis | None:
    best = int(loss.values.argmin())
    first, least, last = (float(loss.values[k]) for k in (0, best, -1))
    rise = last - least
    # Of the whole loss, too, so that the noise of a curve that never fell is no rise.
    if rise <= _DIVERGED * (first - least) or rise <= 0.1 * abs(least) or rise <= _NOISE * _jitter(loss):
        return None
    step = int(loss.steps[best])
    return Diagnosis(
        DIVERGING,
        step,
        f'Diverging since step {step:,}: the {name} rises from {least:.4g} to {last:.4g}. Begin a new run with a lower '
        'learning_rate in --hparams.',
    )


def _overfitting(train: _Loss, held: _Loss) -> Diagnosis | None:
    best = int(held.values.argmin())
    least, last, step = float(held.values[best]), float(held.values[-1]), int(held.steps[best])
    after = len(held) - 1 - best
    if after < 2 or last - least <= max(_RISE * abs(least), _NOISE * _jitter(held)):
        return None
    end = float(train.values[-1]) if len(train) else math.nan
    falls = end < train.at(step) if len(train) else True
    if not falls:
        return Diagnosis(
            DIVERGING,
            step,
            f'Diverging since step {step:,}: the held-out loss rises from {least:.4g} to {last:.4g}, and that of '
            'training does not fall. Begin a new run with a lower learning_rate in --hparams.',
        )
    told = f'the held-out loss was {least:.4g} there and is {last:.4g} now'
    told += f', while that of training fell to {end:.4g}' if len(train) else ''
    early = step - held.steps[0] <= _EARLY * (held.steps[-1] - held.steps[0])
    if early and len(train) and end < (1 - _GAP) * last:
        return Diagnosis(
            TOO_LITTLE_DATA,
            step,
            f'Too little data for this size: it overfits since step {step:,}; {told}. Take the best checkpoint, and '
            'for a better one more music, smaller layers, or more dropout.',
        )
    return Diagnosis(
        OVERFITTING,
        step,
        f'Overfitting since step {step:,}: {told}. Take the best checkpoint; more music, smaller layers or more '
        'dropout would help, longer training would not.',
    )


def _falling(loss: _Loss, name: str, decayed: bool) -> Diagnosis:
    reached = np.minimum.accumulate(loss.values)
    first, least = float(loss.values[0]), float(reached[-1])
    begin = loss.steps[-1] - _LAST * (loss.steps[-1] - loss.steps[0])
    before = float(reached[max(0, int(loss.steps.searchsorted(begin, side='right')) - 1)])
    gained = before - least
    if gained <= max(_FLAT * (first - least), 1e-4 * abs(least)):
        step = int(loss.steps[int((reached <= least + max(_FLAT * (first - least), 1e-4 * abs(least))).argmax())])
        return Diagnosis(
            PLATEAU,
            step,
            f'Plateau: the {name} has hardly fallen below {least:.4g} since step {step:,}. Longer training gives '
            'little; larger layers, another learning_rate or more music may.',
        )
    return Diagnosis(
        LEARNING,
        None,
        f'Still learning: the {name} fell by {gained:.3g} in the last third of the run, to {least:.4g}. '
        + (_ANEW if decayed else 'Train longer, with a larger --num_training_steps.'),
    )


def _jitter(loss: _Loss) -> float:
    """How much neighbours typically differ beside the trend."""
    return float(np.median(abs(np.diff(loss.values, 2)))) / 2 if len(loss) > 3 else 0.0
