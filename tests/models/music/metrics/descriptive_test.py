"""The metrics of MusPy, beside MusPy."""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.models.music.metrics import descriptive, grid
from solferino.models.music.metrics.grid import Grid
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.timeline import Clock
from solferino.pipelines import music_files

muspy = pytest.importorskip('muspy', reason='MusPy is not installed: pip install muspy')
muspy_music = importlib.import_module('muspy_music')  # beside this folder; it imports MusPy

_PITCHED = set(descriptive.METRICS) - {
    'empty_beat_rate', 'empty_measure_rate', 'drum_in_pattern_rate', 'drum_pattern_consistency', 'groove_consistency',
}  # fmt: skip


def _require_equal(notes: Grid, music: Any) -> None:
    for name, function in descriptive.METRICS.items():
        value = function(notes)
        if name in _PITCHED and not notes.pitched.any():
            assert math.isnan(value)
            continue
        expected = muspy_music.metric(name, music, notes.steps_per_bar)
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True), name


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(1, 60), st.integers(0, 127), st.booleans()), min_size=1, max_size=40
    ),
    st.sampled_from([4, 6, 24]),
    st.sampled_from([8, 96]),
)
def test_they_are_muspys(notes: list[tuple[int, int, int, bool]], steps_per_quarter: int, bar: int) -> None:
    starts, lengths, pitches, drums = map(np.array, zip(*sorted(notes), strict=True))
    own = Grid(
        steps_per_quarter, bar, starts, starts + lengths, pitches, np.zeros(len(starts), int), drums.astype(bool),
        Clock({}),
    )  # fmt: skip
    _require_equal(own, muspy_music.music_of(own))


@pytest.mark.parametrize(
    'pattern',
    [
        'chorales/jsb_midi/jsb_train_00*.mid',
        'multitrack/**/*.mid',
        'drums/groove/drummer2/**/*.mid',
        'piano/mutopia/*.mid',
    ],
)
def test_they_are_muspys_on_real_music(shared: Path, pattern: str) -> None:
    paths = music_files.find([str(shared / 'data' / pattern)])[:8]
    assert paths
    for music in music_files.read(paths):
        own = grid.read(piece.of(music.sequence))
        _require_equal(own, muspy_music.music_of(own))


def test_chorales_are_read_as_muspy_reads_them(shared: Path) -> None:
    """They are on the grid, so that no rounding differs."""
    for path in music_files.find([str(shared / 'data/chorales/jsb_midi/jsb_train_01*.mid')])[:5]:
        (music,) = music_files.read([path])
        own, theirs = grid.read(piece.of(music.sequence)), muspy.read_midi(path).adjust_resolution(24)
        assert own.steps_per_bar == 96
        _require_equal(own, theirs)
