"""What is said of an evaluation: true, in a sentence, and only where there is something to be held beside."""

import numpy as np
import pytest
import toy_family
from toy_family import FAMILY, SPEC

from solferino.models.core.training import data, markov_report
from solferino.models.core.training.markov_report import MarkovScore


@pytest.fixture
def sides(tmp_path):
    """Training and held-out examples."""
    config = SPEC.config('small')
    return tuple(
        data.load(FAMILY, config, toy_family.write(tmp_path / f'{seed}.tfrecord', number, seed=seed))
        for seed, number in ((0, 40), (1, 10))
    )


def test_the_table_foresees_what_four_in_five_times_follows(sides):
    found = markov_report.score_markov(*sides)
    tracks = [example['events'] for example in sides[1].examples]
    pairs = np.concatenate([np.stack([track[:-1], track[1:]]) for track in tracks], axis=1)
    assert found.accuracy == ((pairs[0] + 1) % 5 == pairs[1]).mean()  # most are followed by the next class
    assert found.loss == pytest.approx(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2)), abs=0.15)


def test_a_family_without_events_has_no_table(sides, monkeypatch):
    monkeypatch.setattr(FAMILY, 'events', lambda example, config: None, raising=False)
    assert markov_report.score_markov(*sides) is None
    assert markov_report.sentences({'loss': 1.0, 'metrics/accuracy': 0.5}, None) == []


def test_sentences():
    table = MarkovScore(loss=2.305, accuracy=0.409)
    said = markov_report.sentences({'loss': 1.25, 'metrics/accuracy': 0.7512}, table)
    assert said == [
        'It predicts 75 of 100 steps; a table of what usually follows what, 41.',
        'Its loss is 1.2500, that of the table 2.3050; less is better.',
    ]
    assert markov_report.sentences({'loss': 2.4, 'metrics/accuracy': 0.1}, table)[-1].startswith(
        'It has not learned more'
    )
    by_name = {'loss': 1.25, 'metrics/accuracy': 0.1, 'metrics/foreseen': 0.2}
    assert markov_report.sentences(by_name, table)[0].startswith('It predicts 20 of 100')
    of_events = markov_report.sentences({'loss': 2.4, 'metrics/loss_of_events': 1.5}, table)
    assert of_events == ['Its loss is 1.5000, that of a table of what usually follows what 2.3050; less is better.']
    assert markov_report.sentences({'loss': 1.25}, table) == [
        'Its loss is 1.2500, that of a table of what usually follows what 2.3050; less is better.'
    ]
    assert markov_report.sentences({}, table) == []
    assert markov_report.sentences({'loss': 9.0, 'metrics/accuracy': 0.5}, MarkovScore(10.0)) == [
        'Its loss is 9.0000, that of a table of what usually follows what 10.0000; less is better.'
    ]
