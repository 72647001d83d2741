"""solferino_evaluate, as a user calls it."""

import functools
import json
import math
from pathlib import Path

import pytest

from solferino.bin import solferino_evaluate
from tests.bin.typed import typed

_run = functools.partial(typed, solferino_evaluate)


def test_a_bundle_and_a_run_side_by_side(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run('music', 'notes.tfrecord', '--bundle_file=b.mag', '--run_dir=run', '--output=x.json')
    told = capsys.readouterr().out
    assert 'nats a event' not in told and 'nats an event' in told and 'less b.mag' in told
    record = json.loads((place / 'x.json').read_text())
    bundle, run = record['models']
    assert len(bundle['pieces']) == 2
    assert bundle['nats_per_event']['value'] == pytest.approx(math.log(2))  # weights are zero: one drum, or none
    assert bundle['pieces'] == run['pieces']
    assert record['differences']['run']['nats_per_bar']['value'] == 0
    score = next(iter(bundle['pieces'].values()))
    assert score['events'] == score['steps'] - 1 and score['bars'] == score['steps'] / 8


def test_models_given_with_commas(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / 'c.mag').write_bytes((place / 'b.mag').read_bytes())
    _run('music', '--bundle_file=b.mag,c.mag')
    assert 'less b.mag' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('music',), 'Name a model'),
        (('music', '--bundle_file=no.mag'), 'no.mag'),
        (('nowhere', '--bundle_file=b.mag'), "no file matches 'nowhere'"),
        (('music', '--bundle_file=b.mag', '--checkpoint=best'), 'of a --run_dir'),
        (('music', '--bundle_file=b.mag', '--output=x'), 'ends in .json'),
    ],
)
def test_wrong_input(place: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*arguments) == 1
    assert message in capsys.readouterr().err
