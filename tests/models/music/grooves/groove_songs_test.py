"""The styles that the project carries, and songs played from them."""

import itertools

import pytest
from note_seq import DrumTrack, sequences_lib
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.music.grooves.groove_library import style, style_names
from solferino.models.music.grooves.groove_songs import song
from solferino.models.music.grooves.groove_text import DRUM_PITCHES, Style, format_style, parse_style

STEPS_PER_QUARTER = 4
EVERY_STYLE = pytest.mark.parametrize('name', style_names())


def track(sequence: music_pb2.NoteSequence) -> DrumTrack:
    result = DrumTrack()
    result.from_quantized_sequence(sequences_lib.quantize_note_sequence(sequence, STEPS_PER_QUARTER))
    return result


def meant(style: Style) -> set[frozenset[int]]:
    """Every drum set that a cell of the style may hold, a crash in place of the timekeeper included."""
    cells = set()
    for grid in style.patterns + style.fills:
        for column in zip(*(cells for _, cells in grid.rows), strict=True):
            cells.add(frozenset(DRUM_PITCHES[drum] for (drum, _), c in zip(grid.rows, column, strict=True) if c != '-'))
    return cells


def test_there_are_styles_of_many_kinds_and_metres() -> None:
    assert {'rock', 'funk', 'bossa_nova', 'samba', 'shuffle', 'waltz', 'ballad_6_8'} <= set(style_names())
    assert len(style_names()) >= 24
    assert {style(name).metre for name in style_names()} >= {(4, 4), (3, 4), (2, 4), (6, 8), (12, 8), (5, 4), (7, 8)}
    assert len({style(name).title for name in style_names()}) == len(style_names())


def test_an_unknown_style_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(SolferinoError, match=r"no style 'rok'\. The styles are: afrobeat, .*rock"):
        style('rok')


@EVERY_STYLE
def test_styles_have_variants_and_fills_and_survive_writing(name: str) -> None:
    chosen = style(name)
    assert len(chosen.patterns) >= 2
    assert len(chosen.fills) >= 2
    assert parse_style(format_style(chosen), name) == chosen
    steps_per_bar = STEPS_PER_QUARTER * 4 * chosen.metre[0] / chosen.metre[1]
    assert steps_per_bar == chosen.cells_per_bar * chosen.quarters_per_cell * STEPS_PER_QUARTER
    assert steps_per_bar % 1 == 0


@EVERY_STYLE
def test_a_drummer_has_two_hands(name: str) -> None:
    for grid in style(name).patterns + style(name).fills:
        for cell in range(grid.num_cells):
            played = {drum for drum, cells in grid.rows if cells[cell] != '-'} - {'kick', 'foot hat'}
            if 'open hat' in played:
                played.discard('closed hat')  # one of them sounds
            assert len(played) <= 2, (grid.name, cell)


@EVERY_STYLE
def test_songs_are_long_enough_whole_and_in_their_metre(name: str) -> None:
    chosen = style(name)
    for index in range(4):
        sequence = song(chosen, index, seed=5)
        assert all(note.is_drum and 1 <= note.velocity <= 127 for note in sequence.notes)
        assert chosen.tempo[0] <= sequence.tempos[0].qpm <= chosen.tempo[1]
        drums = track(sequence)
        assert drums.start_step == 0
        assert drums.steps_per_bar == STEPS_PER_QUARTER * 4 * chosen.metre[0] / chosen.metre[1]
        # Whole bars and the last beat; not so long that training would cut it off.
        bars, rest = divmod(len(drums), drums.steps_per_bar)
        assert rest == 1
        assert 8 <= bars <= 25
        assert len(drums) <= 512


@EVERY_STYLE
def test_every_hit_is_quantized_to_a_cell_of_the_style(name: str) -> None:
    chosen = style(name)
    steps_per_cell = int(chosen.quarters_per_cell * STEPS_PER_QUARTER)
    crash, kick = DRUM_PITCHES['crash'], DRUM_PITCHES['kick']
    for step, event in enumerate(track(song(chosen))):
        if event:
            assert step % steps_per_cell == 0
            # Optional hits and hats that the open one silences may be missing, crash and kick added.
            assert any(event - {crash, kick} <= cell for cell in meant(chosen))


@EVERY_STYLE
def test_notes_of_a_pitch_do_not_overlap(name: str) -> None:
    notes = sorted(song(style(name), 1).notes, key=lambda note: (note.pitch, note.start_time))
    for before, after in itertools.pairwise(notes):
        assert before.pitch != after.pitch or before.end_time < after.start_time


def test_songs_repeat_by_seed_and_differ_by_index_seed_and_style() -> None:
    rock = style('rock')
    assert song(rock, 3, 7).SerializeToString() == song(rock, 3, 7).SerializeToString()
    songs = [song(rock, index, seed).SerializeToString() for index in range(4) for seed in range(4)]
    assert len(set(songs)) == len(songs)
    first_bars = {tuple(list(track(song(style(name))))[:64]) for name in style_names()}
    assert len(first_bars) == len(style_names())


def test_optional_hits_come_and_go_but_a_song_has_habits() -> None:
    text = (
        'title: T\nabout: T\nmetre: 4/4\ntempo: 100-100\ngrid: 1/4\ncrash: 0%\npattern A\nkick |X---|\nsnare |-?--|\n'
    )
    shares = []
    for index in range(40):
        drums = track(song(parse_style(text, 't'), index))
        bars = len(drums) // drums.steps_per_bar
        shares.append(sum(DRUM_PITCHES['snare'] in event for event in drums) / bars)
    assert sum(share < 0.4 for share in shares) >= 10
    assert sum(share > 0.6 for share in shares) >= 10
    assert 0 < sum(shares) / len(shares) < 1
