"""What is measured of improvisations."""

import improvised
import pytest

from solferino.models.music.jazz import chords
from solferino.models.music.jazz.lead_sheet import LeadSheet
from solferino.models.music.jazz.tokens import Note


def _line(pitches: list[int], length: int = 12) -> list[Note]:
    return [Note(place * length, length, pitch) for place, pitch in enumerate(pitches)]


def test_entropy() -> None:
    assert improvised.entropy(_line([60, 72, 48])) == 0
    assert improvised.entropy(_line([60, 62, 64, 65])) == pytest.approx(2)


def test_bars_of_one_rhythm_groove() -> None:
    bar = _line([60, 62, 64, 65])
    assert improvised.grooving([bar, bar, bar]) == 1
    assert improvised.grooving([bar, [Note(6, 6, 60)]]) == pytest.approx(1 - 5 / 48)


def test_copies_are_found_in_another_key() -> None:
    song = _line([60, 62, 64, 60, 67, 65, 64, 60])
    assert improvised.longest_copy(_line([50, 52, 54, 50, 53]), song) == 4
    assert improvised.longest_copy(_line([50, 52, 54, 50], 6), song) == 1
    assert improvised.longest_copy(song, song) == 8
    assert improvised.longest_copy(song, song, itself=True) == 2  # down a third: one interval, two notes
    twice = _line([60, 62, 64, 60, 72, 74, 76, 72])
    assert improvised.longest_copy(twice, twice, itself=True) == 4


def test_a_song_is_measured() -> None:
    changes = chords.parse_bars('C G', 48)
    sheet = LeadSheet(tuple(_line([60, 62, 64, 65, 67, 69, 70, 72])), changes, changes.steps, 0, (0,))
    found = improvised.measure(sheet, sheet)
    assert (found.strong, found.length, found.h1, found.gs) == (0.75, 1, 2, 1)
    assert '| song | 2.00 |' in improvised.table({'song': [found]})
