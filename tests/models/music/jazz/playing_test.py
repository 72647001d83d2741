"""Tokens are playable again: what is played says the same."""

import itertools
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from solferino.bin import generate
from solferino.models.music.jazz import chords, lead_sheet, playing, tokens
from solferino.models.music.jazz.chords import QUALITIES, Changes, Chord
from solferino.models.music.jazz.tokens import Note, Token
from solferino.models.music.pieces import piece

CHORDS = st.builds(Chord, st.integers(0, 11), st.sampled_from(sorted(QUALITIES)))
CHANGES = st.lists(st.tuples(st.integers(1, 60), CHORDS), min_size=1, max_size=6).map(chords.progression)
TOKENS = st.builds(Token, st.sampled_from('CLAX'), st.integers(1, 96), st.sampled_from(tokens.BOUNDS))
# Silence before a note, its length and its pitch.
LINES = st.lists(st.tuples(st.integers(0, 120), st.integers(1, 130), st.integers(55, 84)), min_size=1, max_size=20)


def _notes(line: list[tuple[int, int, int]]) -> list[Note]:
    found: list[Note] = []
    for silence, duration, pitch in line:
        found.append(Note((found[-1].end if found else 0) + silence, duration, pitch))
    return found


@hypothesis.given(CHANGES, LINES, st.integers(0, 9))
def test_what_is_played_says_the_same(changes: Changes, line: list[tuple[int, int, int]], seed: int) -> None:
    told = tokens.analyze(_notes(line), changes)
    played = playing.play(told, changes, np.random.default_rng(seed))
    assert all(55 <= note.pitch <= 84 for note in played)
    again = tokens.analyze(played, changes)
    again += tokens.rests(sum(token.duration for token in told) - sum(token.duration for token in again))
    assert again == told


@pytest.mark.parametrize('number', range(0, 40, 8))
def test_real_songs_come_back(shared: Path, number: int) -> None:
    song = sorted((shared / 'data/multitrack').rglob('*.mid'))[number]
    sheet = lead_sheet.read(piece.of(generate.read_music(song.name, str(song))))
    assert sheet is not None
    told = tokens.analyze(sheet.notes, sheet.changes)
    pitches = [note.pitch for note in sheet.notes]
    lowest, highest = min(pitches) - 6, max(pitches) + 6
    played = [
        playing.play(told, sheet.changes, np.random.default_rng(seed), lowest=lowest, highest=highest)
        for seed in range(2)
    ]
    assert [tokens.analyze(melody, sheet.changes) for melody in played] == [told, told]
    assert [note[:2] for note in played[0]] == [(note.start, min(note.duration, 96)) for note in sheet.notes]


@hypothesis.given(CHANGES, st.lists(TOKENS, max_size=20), st.integers(0, 127))
def test_tokens_that_no_melody_has_are_played_too(changes: Changes, told: list[Token], before: int) -> None:
    played = playing.play(told, changes, np.random.default_rng(0), 7, before)
    assert [note.duration for note in played] == [token.duration for token in told]
    for note, token in zip(played, told, strict=True):
        role = tokens.colour(note.pitch, changes.at(note.start))
        assert role == ('X' if token.role == 'A' else token.role)


def test_the_note_before_counts() -> None:
    changes = chords.parse_bars('C', 48)
    (note,) = playing.play([Token('C', 12, (3, 4))], changes, np.random.default_rng(0), before=60)
    assert note == Note(0, 12, 64)


def test_chance_chooses_among_what_fits() -> None:
    changes = chords.parse_bars('Cmaj7', 48)
    told = [Token('C', 12, (8, 12)), Token('C', 12, (1, 2))]  # to B or C, of which B alone can go on to C
    for number, pitches in ((1, {71, 72}), (2, {71})):
        first = {playing.play(told[:number], changes, np.random.default_rng(k), before=60)[0].pitch for k in range(20)}
        assert first == pitches


@hypothesis.given(CHANGES, st.lists(TOKENS, max_size=20), st.integers(1, 3), st.integers(6, 12))
def test_repeats_and_leaps_are_smoothed(changes: Changes, told: list[Token], repeats: int, leap: int) -> None:
    told = [*told, *[Token('C', 6, (0, 0))] * 5]
    rng = np.random.default_rng(0)
    pitches = [n.pitch for n in playing.play(told, changes, rng, max_repeats=repeats, max_leap=leap)]
    assert max(len(list(group)) for _, group in itertools.groupby(pitches)) <= repeats
    assert all(abs(after - before) <= leap for before, after in itertools.pairwise(pitches))


def test_what_is_not_smoothed_stays() -> None:
    changes = chords.parse_bars('C', 48)
    told = [Token('C', 6), *[Token('C', 6, (0, 0))] * 5, Token('C', 6, (13, 127))]
    pitches = [note.pitch for note in playing.play(told, changes, np.random.default_rng(0), highest=100)]
    assert len(set(pitches[:6])) == 1
    assert pitches[6] - pitches[5] > 12
