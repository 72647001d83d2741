import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.models.music.pieces import piece, sections, voices
from solferino.models.music.pieces.voices import HOLD, REST

# Of each voice notes and rests, each with how many steps it lasts.
VOICE = st.lists(st.tuples(st.none() | st.integers(36, 96), st.integers(1, 9)), min_size=1, max_size=12)


def _of(lines: list[list[tuple[int | None, int]]]) -> np.ndarray:
    """Voices of as many steps as the longest has; two rests, or a rest at the end, are one."""
    columns = []
    for line in lines:
        column: list[int] = []
        for pitch, length in line:
            column += [REST] * length if pitch is None else [pitch] + [HOLD] * (length - 1)
        columns.append(column)
    longest = max(map(len, columns))
    return np.array([column + [REST] * (longest - len(column)) for column in columns], np.int32).T


@given(st.lists(VOICE, min_size=1, max_size=5))
def test_what_is_played_is_read_again(lines: list[list[tuple[int | None, int]]]) -> None:
    music = _of(lines)
    sequence = voices.to_sequence(music, 4, 90.0, 80, [0] * len(lines))
    sequence.time_signatures.add(numerator=4, denominator=4)
    if not sequence.notes:
        return
    read = piece.of(sequence)
    sounding = [k for k in range(len(lines)) if (music[:, k] >= 0).any()]
    assert voices.parts(read, by_register=False) == sounding
    again = voices.of_section(sections.quantize(read, 4), sounding, len(music))
    np.testing.assert_array_equal(again, music[:, sounding])


def test_voices_go_from_the_top() -> None:
    music = _of([[(50, 4)], [(72, 2), (40, 2)], [(60, 4)]])
    sequence = voices.to_sequence(music, 4, 120.0, 80, [0, 0, 0])
    assert voices.parts(piece.of(sequence), by_register=True) == [2, 1, 0]
    assert voices.parts(piece.of(sequence), by_register=False) == [0, 1, 2]


def test_a_chord_is_no_voice() -> None:
    sequence = voices.to_sequence(_of([[(50, 4)]]), 4, 120.0, 80, [0])
    sequence.notes.add(pitch=54, velocity=80, start_time=0, end_time=0.5)
    with pytest.raises(ValueError, match='several notes'):
        voices.of_section(sections.quantize(piece.of(sequence), 4), [0], 16)


def test_a_note_ends_where_the_next_one_begins() -> None:
    sequence = voices.to_sequence(_of([[(50, 4)]]), 4, 120.0, 80, [0])
    sequence.notes.add(pitch=54, velocity=80, start_time=0.25, end_time=0.5)
    read = voices.of_section(sections.quantize(piece.of(sequence), 4), [0], 5)
    assert read[:, 0].tolist() == [50, HOLD, 54, HOLD, REST]


def test_a_piece_begins_with_what_sounds() -> None:
    music = _of([[(50, 8)], [(None, 4), (60, 4)], [(40, 3), (None, 5)]])
    assert voices.cut(music, 4, 6).tolist() == [[50, 60, REST], [HOLD, HOLD, REST]]
    assert music[4].tolist() == [HOLD, 60, REST]  # and the music stays as it is
