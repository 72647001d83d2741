"""Runs commands as a user types them, and measures them from outside."""

import contextlib
import dataclasses
import math
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event

from solferino.models.core.storage import records

# No command of these sizes takes so long; Magenta's training waits for ever if there is nothing to train on.
TIMEOUT_S = 2 * 3600.0

_LAUNCH = Path(__file__).parent / 'launch.py'
# What the kernel counts a process's memory in, in bytes.
_RSS_UNIT = 1 if sys.platform == 'darwin' else 1024


class Failed(Exception):
    """A command that exited with an error or was stopped; its message ends with what the command printed last."""


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a command took.

    Attributes:
      seconds: from its start to its end.
      processor_seconds: how long it kept cores busy, its child processes counted in.
      peak_mb: the most memory that its process held, or one of its child processes if that held more.
      output: what it printed, errors too.
    """

    seconds: float
    processor_seconds: float
    peak_mb: float
    output: str


def run(
    command: Sequence[str], timeout_s: float, environment: Mapping[str, str] | None = None, may_fail: bool = False
) -> Usage:
    """Runs a command to its end. Raises Failed if it is not done after `timeout_s` seconds, or fails and may not."""
    reader, writer = os.pipe()
    with tempfile.TemporaryFile('w+', errors='replace') as printed, open(reader) as told:
        launcher = subprocess.Popen(
            [sys.executable, '-I', '-S', str(_LAUNCH), str(writer), *command],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            pass_fds=[writer],
            start_new_session=True,  # so that it can be stopped with its children
        )
        os.close(writer)
        try:
            launcher.wait(timeout_s)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(launcher.pid, signal.SIGKILL)
            launcher.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        answer = told.read().split()
        printed.seek(0)
        output = printed.read()
    seconds, busy, peak, code = map(float, answer or (timeout_s, math.nan, 0, math.nan))
    if not answer or (code and not may_fail):
        how = f'gave exit code {code:.0f}' if answer else f'was not done after {timeout_s:.0f} s'
        raise Failed(f'{shlex.join(command)} {how}. Its last words:\n{output[-2000:]}')
    return Usage(seconds, busy, peak * _RSS_UNIT / 1e6, output)


@dataclasses.dataclass(frozen=True)
class Side:
    """An environment with commands.

    Attributes:
      name: what it is called.
      bin: folder of its commands.
      is_ours: not Magenta's.
      typed: the command lines that were run, each once.
    """

    name: str
    bin: Path
    is_ours: bool = True
    typed: list[str] = dataclasses.field(default_factory=list)

    def run(self, command: str, **flags: object) -> Usage:
        """Runs a command with --flag=value for each of `flags`."""
        for flag in ('output_dir', 'run_dir'):
            if flag in flags:  # Magenta wants them to be there
                Path(str(flags[flag])).mkdir(parents=True, exist_ok=True)
        return self._run(command, [f'--{flag}={value}' for flag, value in flags.items()], may_fail=False)

    def ask(self, command: str, question: str) -> Usage:
        """Runs a command with one word, such as --help, that it answers with any exit code."""
        return self._run(command, [question], may_fail=True)

    def _run(self, command: str, words: list[str], may_fail: bool) -> Usage:
        line = shlex.join([command, *words])
        if line not in self.typed:
            self.typed.append(line)
        print(f'{self.name}: {line}', file=sys.stderr, flush=True)
        return run([str(self.bin / command), *words], TIMEOUT_S, {'TF_CPP_MIN_LOG_LEVEL': '2'}, may_fail)

    def versions(self) -> str:
        """Its Python and its packages, in words."""
        printed = run([str(self.bin / 'python'), '-c', _VERSIONS, *_PACKAGES], TIMEOUT_S).output
        return f'{self.name}: {printed.strip()}'


_PACKAGES = ('solferino', 'magenta', 'note-seq', 'tensorflow', 'tensorflow-cpu')
# Runs in Magenta's Python 3.8, too.
_VERSIONS = """
import importlib.metadata as metadata, platform, sys
found = ['Python ' + platform.python_version()]
for name in sys.argv[1:]:
    try:
        found.append(name + ' ' + metadata.version(name))
    except metadata.PackageNotFoundError:
        pass
print(', '.join(found))
"""


@dataclasses.dataclass(frozen=True)
class Point:
    """A number that TensorBoard shows, and when it was written (seconds since 1970)."""

    step: int
    time: float
    value: float


def scalars(folder: Path) -> dict[str, list[Point]]:
    """Reads the TensorBoard events in a folder: the points of each scalar by step. Event files are TFRecords."""
    found: dict[str, list[Point]] = {}
    for path in sorted(folder.glob('events.out.tfevents.*')):
        for data in records.read(str(path)):
            event: Any = Event.FromString(data)
            for value in event.summary.value:
                if value.HasField('simple_value'):
                    found.setdefault(value.tag, []).append(Point(event.step, event.wall_time, value.simple_value))
    return {tag: sorted(points, key=lambda point: point.step) for tag, points in found.items()}
