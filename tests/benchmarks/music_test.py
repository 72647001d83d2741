"""Generated music beside its data: what is compared with what, and what the table says."""

import json
import math
from pathlib import Path

import music
import pytest
from note_seq.protobuf import music_pb2

from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.storage import records, sequence_examples
from solferino.models.music.pieces import measures, piece
from solferino.models.music.pieces.piece import Piece


def drums(num_bars: int, *pitches: int, is_drum: bool = True) -> Piece:
    """The pitches on the beats of each bar of 4/4, in turn."""
    sequence = music_pb2.NoteSequence(total_time=2.0 * num_bars)
    for beat in range(4 * num_bars):
        pitch = pitches[beat % len(pitches)]
        sequence.notes.add(start_time=beat / 2, end_time=beat / 2 + 0.1, pitch=pitch, velocity=80, is_drum=is_drum)
    return piece.of(sequence)


def test_stretches_are_as_long_as_the_outputs() -> None:
    known = [drums(9, 36, 38), drums(3, 36, 38)]
    sides = music.compare(known, {'new': [drums(4, 36, 42), drums(4, 36, 42), drums(8, 36, 42)]})
    assert [side.bars for side in sides.values()] == [4, 4]
    assert [len(side.measured) for side in sides.values()] == [2, 4]
    assert math.isnan(sides[music.DATA].distance)
    assert sides['new'].distances['backbeat'] > 0
    assert sides['new'].distances['repetition'] == 0


def test_an_output_that_ends_early_is_silent_then() -> None:
    sides = music.compare([drums(4, 36, 38)], {'new': [drums(2, 36, 38)]}, bars=4)
    assert sides['new'].measured[0].notes_per_bar == 2


def test_drums_are_compared_only_where_there_is_nothing_else() -> None:
    both = drums(2, 60, is_drum=False)
    sides = music.compare([both], {'new': [both, drums(2, 36)]})
    assert [one.notes_per_bar for one in sides['new'].measured] == [4, 0]


def test_music_that_is_the_data_is_not_away_from_it() -> None:
    known = [drums(4, 36, 38), drums(4, 36, 42)]
    sides = music.compare(known, {'same': known, 'new': [drums(4, 36, 38)]})
    assert sides['same'].distance == 0
    assert sides['new'].distance > 0
    text = music.table('Beats', sides)
    assert '| snare on 2 and 4 | 0.50 | 0.50 (+0 %) | 1.00 (+100 %) |' in text
    assert measures.TITLES['leap'] not in text


def test_data_that_is_too_short() -> None:
    with pytest.raises(SystemExit, match='9 bars'):
        music.compare([drums(4, 36)], {'new': [drums(9, 36)]}, bars=9)


def test_the_drawing(tmp_path: Path) -> None:
    music.draw(
        tmp_path / 'a.png', 'Beats', music.compare([drums(4, 36)], {'new': [drums(4, 36)], 'old': [drums(4, 3)]})
    )
    assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')


def test_examples_are_music_as_a_model_sees_it(tmp_path: Path) -> None:
    family = registry.get('piano_rnn')
    config = family.spec.configs['gru_nade']
    (tmp_path / 'frames.json').write_text(json.dumps(settings.record_of(family.spec, config)))
    path = tmp_path / 'training_frames.tfrecord'
    song = drums(12, 60, is_drum=False)
    stored = [sequence_examples.serialize(one) for one in family.examples(song, config, lambda reason: None)]
    path.write_bytes(b''.join(map(records.frame, stored)))
    found, grid = music.of_examples(path)
    assert grid == 2.5
    assert len(found) == len(stored) > 0
    path = path.rename(tmp_path / 'other.tfrecord')
    with pytest.raises(SystemExit, match='json'):
        music.of_examples(path)
