from pathlib import Path

import msgspec
import pytest
from note_seq import midi_io

from solferino.hparams.errors import SolferinoError
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song
from solferino.pipelines.studio import messages
from solferino.pipelines.studio.computing import converting, verdict


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """A folder with songs of four styles."""
    for name in ('rock', 'ska', 'house', 'disco'):
        midi_io.note_sequence_to_midi_file(song(style(name)), str(tmp_path / f'{name}.mid'))
    return tmp_path


def judge(training: Path, *sequences):
    made = training.with_name(training.name + '-made')
    made.mkdir()
    paths = []
    for number, sequence in enumerate(sequences):
        id = f'made-{number}'
        piece = messages.Piece(id, id, 'model', converting.music_of(sequence), 0, number)
        paths.append(made / f'{id}.json')
        paths[-1].write_bytes(msgspec.json.encode(piece))
    return verdict.judge([str(path) for path in paths], str(training))


def test_a_copied_song_is_found_where_it_is_from(training: Path):
    found = judge(training, song(style('ska')), song(style('waltz')))
    assert (found.pieces, found.known) == (2, 4)
    copied = {one.piece: one for one in found.copied}
    assert copied['made-0'].other == 'ska.mid'
    assert copied['made-0'].notes > found.usual
    assert copied['made-0'].share > 0.9
    assert copied['made-1'].notes < copied['made-0'].notes


def test_what_is_copied_can_be_heard(training: Path):
    ska = song(style('ska'))
    [one] = judge(training, ska).copied
    step = 60 / ska.tempos[0].qpm / 4
    begin, end = ((one.other_bar - 1) * 4 * 4 + k for k in (0, round(one.there.seconds / step)))
    heard = {(note.pitch, round(note.start / step)) for note in one.there.notes}
    steps = [(note.pitch, round(note.start_time / step)) for note in ska.notes]
    there = {(pitch, place - begin) for pitch, place in steps if begin <= place < end}
    assert heard == there
    assert one.there.seconds >= one.seconds - 1e-6


def test_both_sides_are_measured(training: Path):
    found = judge(training, song(style('ska')), song(style('rock')))
    rows = {row.title: row for row in found.metrics}
    assert rows['empty bars'].made.value == 0
    assert all(0 <= row.overlap <= 1 for row in found.metrics if row.overlap is not None)
    assert messages.write(found)  # no number in it that JSON does not know


def test_there_must_be_something_to_compare_with(tmp_path: Path):
    with pytest.raises(SolferinoError, match='no music files'):
        judge(tmp_path, song(style('ska')))
