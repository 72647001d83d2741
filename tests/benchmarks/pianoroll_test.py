"""The table of the piano-roll benchmark is of runs that came to their end."""

import argparse
import subprocess
from pathlib import Path

import pianoroll
import pytest


def test_a_run_that_fails_leaves_no_earlier_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing, other = pianoroll.CELLS[:2]
    for cell in (failing, other):
        pianoroll._file(tmp_path, cell, '.json').write_text(f'{{"cell": "{cell}"}}')
    monkeypatch.setattr(subprocess, 'run', lambda command, **_: subprocess.CompletedProcess(command, 1))
    args = argparse.Namespace(data=tmp_path, seconds=None, quick=False, jobs=1)
    assert not pianoroll._run(failing, tmp_path, args)
    assert list(pianoroll._results(tmp_path)) == [{'cell': other}]
