"""What is said of an evaluation: true, in a sentence, and only where there is something to be held beside."""

import numpy as np
import pytest
import toy_family
from toy_family import FAMILY, SPEC

from solferino.models.core import data, foresight
from solferino.models.core.foresight import Foresight


@pytest.fixture
def sides(tmp_path):
    """Training and held-out examples."""
    config = SPEC.config('small')
    return tuple(
        data.load(FAMILY, config, toy_family.write(tmp_path / f'{seed}.tfrecord', number, seed=seed))
        for seed, number in ((0, 40), (1, 10))
    )


def test_the_table_foresees_what_four_in_five_times_follows(sides):
    found = foresight.of_table(*sides)
    tracks = [example['events'] for example in sides[1].examples]
    pairs = np.concatenate([np.stack([track[:-1], track[1:]]) for track in tracks], axis=1)
    assert found.accuracy == ((pairs[0] + 1) % 5 == pairs[1]).mean()  # most are followed by the next class
    assert found.loss == pytest.approx(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2)), abs=0.15)


def test_a_family_without_events_has_no_table(sides, monkeypatch):
    monkeypatch.setattr(FAMILY, 'events', lambda example, config: None, raising=False)
    assert foresight.of_table(*sides) is None
    assert foresight.sentences({'loss': 1.0, 'metrics/accuracy': 0.5}, None) == []


def test_sentences():
    table = Foresight(loss=2.305, accuracy=0.409)
    said = foresight.sentences({'loss': 1.25, 'metrics/accuracy': 0.7512}, table)
    assert said == [
        'It foresees 75 of 100 steps; a table of what usually follows what, 41.',
        'Its loss is 1.2500, that of the table 2.3050; less is better.',
    ]
    assert foresight.sentences({'loss': 2.4, 'metrics/accuracy': 0.1}, table)[-1].startswith('It has not learned more')
    by_name = {'loss': 1.25, 'metrics/accuracy': 0.1, 'metrics/foreseen': 0.2}
    assert foresight.sentences(by_name, table)[0].startswith('It foresees 20 of 100')
    of_events = foresight.sentences({'loss': 2.4, 'metrics/loss_of_events': 1.5}, table)
    assert of_events == ['Its loss is 1.5000, that of a table of what usually follows what 2.3050; less is better.']
    assert foresight.sentences({'loss': 1.25}, table) == [
        'Its loss is 1.2500, that of a table of what usually follows what 2.3050; less is better.'
    ]
    assert foresight.sentences({}, table) == []
    assert foresight.sentences({'loss': 9.0, 'metrics/accuracy': 0.5}, Foresight(10.0)) == [
        'Its loss is 9.0000, that of a table of what usually follows what 10.0000; less is better.'
    ]
