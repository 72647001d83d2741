"""The soak in short, and that it would notice what grows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soak
from soak import Sample


def samples(**curves):
    plain = {'mb': [500.0] * 100, 'files': [9] * 100, 'threads': [4] * 100} | curves
    return [Sample(float(k), *values) for k, values in enumerate(zip(*plain.values(), strict=True))]


def test_what_grows_is_noticed_and_what_swings_is_not():
    assert soak.grown(samples()) == []
    assert soak.grown(samples(mb=[500 + 50 * min(k, 20) for k in range(100)])) == []  # warm-up
    assert soak.grown(samples(mb=[500 + 40 * (k % 10 == 0) for k in range(100)])) == []
    assert soak.grown(samples(mb=[500 + k for k in range(100)])) == ['mb']
    assert soak.grown(samples(mb=[900 - k for k in range(100)])) == []
    assert soak.grown(samples(files=[9 + k // 30 for k in range(100)])) == ['files']
    assert soak.grown(samples(threads=[4 + k // 40 for k in range(100)])) == ['threads']


def test_growth_is_told_of_a_line():
    found = soak.growth(samples(mb=[500 + 2.0 * k for k in range(100)]), 'mb')
    assert found.rise == pytest.approx(2 * 74)
    assert found.last - found.first == pytest.approx(2 * 68)


def test_a_short_soak(tmp_path):
    script = [sys.executable, soak.__file__, '--minutes=0.2', '--generations=20', f'--work={tmp_path}']
    # Memory is not settled after seconds, so that the exit code is not asked.
    done = subprocess.run(script, capture_output=True, text=True, env={**os.environ, 'CUDA_VISIBLE_DEVICES': '-1'})
    assert 'generations in' in done.stdout, done.stdout + done.stderr
    training, generating = json.loads((tmp_path / 'soak.json').read_text()).values()
    assert len(training) > 10 and len(generating) == 20
    assert not soak.grown([Sample(**{**one, 'mb': 0.0}) for one in generating])
    assert generating[-1]['mb'] - generating[len(generating) // 2]['mb'] < soak.MOST_MB
    assert not Path(tmp_path / 'soak').exists()
