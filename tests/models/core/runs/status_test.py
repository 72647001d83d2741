"""Who trains in a run directory."""

import subprocess
import sys
from pathlib import Path

import pytest

from solferino.models.core.runs import status


@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='only Linux tells which processes have ended')
def test_a_trainer_that_was_killed_and_that_nobody_waited_for_is_dead(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
    (tmp_path / 'train').mkdir()
    status.Status(str(tmp_path), 10, False).update(pid=process.pid)
    assert status.is_training(str(tmp_path))
    process.kill()
    while 'Z' not in Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2].split()[:1]:
        pass
    assert not status.is_training(str(tmp_path)) and status.was_killed(str(tmp_path))
    status.require_free(str(tmp_path))
    process.wait()
