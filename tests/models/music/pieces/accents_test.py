"""Accents: where they fall."""

import pytest
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import accents


def _levels(metre: tuple[int, int] | None, eighths: int, begin: float = 0.0, qpm: float = 90.0) -> list[int]:
    """The velocities of notes a sixteenth apart that were all 100."""
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=qpm)
    if metre:
        sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    for number in range(2 * eighths):
        sequence.notes.add(pitch=60, velocity=100, start_time=number * 15 / qpm, end_time=(number + 1) * 15 / qpm)
    accents.apply(sequence, begin)
    return [note.velocity for note in sequence.notes]


@pytest.mark.parametrize(
    ('metre', 'wanted'),
    [
        (None, 'D---b---b---b---D---b---b---b---'),
        ((4, 4), 'D---b---b---b---D---b---b---b---'),
        ((3, 4), 'D---b---b---D---b---b---'),
        ((6, 8), 'D-----b-----D-----b-----'),
        ((2, 2), 'D-------b-------D-------b-------'),
    ],
)
def test_bars_and_beats(metre: tuple[int, int] | None, wanted: str) -> None:
    levels = _levels(metre, len(wanted) // 2)
    loudest, beats = max(levels), 100
    assert loudest > beats
    assert ''.join('D' if level == loudest else 'b' if level == beats else '-' for level in levels) == wanted


@pytest.mark.parametrize('metre', [(4, 4), (6, 8)])
def test_between_beats_the_eighths_are_louder_than_the_sixteenths(metre: tuple[int, int]) -> None:
    levels = _levels(metre, 6)
    assert 100 > levels[2] > levels[1] == levels[3]


def test_music_may_begin_within_a_bar() -> None:
    whole = _levels((4, 4), 16)
    assert _levels((4, 4), 11, begin=10 * 15 / 90) == whole[10:]


def test_velocities_stay_in_range() -> None:
    sequence = music_pb2.NoteSequence()
    sequence.notes.add(pitch=36, velocity=127, end_time=1)
    sequence.notes.add(pitch=36, velocity=1, start_time=0.01, end_time=1)
    accents.apply(sequence)
    assert [note.velocity for note in sequence.notes] == [127, 1]
