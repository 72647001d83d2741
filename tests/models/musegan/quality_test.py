import numpy as np
import pytest

from solferino.models.musegan import quality
from solferino.models.music.pieces import voices
from solferino.models.music.pieces.voices import HOLD, REST


def _voice(*notes: tuple[int, int]) -> list[int]:
    return [step for pitch, length in notes for step in [pitch] + [HOLD if pitch >= 0 else REST] * (length - 1)]


def test_measures_by_hand() -> None:
    first = _voice((60, 8), (64, 1), (72, 7), (60, 16))  # C E C in the first bar
    second = _voice((REST, 16), (48, 16))
    found = quality.measures([np.array([first, second]).T])
    assert found['empty_bars'] == 1 / 4
    assert found['used_pitches'] == pytest.approx((2 + 1 + 1) / 3)
    assert found['long_notes'] == 4 / 5
    assert found['tonal_distance'] == 0  # both have a C where both sound


def test_tonal_distance_is_that_of_the_paper() -> None:
    """Of a C and a G: chords on the circle of fifths, a step apart, Harte et al. 2006."""
    music = np.array([_voice((60, 16)), _voice((67, 16))]).T
    steps = np.array([7 * np.pi / 6, 3 * np.pi / 2, 2 * np.pi / 3]) * 7
    radii = np.array([1, 1, 0.5])
    wanted = np.sqrt((radii**2 * ((np.sin(steps)) ** 2 + (np.cos(steps) - 1) ** 2)).sum())
    assert quality.measures([music])['tonal_distance'] == pytest.approx(wanted, abs=1e-5)


def test_what_sounds_is_held() -> None:
    assert voices.sounding(np.array([[60], [HOLD], [REST], [HOLD]]))[:, 0].tolist() == [60, 60, REST, REST]


def test_silence_has_no_measures() -> None:
    found = quality.measures([np.full((32, 4), REST)])
    assert found['empty_bars'] == 1
    assert all(np.isnan(found[name]) for name in ('used_pitches', 'long_notes', 'tonal_distance'))
