"""How a command ends that was stopped."""

import signal
import subprocess
import sys


def test_the_exit_code_is_that_of_the_signal_wherever_it_was_stopped() -> None:
    script = """
from solferino.bin import surroundings
try:
    exec('raise KeyboardInterrupt')  # as dataclasses do while they are made
except KeyboardInterrupt:
    surroundings.stopped_by(15)
"""
    assert subprocess.run([sys.executable, '-c', script]).returncode == 128 + signal.SIGTERM
