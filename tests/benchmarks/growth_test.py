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


def test_footprint_sees_all_processes():
    script = """
import subprocess, sys, time
held = bytearray(50_000_000)
if len(sys.argv) < 2:
    child = subprocess.Popen([sys.executable, '-c', {script!r}, 'child'])
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass
    child.wait()
else:
    time.sleep(1)
"""
    with Footprint() as footprint:
        subprocess.run([sys.executable, '-c', f'script = {script!r}\nexec(script.format(script=script))'], check=True)
    assert footprint.memory_mb > 100
    assert 50 < footprint.peaks_mb['command'] < footprint.memory_mb
    assert footprint.processor_seconds > 0.2


def test_slope():
    costs = [Cost(files, {'seconds': seconds}, {}) for files, seconds in ((1, 5.0), (10, 6.0), (1000, 600.0))]
    assert slope(costs, 'seconds') == pytest.approx(1)
    assert slope(costs[:1], 'seconds') != slope(costs[:1], 'seconds')
