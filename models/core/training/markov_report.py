"""An evaluation in words for a musician, beside a first-order Markov model of the training examples."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from solferino.models.core.metric_names import EVENT_PREDICTIONS, LOSS_OF_EVENTS
from solferino.models.core.training import baselines
from solferino.models.core.training.data import Dataset


@dataclasses.dataclass(frozen=True)
class MarkovScore:
    """How well a first-order Markov model, a table of what usually follows what, predicts held-out music.

    Attributes:
      loss: nats an event.
      accuracy: the share of events that are its likeliest ones; None for sets of keys.
    """

    loss: float
    accuracy: float | None = None


def score_markov(training: Dataset, held_out: Dataset) -> MarkovScore | None:
    """Fits the Markov model to the training examples, scores the held-out ones; None if the family has no events."""
    first = training.family.events(training.examples[0], training.config)
    learned, unseen = _Tracks(training), _Tracks(held_out)
    if not first:
        return None
    if first.classes.ndim > 1:
        return MarkovScore(baselines.keys_loss(learned, unseen))
    _, table = baselines.fit(learned, first.num_classes)
    return MarkovScore(table.loss(unseen), table.accuracy(unseen))


@dataclasses.dataclass(frozen=True)
class _Tracks:
    """The classes of each example's events, made when they are asked for: they may be more than memory holds."""

    dataset: Dataset

    def __iter__(self) -> Iterator[np.ndarray]:
        found = (self.dataset.family.events(example, self.dataset.config) for example in self.dataset.examples)
        return (events.classes for events in found if events)


def sentences(values: Mapping[str, float], table: MarkovScore | None) -> list[str]:
    """Sentences that compare a model with the table; none without a table."""
    if table is None or 'loss' not in values:
        return []
    said = []
    accuracy = values.get(EVENT_PREDICTIONS, values.get('metrics/accuracy'))
    if accuracy is not None and table.accuracy is not None:
        said.append(
            f'It predicts {_of_100(accuracy)} of 100 steps; a table of what usually follows what, '
            f'{_of_100(table.accuracy)}.'
        )
        other = 'the table'
    else:
        other = 'a table of what usually follows what'
    loss = values.get(LOSS_OF_EVENTS, values['loss'])
    said.append(f'Its loss is {loss:.4f}, that of {other} {table.loss:.4f}; less is better.')
    if loss >= table.loss:
        said.append('It has not learned more than that table yet: train longer, or give it more music.')
    return said


def _of_100(share: float) -> int:
    return round(100 * share)
