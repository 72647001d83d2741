"""Notes as scores: what is written, read back by readers of our own and of others."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.models.music import extras
from solferino.models.music.scores import score_writing

music21 = extras.load('music21', extras.SCORE)


def music(*notes: tuple[float, float, int], qpm: float = 60, **more) -> music_pb2.NoteSequence:
    """Notes as (start, end, pitch) in quarters, at 60 of them a minute."""
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=qpm)
    for start, end, pitch in notes:
        sequence.notes.add(start_time=start * 60 / qpm, end_time=end * 60 / qpm, pitch=pitch, velocity=80, **more)
    return sequence


def read(data: bytes) -> list[tuple[Fraction, Fraction, int]]:
    """The notes of a score as music21 reads them, ties joined: start, length, pitch."""
    found = []
    for part in music21.converter.parseData(data.decode(), format='musicxml').parts:
        last: dict[int, list] = {}
        for element in part.flatten().notes:
            if 'ChordSymbol' in element.classes:
                continue
            for note in element.notes if element.isChord else [element]:
                if note.tie and note.tie.type in ('stop', 'continue'):
                    last[note.pitch.midi][1] += Fraction(element.quarterLength)
                else:
                    last[note.pitch.midi] = [Fraction(element.offset), Fraction(element.quarterLength), note.pitch.midi]
                    found.append(last[note.pitch.midi])
    return sorted(map(tuple, found))


def test_a_tune_is_read_back() -> None:
    notes = [(0, 1, 60), (1, 1.5, 62), (1.5, 6, 64), (6.25, 8, 67)]
    found = read(score_writing.musicxml(music(*notes)))
    assert found == [(start, end - start, pitch) for start, end, pitch in notes]


def test_naturals_are_not_written_without_need() -> None:
    text = score_writing.musicxml(music(*((k, k + 1, 60 + 2 * (k % 2)) for k in range(12)))).decode()
    assert '<accidental>' not in text and '<fifths>' in text


def test_triplets_metres_tempos_and_chords_are_there() -> None:
    third = 1 / 3
    sequence = music(*((k * third, (k + 1) * third, 60) for k in range(9)), qpm=90)
    sequence.time_signatures.add(numerator=3, denominator=4)
    sequence.text_annotations.add(time=0, text='Bb7', annotation_type=1)
    sequence.text_annotations.add(time=1, text='?!', annotation_type=1)
    text = score_writing.musicxml(sequence, 'A <waltz>').decode()
    assert text.count('<actual-notes>3<') >= 9
    assert re.search(r'<beats>3</beats>\s*<beat-type>4<', text) and '<per-minute>90<' in text
    assert re.search(r'<root-step>B</root-step>\s*<root-alter>-1', text) and '?!' in text
    assert 'A &lt;waltz&gt;' in text


def test_drums_stand_on_a_staff_of_their_own() -> None:
    sequence = music((0, 0.1, 36), (0, 0.1, 42), (0.5, 0.6, 42), (1, 1.1, 38), is_drum=True, instrument=9)
    sequence.MergeFrom(music((0, 4, 60)))
    text = score_writing.musicxml(sequence).decode()
    assert '<sign>percussion<' in text and text.count('<unpitched>') == 4 and text.count('<notehead') >= 2
    assert text.count('<score-part ') == 2


def test_a_wide_part_has_two_staves_and_loses_nothing() -> None:
    notes = [(0, 4, 40), (0, 1, 72), (0.5, 2, 76), (1, 3, 60), (2, 4, 74)]
    data = score_writing.musicxml(music(*notes))
    assert data.count(b'<score-part ') == 2
    assert read(data) == sorted((Fraction(s), Fraction(e) - Fraction(s), p) for s, e, p in notes)


def test_the_same_music_gives_the_same_bytes_in_both_formats() -> None:
    sequence = music((0, 1, 60), (1, 2, 64), (1, 4, 67))
    first, second = (score_writing.musicxml(sequence) for _ in range(2))
    assert first == second
    assert score_writing.svg(first) == score_writing.svg(second)
    assert score_writing.svg(first).count(b'class="note"') == 4  # of which one is tied


@pytest.mark.parametrize(
    ('notes', 'message'),
    [
        ([], 'There are no notes'),
        ([(k * 0.9137, k * 0.9137 + 0.5, 60) for k in range(50)], 'of music on a grid'),
        ([(k / 4, k / 4 + 0.25, 60) for k in range(20_001)], '20,001 notes'),
    ],
)
def test_what_cannot_be_written_is_said(notes: list, message: str) -> None:
    with pytest.raises(score_writing.NotWrittenError, match=message):
        score_writing.musicxml(music(*notes))


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.integers(30, 90)), min_size=1, max_size=12),
    st.sampled_from([4, 3]),
)
def test_any_voices_on_a_grid_are_read_back(found: list[tuple[int, int, int]], grid: int) -> None:
    ends: dict[tuple[int, int], int] = {}
    for start, length, pitch in found:
        ends[pitch, start] = length
    notes = []
    for pitch in {p for p, _ in ends}:  # a key is struck when it is free
        free = 0
        for start in sorted(s for p, s in ends if p == pitch):
            if start >= free:
                free = start + ends[pitch, start]
                notes.append((start / grid, free / grid, pitch))
    pieces = read(score_writing.musicxml(music(*notes)))
    wanted = [(round(s * grid), round(e * grid) - round(s * grid), p) for s, e, p in notes]
    assert [(round(s * grid), round(d * grid), p) for s, d, p in pieces] == sorted(wanted)
    assert np.isfinite([float(d) for _, d, _ in pieces]).all()
