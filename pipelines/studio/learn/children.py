"""Commands in child processes that outlive the studio: each row of them has a folder, and its state is found there.

A folder holds `plan.json`, `state.json`, `log.txt` with all that the commands say, and `lock`: the child and its
commands hold the lock as long as one of them lives, so that no process number is ever mistaken for another's.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage.files import atomic_write
from solferino.pipelines.studio import wording
from solferino.pipelines.studio.learn import child

NEW, WAITING, KILLED = 'new', 'waiting', 'killed'  # beside the states that the child writes
RUNNING, DONE, FAILED, STOPPED = child.RUNNING, child.DONE, child.FAILED, child.STOPPED
LOG = 'log.txt'
_LOCK, _STOP = 'lock', 'stop'
_SHOWN = 64 << 10  # bytes of a log
_LEAVING_S = 10.0  # that a child may take to end after its last word
# How the messages of commands begin, see `bin/command.py`.
_ERROR = re.compile(r'^error: ', re.MULTILINE)
_NOT_ENOUGH = 'It needed more memory than it may have. Choose a smaller model, or a smaller collection.'


class State(msgspec.Struct):
    """What became of a row of commands.

    Attributes:
      state: one of the constants above.
      command: which one runs, or was the last, from 0.
      began: when, in seconds since 1970.
      code: the exit code of the last.
    """

    state: str = NEW
    command: int = 0
    began: float = 0.0
    code: int = 0

    @property
    def has_ended(self) -> bool:
        return self.state in (DONE, FAILED, STOPPED, KILLED)


@dataclasses.dataclass(frozen=True)
class Children:
    """Starts, finds and stops the commands of a folder.

    Attributes:
      folder: where their files are.
    """

    folder: Path

    def state(self) -> State:
        """What became of them; KILLED where they ended without a word."""
        try:
            state = msgspec.json.decode((self.folder / child.STATE).read_bytes(), type=State)
        except (OSError, msgspec.DecodeError):
            state = State()
        if state.state == RUNNING and not self.is_alive():
            # It may have written its last word between the two looks.
            with contextlib.suppress(OSError, msgspec.DecodeError):
                state = msgspec.json.decode((self.folder / child.STATE).read_bytes(), type=State)
            if state.state == RUNNING:
                state.state = STOPPED if (self.folder / _STOP).exists() else KILLED
        return state

    def wait(self) -> None:
        """Says that they are to begin when it is their turn."""
        atomic_write(str(self.folder / child.STATE), msgspec.json.encode(State(WAITING)))

    def give_up(self) -> None:
        """Says that they are not to begin."""
        atomic_write(str(self.folder / child.STATE), msgspec.json.encode(State(STOPPED)))

    def refuse(self, why: str) -> None:
        """Says why they cannot begin."""
        with open(self.folder / LOG, 'a', encoding='utf-8') as log:
            log.write(f'\nerror: {why}\n')
        atomic_write(str(self.folder / child.STATE), msgspec.json.encode(State(FAILED, code=1)))

    def start(self, commands: Sequence[Sequence[str]], memory_megabytes: int) -> None:
        """Starts them: modules with their arguments. Raises SolferinoError if some run here already, or none can."""
        self._settle()
        plan = {'commands': [list(command) for command in commands], 'memory_megabytes': memory_megabytes}
        with self._locked() as lock:
            if lock is None:
                raise SolferinoError('It is at work already.')
            (self.folder / _STOP).unlink(missing_ok=True)
            atomic_write(str(self.folder / child.PLAN), json.dumps(plan))
            atomic_write(str(self.folder / child.STATE), msgspec.json.encode(State(RUNNING)))
            with open(self.folder / LOG, 'ab') as log:
                process = subprocess.Popen(
                    [sys.executable, '-m', child.__name__, str(self.folder)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[lock.fileno()],
                    start_new_session=True,  # Ctrl-C for the studio is not for them
                )  # fmt: skip
            lock.seek(0)
            lock.truncate()
            lock.write(str(process.pid))
            lock.flush()
            # What has ended leaves the system's table of processes.
            _started[:] = [process, *(one for one in _started if one.poll() is None)]

    def _settle(self) -> None:
        """Waits for one that has said its last word, and has not left yet."""
        end = time.monotonic() + _LEAVING_S
        while self.is_alive() and self.state().state != RUNNING and time.monotonic() < end:
            time.sleep(0.02)

    def is_alive(self) -> bool:
        """Whether one of its processes lives."""
        with self._locked() as lock:
            return lock is None

    def stop(self) -> None:
        """Asks them to end as Ctrl-C does: what trains saves first."""
        (self.folder / _STOP).touch()  # for the moment in which the child itself is loaded
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends them at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.is_alive():
            with contextlib.suppress(OSError, ValueError):
                os.killpg(int((self.folder / _LOCK).read_text()), number)

    def log(self) -> str:
        """The end of what they said."""
        try:
            with open(self.folder / LOG, 'rb') as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _SHOWN))
                return file.read().decode('utf-8', 'replace')
        except OSError:
            return ''

    def error(self, state: State) -> str:
        """Why they failed, in words; '' if they did not."""
        if state.state == KILLED:
            return 'It was ended from outside, or the machine was turned off.'
        if state.state != FAILED:
            return ''
        said = _ERROR.split(self.log().rpartition('\n$ ')[2])
        if len(said) > 1:
            return wording.for_the_page(said[-1].strip())
        if state.code < 0 or 'MemoryError' in said[0]:
            return _NOT_ENOUGH
        return f'It ended with code {state.code}. Its log has more.'

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO[str] | None]:
        """Holds the lock within the block; None if others do."""
        # Two looks at once would take each other for the child.
        with _one_look, open(self.folder / _LOCK, 'a+', encoding='ascii') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock


_one_look = threading.Lock()
_started: list[subprocess.Popen[bytes]] = []  # by this process, and not ended when it last looked
