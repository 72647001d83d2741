"""The key of music."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from solferino.models.music.pieces import keys
from solferino.models.music.pieces.keys import Key

_SCALES = {False: (0, 2, 4, 5, 7, 9, 11), True: (0, 2, 3, 5, 7, 8, 11)}


@pytest.mark.parametrize('is_minor', [False, True])
@pytest.mark.parametrize('tonic', range(12))
def test_a_scale_with_its_triad(tonic: int, is_minor: bool) -> None:
    weights = np.zeros(12)
    for place in _SCALES[is_minor]:
        weights[(tonic + place) % 12] += 1
    for place in (0, 3 if is_minor else 4, 7):
        weights[(tonic + place) % 12] += 2
    key = keys.find(weights)
    assert key == Key(tonic, is_minor)
    assert (tonic + keys.to_common(key)) % 12 == (9 if is_minor else 0)


@hypothesis.given(st.lists(st.integers(0, 50), min_size=12, max_size=12), st.integers(0, 11))
def test_transposed_music_has_the_transposed_key(weights: list[int], up: int) -> None:
    key = keys.find(np.array(weights, float))
    moved = keys.find(np.roll(np.array(weights, float), up))
    if len(set(weights)) == 12:  # else two keys may fit alike
        assert moved == Key((key.tonic + up) % 12, key.is_minor)
    assert -5 <= keys.to_common(moved) <= 6
