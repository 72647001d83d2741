"""Leaks across the splits of piano rolls are found, and taken out."""

import json
from pathlib import Path

import leaks as benchmark
import numpy as np
import pytest
from pianoroll_data import DATA_SETS, KEYS, LOWEST


def frames(seed: int, moved: int = 0) -> list[list[int]]:
    """A melody with a note below it, in steps."""
    rng = np.random.default_rng(seed)
    return [[int(p) + moved, 40 + moved] for p in rng.integers(50, 80, 60) for _ in range(rng.integers(1, 4))]


def test_a_roll_is_the_same_music() -> None:
    keys = np.zeros((5, KEYS), bool)
    keys[1:4, 10] = keys[2, 12] = True
    notes = benchmark.of_roll(keys).notes
    assert sorted(zip(notes['pitch'].tolist(), notes['start'].tolist(), notes['end'].tolist(), strict=True)) == [
        (LOWEST + 10, 0.25, 1.0),
        (LOWEST + 12, 0.5, 0.75),
    ]


def test_what_leaks_is_told_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    splits = {
        'train': [frames(seed) for seed in range(8)],
        'valid': [frames(20)],
        'test': [frames(30), frames(3, moved=2), frames(31)],
    }
    (tmp_path / 'JSB_Chorales.json').write_text(json.dumps(splits))
    found = benchmark.told(DATA_SETS['jsb'], tmp_path)
    assert found == {'near-duplicates': {1}, 'runs of 30 notes': {1}}
    benchmark.likelihoods(DATA_SETS['jsb'], tmp_path, found)
    out = capsys.readouterr().out
    assert 'test 1 is like train 3: transposed by +2' in out
    assert 'no near-duplicates: 2 sequences' in out and 'only near-duplicates: 1 sequences' in out
