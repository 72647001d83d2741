"""An evaluation in words for a musician: what a model foresees, beside a table of what usually follows what."""

import dataclasses
from collections.abc import Mapping

from solferino.models.core import baselines
from solferino.models.core.data import Dataset

# What a model foresees, if that is another thing than its accuracy.
FORESEEN, _ACCURACY = 'metrics/foreseen', 'metrics/accuracy'
# The loss by event, if that is another thing than the loss that is minimized.
LOSS_OF_EVENTS = 'metrics/loss_of_events'


@dataclasses.dataclass(frozen=True)
class Foresight:
    """How a table of what usually follows what, a first-order Markov model, foresees held-out music.

    Attributes:
      loss: nats an event.
      accuracy: the share of events that are those it takes for the likeliest; None where they are sets of keys.
    """

    loss: float
    accuracy: float | None = None


def of_table(training: Dataset, held_out: Dataset) -> Foresight | None:
    """Makes the table of the training examples and asks it for the others; None where a family has no such events."""
    known, asked = ([d.family.events(e, d.config) for e in d.examples] for d in (training, held_out))
    learned, unseen = ([events.classes for events in found if events] for found in (known, asked))
    if not learned or not unseen or not known[0]:
        return None
    if learned[0].ndim > 1:
        return Foresight(baselines.keys_loss(learned, unseen))
    _, table = baselines.fit(learned, known[0].num_classes)
    return Foresight(table.loss(unseen), table.accuracy(unseen))


def sentences(values: Mapping[str, float], table: Foresight | None) -> list[str]:
    """Says what the metrics of a model are worth; nothing where there is no table to hold it beside."""
    if table is None or 'loss' not in values:
        return []
    said = []
    accuracy = values.get(FORESEEN, values.get(_ACCURACY))
    if accuracy is not None and table.accuracy is not None:
        said.append(
            f'It foresees {_of_100(accuracy)} of 100 steps; a table of what usually follows what, '
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
