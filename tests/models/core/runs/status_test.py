"""Who trains in a run directory."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models.core.runs import status

on_linux = pytest.mark.skipif(
    not Path('/proc/self/stat').exists(), reason='only Linux tells which processes have ended, and when they began'
)


def change(run: Path, **values: Any) -> None:
    path = run / 'train/status.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def own(tmp_path: Path) -> status.Status:
    """The status of a run in `tmp_path`."""
    (tmp_path / 'train').mkdir()
    return status.Status(str(tmp_path), 10, False)


@on_linux
def test_a_trainer_that_was_killed_and_that_nobody_waited_for_is_dead(tmp_path: Path, own: status.Status) -> None:
    process = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
    change(tmp_path, pid=process.pid, begun=status._begun(process.pid))
    assert status.is_training(str(tmp_path))
    process.kill()
    while 'Z' not in Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2].split()[:1]:
        pass
    assert not status.is_training(str(tmp_path)) and status.was_killed(str(tmp_path))
    status.require_free(str(tmp_path))
    process.wait()


@on_linux
def test_a_trainer_that_sleeps_for_long_is_not_dead(tmp_path: Path, own: status.Status) -> None:
    parent = os.getppid()
    change(tmp_path, pid=parent, begun=status._begun(parent), heartbeat=time.time() - 1e6)
    assert status.is_training(str(tmp_path))
    change(tmp_path, begun=status._begun(parent) + '1')  # it has the number of one that is gone
    assert not status.is_training(str(tmp_path))


def test_a_clock_that_is_wrong_holds_nobody_off_for_ever(tmp_path: Path, own: status.Status) -> None:
    change(tmp_path, host='elsewhere', heartbeat=time.time() + 60)
    assert status.is_training(str(tmp_path))
    change(tmp_path, heartbeat=time.time() + 1e6)
    assert not status.is_training(str(tmp_path))


def test_a_trainer_whose_run_another_one_has_taken_over_ends(tmp_path: Path, own: status.Status) -> None:
    own.update(step=3)
    change(tmp_path, host='elsewhere', pid=77)
    for act in (own.require_own, own.update):
        with pytest.raises(SolferinoError, match=r'process 77 on elsewhere\) has gone on in'):
            act()
    assert json.loads((tmp_path / 'train/status.json').read_text())['pid'] == 77
