"""Music that is given, in the tempo and metre in which it begins."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from solferino.models.music.pieces import sections
from solferino.models.music.pieces.piece import NOTE, Metre, Piece, Tempo

_STEPS = 4  # to a quarter
_METRES = [(4, 4), (3, 4), (5, 8), (6, 8), (2, 2)]


def _piece(onsets: list[float], metres: list[Metre], tempos: list[Tempo]) -> Piece:
    """Notes of a 16th at seconds."""
    notes = np.zeros(len(onsets), NOTE)
    notes['start'] = onsets
    notes['end'] = notes['start'] + 0.05
    return Piece('', '', '', max(onsets) + 0.05, tuple(metres), tuple(tempos), notes, b'')


def _seconds(quarters: float, tempos: list[tuple[float, float]]) -> float:
    """When a place is, if tempos hold from the places on."""
    seconds, (place, qpm) = 0.0, (0.0, 120.0)
    for following, then in tempos:
        if following > quarters:
            break
        seconds, place, qpm = seconds + (following - place) * 60 / qpm, following, then
    return seconds + (quarters - place) * 60 / qpm


@hypothesis.given(st.data())
def test_changes_before_and_after_the_notes_change_nothing(data: st.DataObject) -> None:
    """Music is on the steps that it has on paper, counted from where its metre begins."""
    qpms = st.floats(20, 300).map(lambda qpm: round(qpm, 2))
    silence = data.draw(st.integers(0, 8), 'quarters before the metre begins')
    first = silence + data.draw(st.integers(0, 12), 'quarters until the first note')
    steps = data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=20), 'steps after the first note')
    places = sorted(data.draw(st.lists(st.integers(0, first * 2), max_size=5), 'half quarters of tempos'))
    tempos = [(place / 2, data.draw(qpms)) for place in places]
    metre = data.draw(st.sampled_from(_METRES))
    last = first + max(steps) / _STEPS
    after = sorted((last + 0.25 + data.draw(st.integers(0, 9)), data.draw(qpms)) for _ in range(2))
    onsets = [_seconds(first + step / _STEPS, tempos) for step in (0, *steps)]
    late = _seconds(last, tempos) + 0.01
    piece = _piece(
        onsets,
        [Metre(0.0, 7, 4), Metre(_seconds(silence, tempos), *metre), Metre(late, 5, 4)],
        [Tempo(_seconds(place, tempos + after), qpm) for place, qpm in tempos + after],
    )
    section = sections.quantize(sections.settled(piece), _STEPS)
    assert section.starts.tolist() == [(first - silence) * _STEPS + step for step in (0, *steps)]
    assert (section.metre.numerator, section.metre.denominator) == metre
    assert section.tempo.qpm == (tempos[-1][1] if tempos else 120)


def test_music_without_changes_stays_as_it_is() -> None:
    piece = _piece([3.3, 5.1], [Metre(0.0, 3, 4), Metre(2.0, 3, 4)], [Tempo(0.0, 77.7)])
    settled = sections.settled(piece)
    np.testing.assert_array_equal(settled.notes, piece.notes)
    assert (settled.metres, settled.tempos) == ((Metre(0.0, 3, 4),), piece.tempos)
    unnamed = sections.settled(dataclasses.replace(piece, metres=(), tempos=()))
    assert (unnamed.metres, unnamed.tempos) == ((), ())


def test_an_upbeat_is_the_end_of_a_bar() -> None:
    metres = [Metre(0.0, 1, 4), Metre(0.5, 3, 4)]
    section = sections.quantize(sections.settled(_piece([0.0, 0.5, 1.0], metres, [Tempo(0.0, 120)])), _STEPS)
    assert section.metre.name == '3/4'
    assert section.starts.tolist() == [8, 12, 16]  # the bar line is before the second


def test_two_short_bars_are_no_upbeat() -> None:
    metres = [Metre(0.0, 1, 4), Metre(1.0, 3, 4)]
    with pytest.raises(ValueError, match='metre changes from 1/4 to 3/4'):
        sections.quantize(sections.settled(_piece([0.0, 0.5, 1.0], metres, [])), _STEPS)


def test_a_change_at_a_note_but_the_first_is_among_the_notes() -> None:
    for time in (1.0, 2.0):
        for metres, tempos in (([Metre(time, 3, 4)], []), ([], [Tempo(time, 90)])):
            with pytest.raises(ValueError, match=f'changes from .* at {time} s, among its notes; give the part'):
                sections.quantize(sections.settled(_piece([0.5, 2.0], metres, tempos)), _STEPS)


def test_notes_before_time_zero_and_at_no_time_are_still_refused() -> None:
    with pytest.raises(ValueError, match='before time zero'):
        sections.quantize(sections.settled(_piece([-1.0, 0.1], [Metre(0.5, 3, 4)], [Tempo(0.2, 90)])), _STEPS)
    with pytest.raises(ValueError, match='no number of seconds'):
        sections.quantize(sections.settled(_piece([float('nan'), 0.1], [], [])), _STEPS)


def test_of_several_changes_at_once_the_last_holds() -> None:
    piece = _piece([0.0, 1.0], [Metre(0.0, 4, 4), Metre(0.0, 3, 4)], [Tempo(0.0, 120), Tempo(0.0, 90)])
    section = sections.quantize(sections.settled(piece), _STEPS)
    assert (section.metre.name, section.tempo.qpm) == ('3/4', 90)
