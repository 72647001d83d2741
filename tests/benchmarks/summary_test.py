"""The table of goals says what was measured, and whether it is enough."""

import growth_training
import limits
import pytest
import stages
import summary
from growth_training import Point
from report import PEAK, START, WHOLE, medians

from solferino.hparams.networks.event_rnn import EventRnnHparams
from solferino.models import registry

CONFIGS = {name: registry.family_of_config(name).spec.configs[name] for name in stages.TRAINED}


def table(measured: dict[str, dict[str, dict[str, float]]]) -> dict[str, list[str]]:
    """The cells of the table's rows by their work; one run of each stage and side is given."""
    one_run = {name: {side: [run] for side, run in sides.items()} for name, sides in measured.items()}
    text = summary.markdown({name: medians(sides) for name, sides in one_run.items()}, CONFIGS)
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines()]
    assert cells[0] == list(summary.HEADER)
    return {row[0]: row[1:] for row in cells[2:]}


def test_flop_by_hand() -> None:
    # Two layers of 3 and 5 units, 7 classes: hidden to gates, input and hidden to gates, logits.
    plain = EventRnnHparams(rnn_layer_sizes=(3, 5))
    assert limits.flop_per_event(plain, 7) == 2 * (3 * 12 + (3 + 5) * 20 + 5 * 7)
    # Context too to the gates; query, key and output.
    attention = EventRnnHparams(rnn_layer_sizes=(3, 5), attn_length=4)
    assert limits.flop_per_event(attention, 7) == 2 * (6 * 12 + 6 * 3 + 3 * 3 + 6 * 3 + (3 + 5) * 20 + 5 * 7)


def test_a_goal_of_times() -> None:
    def run(start: float, whole: float, notes: int) -> dict[str, float]:
        return {START: start, WHOLE: whole, PEAK: 200, 'files': 10, 'notes': notes}

    rows = table(
        {
            'machine': {'This machine': {limits.PROTOS: 4000.0}},
            'convert': {'Solferino': run(1, 3, 4000) | {stages.FALLBACKS: 0.2}, 'Magenta': run(10, 20, 1000)},
            'convert 2': {'Solferino': run(1, 2, 4000)},
        }
    )
    assert rows['MIDI to NoteSequence, one process, start-up apart'] == [
        '100 notes/s', '2,000 notes/s', '20.0', '20 times: reached',
        '4,000 notes/s to serialize and write ready NoteSequences: 50%; 20% of the files were read with note-seq',
    ]  # fmt: skip
    two = rows['the same with 2 workers beside ours with one, start-up apart']
    assert two == ['', '4,000 notes/s', '2.00', '1.8 times: reached', '2.00 times with two cores: 100%']
    rows = table({'convert': {'Solferino': run(1, 3, 3900), 'Magenta': run(10, 20, 1000)}})
    assert rows['MIDI to NoteSequence, one process, start-up apart'][3:] == ['20 times: **not reached**', '']


def test_training_and_its_share_of_the_limit() -> None:
    def run(events: float, peak: float) -> dict[str, float]:
        return {PEAK: peak, stages.EVENTS: events}

    flop = 3 * limits.flop_per_event(CONFIGS['basic_rnn'].hparams, 38)
    speeds = {limits.NUMPY: 2 * flop / 1e6, limits.TENSORFLOW: flop / 1e6, limits.BFLOAT16: 1.0}  # GFLOP/s
    rows = table(
        {
            'machine': {'This machine': speeds},
            'train drum_kit': {'Solferino': run(199, 500), 'Magenta': run(100, 1000)},
            'train drum_kit bfloat16': {'Solferino': run(300, 500)},
            'train basic_rnn': {'Solferino': run(1500, 900), 'Magenta': run(1000, 1000)},
        }
    )
    assert [row[:4] for row in rows.values()] == [
        ['100 events/s', '199 events/s', '1.99', '2 times: **not reached**'],
        ['1,000 MB', '500 MB', '2.00', '2 times: reached'],
        ['100 events/s', '300 events/s', '3.00', '3 times: reached'],
        ['1,000 events/s', '1,500 events/s', '1.50', '1.5 times: reached'],
        ['', '75%', '', 'at least 50%: reached'],
        ['1,000 MB', '900 MB', '1.11', ''],
    ]
    limit = rows['training, basic_rnn defaults'][4]
    assert limit.startswith('2,000 events/s if all')
    assert limit.endswith(': 75%')


def test_a_goal_in_seconds_and_the_slowest_answer() -> None:
    answers = {f'{command} {question}, s': 0.1 for command in stages.ANSWERING for question in stages.QUESTIONS}
    slow = f'{stages.ANSWERING[1]} {stages.QUESTIONS[1]}, s'
    rows = table(
        {
            'answers': {'Solferino': answers | {slow: 0.6}, 'Magenta': dict.fromkeys(answers, 9.0)},
            'generate': {'Solferino': {START: 1.0, WHOLE: 1.1, PEAK: 1, 'outputs': 10}},
        }
    )
    assert [row[:4] for row in rows.values()] == [
        ['', '1.10 s', '', 'at most 2 s: reached'],
        ['', '0.100 s', '', '20 times'],
        ['9.00 s', '0.100 s', '90.0', 'at most 0.5 s: reached'],
        ['9.00 s', '0.600 s', '15.0', 'at most 0.5 s: **not reached**'],
    ]


def test_every_stage_has_its_name_and_group_once() -> None:
    found = stages.all_stages(())
    assert len({stage.name for stage in found}) == len(found)
    assert {stage.group for stage in found} >= {'convert', 'datasets', 'training', 'real', 'generation', 'answers'}


def test_slopes_of_growth(tmp_path) -> None:
    points = [Point('a', '', 1, 1, 0.1, 70.0)]
    points += [Point('a', 'length', n, 128, 0.5 * n, 70.0 + n) for n in (64, 128, 256)]
    points += [Point('a', 'batch', 128, n, n**0.5, 70.0 + 2 * n**2) for n in (16, 64)]
    points += [Point('b', '', 1, 1, 0.1, 70.0), Point('b', 'batch', 128, 16, 1.0, 60.0)]
    lines = growth_training.slopes(points)
    assert [(s['config'], s['by'], s['seconds'], s['peak_mb']) for s in lines] == [
        ('a', 'length', pytest.approx(1), pytest.approx(1)),
        ('a', 'batch', pytest.approx(0.5), pytest.approx(2)),
    ]
    growth_training.draw(points, tmp_path / 'growth.png')
    assert (tmp_path / 'growth.png').read_bytes().startswith(b'\x89PNG')
