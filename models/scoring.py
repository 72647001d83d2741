"""How likely music is under trained models: negative log-likelihood by event, step and bar, and models side by side.

A piece is scored as <family>_create_dataset would make examples of it, so that the figures are those which training
reports of held-out music; what does not fit a model is left out for the reasons that create_dataset tells.
"""

import collections
import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.reasons import NO_NOTES
from solferino.models.core.family import Example
from solferino.models.loading import Model
from solferino.models.music.metrics import bootstrap, tables
from solferino.models.music.metrics.bootstrap import Estimate
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces.piece import Piece

UNITS = ('event', 'step', 'bar')
_NATS = {'event': 'nats an event', 'step': 'nats a step', 'bar': 'nats a bar'}
_AT_ONCE = 512  # examples


@dataclasses.dataclass(frozen=True)
class PieceScore:
    """Of one piece.

    Attributes:
      nats: negative log-likelihood of what is predicted of it.
      events: how many events that are.
      steps: how many steps its examples have.
      bars: the same in bars of four quarters; nan of a model whose steps are parts of a second.
    """

    nats: float
    events: int
    steps: int
    bars: float

    def number(self, unit: str) -> float:
        """How many of one of UNITS."""
        return float(getattr(self, unit + 's'))


@dataclasses.dataclass(frozen=True)
class ModelScore:
    """Of one model.

    Attributes:
      name: what the model is called.
      pieces: scores by the name of the piece.
      left_out: how often music was left out, by the reason.
      refusal: why the model tells no likelihood; '' if it does.
    """

    name: str
    pieces: Mapping[str, PieceScore]
    left_out: Mapping[str, int]
    refusal: str = ''

    def per(self, unit: str) -> Estimate:
        """Nats for one of UNITS over all pieces, with its interval."""
        return bootstrap.ratio(*_sums(self.pieces.values(), unit))


@dataclasses.dataclass(frozen=True)
class Difference:
    """A model beside the first, over the pieces that both have scored.

    Attributes:
      pieces: how many these are.
      same_events: whether both predict as many events in each of them; else only nats a bar compare, and these only
        as far as both predict all of the music.
      per: nats for each of UNITS, less those of the first model: below 0 the music is likelier under this one.
    """

    pieces: int
    same_events: bool
    per: Mapping[str, Estimate]


@dataclasses.dataclass(frozen=True)
class Scores:
    """Models side by side; `differences` are of those after the first from the first, by name."""

    models: tuple[ModelScore, ...]
    differences: Mapping[str, Difference]

    def to_json(self) -> str:
        """Returns all of it as JSON; what is nan is null."""
        record = {
            'models': [
                dataclasses.asdict(one) | {f'nats_per_{unit}': one.per(unit)._asdict() for unit in UNITS}
                for one in self.models
            ],
            'differences': {
                name: {'pieces': one.pieces, 'same_events': one.same_events}
                | {f'nats_per_{unit}': one.per[unit]._asdict() for unit in UNITS}
                for name, one in self.differences.items()
            },
        }
        return json.dumps(tables.plain(record), indent=1, allow_nan=False) + '\n'

    def table(self) -> str:
        """Returns it for people to read."""
        told = [one for one in self.models if not one.refusal and one.pieces]
        rows = [['negative log-likelihood', 'pieces', 'events', *(_NATS[unit] for unit in UNITS)]]
        for one in told:
            events = sum(score.events for score in one.pieces.values())
            rows.append([one.name, f'{len(one.pieces):,}', f'{events:,}', *(tables.shown(one.per(u)) for u in UNITS)])
        parts = [tables.aligned(rows)] if told else []
        if self.differences:
            rows = [[f'less {self.models[0].name}', 'pieces', *(_NATS[unit] for unit in UNITS)]]
            for name, far in self.differences.items():
                rows.append([name, f'{far.pieces:,}', *(tables.shown(far.per[unit]) for unit in UNITS)])
            parts.append(tables.aligned(rows))
        for name, far in self.differences.items():
            if not far.same_events:
                parts.append(
                    f'{name} predicts other events than {self.models[0].name}: compare nats a bar, and these only if '
                    'both predict all of the music.'
                )
        for one in self.models:
            if one.refusal:
                parts.append(f'{one.name}: {one.refusal}')
            if one.left_out:
                lines = [f'  {number:,} {reason}' for reason, number in one.left_out.items()]
                parts.append('\n'.join([f'left out for {one.name}:', *lines]))
        return '\n\n'.join(parts)


def score(model: Model, name: str, music: Iterable[tuple[str, Any]]) -> ModelScore:
    """Returns the scores of named NoteSequences under a model."""
    config = model.config.for_evaluation()
    left_out: collections.Counter[str] = collections.Counter()
    nats: collections.defaultdict[str, float] = collections.defaultdict(float)
    counts: collections.defaultdict[str, np.ndarray] = collections.defaultdict(lambda: np.zeros(2, np.int64))
    for part in _batches(_examples(model, config, music, left_out)):
        try:
            found = model.family.scores(model.weights, config, [example for _, example in part])
        except SolferinoError as error:
            return ModelScore(name, {}, left_out, str(error))
        for (title, example), value in zip(part, found.tolist(), strict=True):
            nats[title] -= value
            counts[title] += (model.family.num_predicted(example, config), model.family.num_steps(example, config))
    bar = 4 * config.steps_per_quarter if config.steps_per_quarter else math.nan
    scored = {
        title: PieceScore(nats[title], int(events), int(steps), int(steps) / bar)
        for title, (events, steps) in counts.items()
    }
    return ModelScore(name, scored, dict(left_out))


def compare(models: Sequence[ModelScore]) -> Scores:
    """Returns the models, with the differences of those after the first from the first."""
    first, *others = models
    return Scores(tuple(models), {one.name: _difference(first, one) for one in others if one.pieces and first.pieces})


def _examples(
    model: Model, config: Any, music: Iterable[tuple[str, Any]], left_out: collections.Counter[str]
) -> Iterator[tuple[str, Example]]:
    names: set[str] = set()
    for title, sequence in music:
        name = title if title not in names else f'{title} ({len(names) + 1})'
        names.add(name)
        reasons: list[str] = []
        found: Piece = pieces.of(sequence)
        flaw = pieces.flaw(found)
        if flaw or not len(found.notes):
            reasons.append(flaw or NO_NOTES)
        else:
            for example in model.family.examples(found, config, reasons.append):
                yield name, example
        left_out.update(reasons)


def _batches(examples: Iterator[tuple[str, Example]]) -> Iterator[list[tuple[str, Example]]]:
    while batch := list(itertools.islice(examples, _AT_ONCE)):
        yield batch


def _sums(scores: Iterable[PieceScore], unit: str) -> tuple[np.ndarray, np.ndarray]:
    both = [(one.nats, one.number(unit)) for one in scores]
    parts, wholes = np.array(both, np.float64).reshape(-1, 2).T
    return parts, wholes


def _difference(first: ModelScore, other: ModelScore) -> Difference:
    common = [name for name in other.pieces if name in first.pieces]
    ours, theirs = ([one.pieces[name] for name in common] for one in (other, first))
    per = {unit: bootstrap.difference(_sums(ours, unit), _sums(theirs, unit)) for unit in UNITS}
    return Difference(len(common), [one.events for one in ours] == [one.events for one in theirs], per)
