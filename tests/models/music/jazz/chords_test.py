"""Chords: names, codes, what is heard, and changes that go round."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from solferino.models.music.jazz import chords
from solferino.models.music.jazz.chords import QUALITIES, Changes, Chord

ALL = [Chord(root, quality) for quality in QUALITIES for root in range(12)]
CHORDS = st.builds(lambda chord, bass: chord.over(bass), st.sampled_from(ALL), st.none() | st.integers(0, 11))


@pytest.mark.parametrize('chord', ALL, ids=lambda chord: chord.name)
def test_names_and_codes_come_back(chord: Chord) -> None:
    assert chords.parse(chord.name) == chord
    assert chords.of_code(chord.code) == chord
    assert chord.root in chord.tones and 3 <= len(chord.tones) <= 5
    assert 5 <= len(chord.scale) <= 8  # something is left to approach from


@pytest.mark.parametrize(
    ('symbol', 'root', 'quality'),
    [
        ('C', 0, ''),
        ('F#m7', 6, 'm7'),
        ('B♭Δ7', 10, 'maj7'),
        ('Dmin7', 2, 'm7'),
        ('A-7', 9, 'm7'),
        ('Eø7', 4, 'm7b5'),
        ('G7(b9)', 7, '7b9'),
        ('C6/9', 0, '6'),
        ('Cb', 11, ''),
        ('Gm(maj7)', 7, 'mmaj7'),
        ('Bdim', 11, 'dim7'),
        ('E13', 4, '7'),
        ('Asus', 9, 'sus4'),
        ('CM7', 0, 'maj7'),
        ('Cm7', 0, 'm7'),
    ],
)
def test_chords_are_read_as_musicians_write_them(symbol: str, root: int, quality: str) -> None:
    assert chords.parse(symbol) == Chord(root, quality)


def test_long_chords_are_halved() -> None:
    one, two, three = ALL[:3]
    changes = chords.progression([(48, one), (36, two), (72, one), (49, three)])
    halves = chords.progression([(24, one), (24, one), (36, two), (36, one), (36, one), (49, three)])
    assert changes.halved(48) == halves
    assert [changes.end(step) for step in (0, 47, 48, 204, 205, 300)] == [48, 48, 84, 205, 253, 361]


@hypothesis.given(CHORDS)
def test_a_bass_comes_back_and_is_no_tone_of_the_chord(chord: Chord) -> None:
    assert chords.parse(chord.name) == chords.of_code(chord.code) == chord
    assert (chord.slash is None) == (chord.bass == chord.root)
    assert (chord.tones, chord.scale) == (chord.over(None).tones, chord.over(None).scale)


def test_codes_of_chords_over_their_root_are_what_they_were() -> None:
    assert [chord.code for chord in ALL] == list(range(len(ALL)))
    for wrong in (-1, len(ALL), 1 << 12 | len(ALL), 13 << 12 | 4096, 1 << 31):
        with pytest.raises(ValueError, match='number of no chord'):
            chords.of_code(wrong)


@pytest.mark.parametrize(
    ('symbol', 'name'), [('D/F#', 'D/Gb'), ('C/E', 'C/E'), ('F/G', 'F/G'), ('C/C', 'C'), ('Am6/9/E', 'Am6/E')]
)
def test_the_bass_of_a_symbol_is_kept(symbol: str, name: str) -> None:
    assert chords.parse(symbol).name == name


@pytest.mark.parametrize('bass', [0, 4, 7])
def test_an_inversion_is_heard(bass: int) -> None:
    weights = np.zeros(12)
    weights[[0, 4, 7]] = 1.0, 1.0, 1.5
    assert chords.heard(weights, bass) == Chord(0, '').over(bass)
    assert chords.heard(weights, bass, Chord(0, '', 7)) == Chord(0, '').over(bass)
    weights[2] = 0.2
    assert chords.heard(weights, 2) == Chord(0, '')  # a passing note in the bass


@pytest.mark.parametrize('symbol', ['', 'H7', 'c', 'N.C.', 'C foo', 'Cmaj77', '7', 'C/', '|'])
def test_what_is_no_chord_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match=r'is no chord|is a chord of a kind'):
        chords.parse(symbol)


@pytest.mark.parametrize('quality', ['', 'm', '7', 'maj7', 'm7b5', 'dim7', 'aug'])
@pytest.mark.parametrize('root', range(12))
def test_a_chord_is_heard_in_its_own_tones(root: int, quality: str) -> None:
    chord = Chord(root, quality)
    weights = np.zeros(12)
    weights[list(chord.tones)] = 1.0
    assert chords.heard(weights, chord.root) == chord
    weights[(root + 2) % 12] = 0.2  # a passing note
    assert chords.heard(weights, chord.root) == chord


def test_the_chord_before_is_kept_where_nothing_speaks_against_it() -> None:
    weights = np.zeros(12)
    weights[[0, 4]] = 1.0  # C and E are in C and in Am
    assert chords.heard(weights, None, Chord(9, 'm')) == Chord(9, 'm')
    assert chords.heard(weights, None, Chord(0, '')) == Chord(0, '')


CHANGES = st.lists(st.tuples(st.integers(1, 60), st.sampled_from(ALL)), min_size=1, max_size=6).map(chords.progression)


@hypothesis.given(CHANGES, st.integers(0, 400), st.integers(1, 400))
def test_changes_go_round(changes: Changes, begin: int, steps: int) -> None:
    parts = changes.between(begin, begin + steps)
    sounding = [chord for start, stop, chord in parts for _ in range(start, stop)]
    assert sounding == [changes.at(begin + step) for step in range(steps)]
    cut = changes.cut(begin, begin + steps)
    assert [cut.at(step) for step in range(steps)] == sounding


def test_bars_of_chords() -> None:
    assert chords.parse_bars('Dm7 G7 Cmaj7', 48).steps == (0, 48, 96)
    two = chords.parse_bars('| Dm7 G7 | Cmaj7 |', 48)
    assert (two.steps, two.length) == ((0, 24, 48), 96)
    assert [chord.name for chord in two.chords] == ['Dm7', 'G7', 'Cmaj7']
    for wrong in ('', '|', 'C | | D', 'Dm7 H'):
        with pytest.raises(ValueError, match=r'bar without a chord|no chord'):
            chords.parse_bars(wrong, 48)
    with pytest.raises(ValueError, match='3 chords and 2 steps'):
        chords.parse_bars('C D E |', 2)
