"""The tool that measures growth: its files are music, and it sees what processes take."""

import subprocess
import sys

import pytest
from growth import Cost, Footprint, made, slope

from solferino.pipelines.parsing import Converted, Limits, Parser


def test_made_files_are_music(tmp_path):
    contents = [made(seed) for seed in range(5)]
    assert len(set(contents)) == 5
    assert made(3) == contents[3]
    with Parser(Limits()) as parser:
        for content in contents:
            (tmp_path / 'made.mid').write_bytes(content)
            answer = parser.parse_midi(tmp_path / 'made.mid')
            assert isinstance(answer, Converted)
            assert 32 <= answer.notes <= 64
            assert answer.milliseconds == 8000


_HOLDS_AND_STARTS_ANOTHER = """
import subprocess, sys, time
held = b'1' * 50_000_000
others = int(sys.argv[1])
if others:
    subprocess.run([sys.executable, '-c', sys.orig_argv[2], str(others - 1)], check=True)
while time.process_time() < 0.5:
    pass
time.sleep(1)
"""


def test_footprint_sees_all_processes():
    with Footprint() as footprint:
        subprocess.run([sys.executable, '-c', _HOLDS_AND_STARTS_ANOTHER, '2'], check=True)
    assert 150 < footprint.memory_mb < 250
    assert 50 < footprint.peaks_mb['command'] < 80
    assert 1 < footprint.processor_seconds < 2


def test_slope():
    costs = [Cost(files, {'seconds': seconds}, {}) for files, seconds in ((1, 5.0), (10, 6.0), (1000, 600.0))]
    assert slope(costs, 'seconds') == pytest.approx(1)
    assert slope(costs[:1], 'seconds') != slope(costs[:1], 'seconds')
