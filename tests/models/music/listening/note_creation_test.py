import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.models.music.listening import note_creation
from solferino.models.music.listening.note_creation import Thresholds
from solferino.models.music.listening.posteriorgrams import KEYS, Posteriorgrams

PLAIN = Thresholds(onset=0.5, frame=0.3, shortest=5, rises=False, unstruck=False)


def _heard(length: int = 100) -> Posteriorgrams:
    return Posteriorgrams(np.zeros((length, KEYS), np.float32), np.zeros((length, KEYS), np.float32))


def _found(heard: Posteriorgrams, thresholds: Thresholds) -> list[tuple[int, int, int]]:
    notes = note_creation.create(heard, thresholds)
    return list(zip(notes.begin.tolist(), notes.end.tolist(), notes.key.tolist(), strict=True))


def test_a_note_begins_at_a_peak_and_ends_where_the_key_is_quiet() -> None:
    heard = _heard()
    heard.frames[20:50, 40] = 0.8
    heard.frames[30:34, 40] = 0.1  # a gap as short as this does not end it
    heard.onsets[19:22, 40] = [0.4, 0.9, 0.6]
    assert _found(heard, PLAIN) == [(20, 50, 40)]
    assert note_creation.create(heard, PLAIN).strength == pytest.approx([(26 * 0.8 + 4 * 0.1) / 30])


def test_a_key_that_is_struck_again_is_two_notes() -> None:
    heard = _heard()
    heard.frames[20:50, 40] = 0.8
    heard.onsets[[20, 35], 40] = 0.9
    assert _found(heard, PLAIN) == [(20, 35, 40), (35, 50, 40)]


def test_what_is_soft_or_short_is_no_note() -> None:
    heard = _heard()
    heard.frames[20:50, 40], heard.frames[20:25, 60], heard.onsets[20, 60] = 0.8, 0.8, 0.9
    heard.onsets[20, 40] = 0.4
    assert _found(heard, PLAIN) == []


def test_a_note_takes_the_sound_of_its_neighbours() -> None:
    heard = _heard()
    heard.frames[20:50, 40:42], heard.onsets[20, 40], heard.onsets[19, 41] = 0.8, 0.9, 0.9
    assert _found(heard, PLAIN) == [(20, 50, 40)]  # the later onset comes first


def test_notes_without_an_onset() -> None:
    heard = _heard()
    heard.frames[20:50, 40] = np.linspace(0.4, 0.8, 30)
    assert _found(heard, Thresholds()) == []
    assert _found(heard, Thresholds(unstruck=True)) == [(20, 49, 40)]  # basic-pitch's last frame


def test_a_sudden_rise_is_an_onset() -> None:
    heard = _heard()
    heard.frames[20:50, 40] = 0.8
    heard.frames[21:50, 40] = 0.7
    heard.onsets[80, 3] = 0.9  # to which rises are scaled
    assert _found(heard, Thresholds(rises=True)) == [(20, 50, 40)]


def test_a_long_note_is_as_long_as_it_is() -> None:
    heard = _heard(5000)
    heard.frames[20:4000, 40], heard.onsets[20, 40] = 0.8, 0.9
    assert _found(heard, PLAIN) == [(20, 4000, 40)]


@given(st.integers(0, 60), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_notes_of_any_sound_are_in_it(length: int, seed: int, rises: bool, unstruck: bool) -> None:
    rng = np.random.default_rng(seed)
    heard = Posteriorgrams(*rng.random((2, length, KEYS), np.float32))
    thresholds = Thresholds(shortest=3, rises=rises, unstruck=unstruck)
    notes = note_creation.create(heard, thresholds)
    assert (notes.begin >= 0).all() and (notes.end <= length).all() and (notes.end - notes.begin > 3).all()
    assert ((notes.strength > 0) & (notes.strength <= 1)).all()
    order = [*zip(notes.begin.tolist(), notes.key.tolist(), strict=True)]
    assert order == sorted(order)
