"""Roles of notes over chords."""

import pytest

from solferino.hparams.jazz_rnn import Grammar
from solferino.models.music.jazz import chords, tokens
from solferino.models.music.jazz.tokens import BOUNDS, LONGEST, Note, Token


def test_a_line_is_told_as_a_musician_would() -> None:
    changes = chords.parse_bars('Dm7 G7', 48)
    line = [
        Note(0, 12, 65),  # F, the third of Dm7
        Note(12, 12, 67),  # G, of its scale
        Note(24, 12, 68),  # Ab leads
        Note(36, 6, 69),  # to A, its fifth
        Note(48, 6, 70),  # Bb over G7, which leads
        Note(54, 6, 71),  # to B
        Note(60, 6, 66),  # F# does not lead
        Note(66, 6, 62),  # to D
    ]
    found = tokens.analyze(line, changes)
    told = 'C12 L12:1,2 A12:1,2 C6:1,2 R6 A6:1,2 C6:1,2 X6:-7,-5 C6:-4,-3'
    assert ' '.join(token.text for token in found) == told


def test_a_note_leads_to_a_tone_of_the_chord_that_sounds_then() -> None:
    changes = chords.parse_bars('Dm7 G7', 48)
    line = [Note(36, 12, 70), Note(48, 12, 71)]  # Bb to B, which is of G7 and not of Dm7
    assert [token.role for token in tokens.analyze(line, changes)] == ['R', 'A', 'C']
    assert tokens.analyze(line, chords.parse_bars('Dm7', 48))[1].role == 'X'


def test_long_notes_and_silences_are_cut() -> None:
    changes = chords.parse_bars('C', 48)
    found = tokens.analyze([Note(200, 100, 60), Note(350, 12, 60)], changes)
    assert [token.text for token in found] == ['R96', 'R96', 'R8', 'C96', 'R54', 'C12:0,0']
    assert sum(token.duration for token in tokens.analyze([Note(0, 300, 60)], changes)) == 300


@pytest.mark.parametrize('interval', range(-127, 128))
def test_every_interval_is_within_its_bounds(interval: int) -> None:
    low, high = tokens.bounds_of(interval)
    assert low <= interval <= high


def test_texts_come_back() -> None:
    found = [Token(role, duration, bounds) for role in 'CLAX' for duration in (1, 7, LONGEST) for bounds in BOUNDS]
    found += [Token('R', 12), Token('C', 3)]
    assert [tokens.parse(token.text) for token in found] == found
    assert len({token.text for token in found}) == len(found)
    for wrong in ('', 'C', 'C0', 'C97', 'Q6', 'C6:1', 'C6:1,3', 'R6:1,2', 'C6 '):
        with pytest.raises(ValueError, match='is no token'):
            tokens.parse(wrong)


def test_a_grammar_holds_what_is_a_token_and_nothing_else() -> None:
    for role in 'CLAX':
        for duration in (1, tokens.LONGEST):
            for bounds in (None, *tokens.BOUNDS):
                text = tokens.Token(role, duration, bounds).text
                assert Grammar((text,)).tokens == (tokens.parse(text).text,)
    for text in ('X6:4,-3', 'L6:8,10', 'C0', 'C97', 'R0:1,2'):
        with pytest.raises(ValueError, match='is no'):
            tokens.parse(text)
        with pytest.raises(ValueError, match='which is none'):
            Grammar((text,))
