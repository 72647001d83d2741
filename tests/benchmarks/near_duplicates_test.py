"""Copies are changed as is said, and those that are changed little are found."""

from pathlib import Path

import near_duplicates as benchmark
import numpy as np
from note_seq import midi_io

from solferino.models.music.pieces import piece


def test_copies_are_found_until_much_is_changed(shared: Path) -> None:
    files = sorted((shared / 'data/chorales/jsb_midi').glob('*.mid'))[:6]
    music = [piece.of(midi_io.midi_file_to_note_sequence(str(file))) for file in files]
    found = benchmark.recall(music, np.random.default_rng(0))
    assert (found['1% of notes changed'], found['20% of notes changed'], found['10 ms off']) == (1, 0, 1)
    changed = benchmark._changed(music[0], 0.1, np.random.default_rng(0))
    same = changed['pitch'] == music[0].notes['pitch'] + 2
    assert 0.85 < same.mean() < 1
    np.testing.assert_allclose(changed['start'], music[0].notes['start'] * 1.25)
