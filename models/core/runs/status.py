"""Who trains in a run directory, and whether it still does: `<run_dir>/train/status.json`.

The trainer writes it; the separate evaluation job reads it to know when training has ended, and a second trainer to
know that it must not start.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.storage import schemas, temporaries
from solferino.models.core.storage.files import atomic_write

TRAINING = 'training'
FINISHED = 'finished'
INTERRUPTED = 'interrupted'
FAILED = 'failed'

BEAT_S = 10.0
# A trainer on another machine that has not been heard of for this long is taken for dead.
SILENCE_S = 120.0
_WHO = ('pid', 'begun', 'host')


class Record(TypedDict, total=False):
    """What the file holds."""

    state: str
    step: schemas.Count
    total: schemas.Count
    evaluates: bool
    owes: bool  # an evaluation of the newest checkpoint, or a correction of the best one
    pid: schemas.Pid
    begun: str  # when that process was, as the system tells it; '' where it does not
    host: str
    heartbeat: schemas.Time  # seconds since 1970


def status_path(run_dir: str) -> str:
    """Where the status of a run directory is."""
    return os.path.join(run_dir, 'train', 'status.json')


def read(run_dir: str) -> dict[str, Any] | None:
    """Returns what the status of a run directory says, None if there is none. Raises SolferinoError."""
    return settings.read_json(status_path(run_dir), Record)


def is_training(run_dir: str) -> bool:
    """Whether a trainer is at work there: False before the first one, and after a crash."""
    record = read(run_dir)
    return record is not None and _alive(record)


def was_killed(run_dir: str) -> bool:
    """Whether the last trainer there ended in the middle of its work, without a word."""
    record = read(run_dir)
    return record is not None and record.get('state') == TRAINING and not _alive(record)


def owes_evaluation(run_dir: str) -> bool:
    """Whether the last trainer there ended before it had evaluated the newest checkpoint, as it should have."""
    record = read(run_dir)
    return record is not None and bool(record.get('owes'))


def keeps_best(run_dir: str) -> bool:
    """Whether the trainer evaluates by itself and so keeps the best checkpoint."""
    record = read(run_dir)
    return record is not None and bool(record.get('evaluates'))


def require_free(run_dir: str) -> None:
    """Raises SolferinoError if a trainer is at work in the run directory."""
    record = read(run_dir)
    if record is not None and _alive(record):
        raise SolferinoError(
            f'Another training run is at work in {run_dir} (process {record.get("pid")} on {record.get("host")}, at '
            f'step {record.get("step")}). Stop it first or choose another --run_dir.'
        )


class Status:
    """The trainer's own entry, renewed every few seconds by a thread as long as the process lives."""

    def __init__(self, run_dir: str, total: int, evaluates: bool) -> None:
        self._path = status_path(run_dir)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._record: dict[str, Any] = {
            'state': TRAINING,
            'step': 0,
            'total': total,
            'evaluates': evaluates,
            'owes': False,
            'pid': os.getpid(),
            'begun': _begun(os.getpid()),
            'host': socket.gethostname(),
        }
        self._own = {name: self._record[name] for name in _WHO}
        self._write()

    @property
    def state(self) -> str:
        """One of TRAINING, FINISHED, INTERRUPTED, FAILED."""
        return self._record['state']

    def update(self, **values: Any) -> None:
        """Changes `state`, `step`, ... and writes them with the time. Raises SolferinoError as `require_own` does."""
        with self._lock:
            self.require_own()
            self._record |= values
            self._write()

    def require_own(self) -> None:
        """Raises SolferinoError if another process has taken this run for ended, and over, as after a long sleep."""
        there = settings.read_json(self._path, Record)
        if there is not None and {name: there.get(name) for name in _WHO} != self._own:
            raise SolferinoError(
                f'Another training run (process {there.get("pid")} on {there.get("host")}) has gone on in '
                f'{os.path.dirname(os.path.dirname(self._path))}, as this one was not heard of for long. It ends here.'
            )

    def _write(self) -> None:
        self._record['heartbeat'] = time.time()
        atomic_write(self._path, json.dumps(self._record, indent=1) + '\n')

    def note(self, step: int) -> None:
        """Changes the step; the next heartbeat writes it."""
        self._record['step'] = step

    def beat(self) -> None:
        """Writes a heartbeat every few seconds until `end`."""
        while not self._ended.wait(BEAT_S):
            try:
                self.update()
            except OSError:  # a full disk is the trainer's to report, which writes more than we do
                continue
            except SolferinoError:  # which it finds before it writes the next checkpoint
                return

    def end(self) -> None:
        """Stops the heartbeat."""
        self._ended.set()


@contextlib.contextmanager
def claim(run_dir: str, total: int, evaluates: bool) -> Iterator[Status]:
    """Enters this process as the trainer of a run directory; of several that try at once, one does.

    Args:
      run_dir: made if missing.
      total: training steps to reach; 0 for no end.
      evaluates: whether it keeps the best checkpoint by itself.

    Raises:
      SolferinoError: another trainer is at work there, or the directory cannot be written.
    """
    try:
        folder = os.path.dirname(status_path(run_dir))
        os.makedirs(folder, exist_ok=True)
        with temporaries.one_at_a_time(folder):
            require_free(run_dir)
            status = Status(run_dir, total, evaluates)
    except OSError as error:
        raise SolferinoError(f'--run_dir={run_dir} cannot be written: {error.strerror}.') from error
    thread = threading.Thread(target=status.beat, name='heartbeat', daemon=True)
    thread.start()
    try:
        yield status
    finally:
        status.end()
        thread.join()
        # A run that ends in any other way than by an error has said so.
        with contextlib.suppress(OSError, SolferinoError):
            status.update(state=FAILED if status.state == TRAINING else status.state)


def _alive(record: dict[str, Any]) -> bool:
    if record.get('state') != TRAINING:
        return False
    heartbeat, pid = record.get('heartbeat'), record.get('pid')
    recent = isinstance(heartbeat, (int, float)) and abs(time.time() - heartbeat) < SILENCE_S
    if record.get('host') != socket.gethostname():
        return recent
    # A container that starts again has the host and number of its predecessor: that is not another process.
    if not isinstance(pid, int) or pid == os.getpid() or not _exists(pid):
        return False
    begun = record.get('begun')
    return begun == _begun(pid) if begun else recent  # the same process, though it may have slept for hours


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and nobody has asked how: in a container its first process may never do."""
    return _stat(pid)[:1] == ['Z']


def _begun(pid: int) -> str:
    """When a process began, in ticks since the machine did; '' if the system does not tell."""
    return ''.join(_stat(pid)[19:20])


def _stat(pid: int) -> list[str]:
    """What Linux says of a process, from its state on; nothing elsewhere, and of one that is gone."""
    try:
        return Path(f'/proc/{pid}/stat').read_text('utf-8', 'replace').rpartition(')')[2].split()
    except OSError:
        return []
