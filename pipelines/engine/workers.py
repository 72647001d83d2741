"""Several worker processes on this machine, which end with the run; and the run ends if one of them dies.

Beam's own way of starting them waits for ever for one that has died, and leaves them running when the run is killed. A
worker takes most of a second to import what it needs, so a command has them begin (`begun`) before it imports that
itself. What they are to do comes by their standard input; when it ends, they end.
"""

import contextlib
import importlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping

from solferino.hparams.errors import SolferinoError
from solferino.models.core import heavy_imports

_log = logging.getLogger(__name__)

_waiting: list[subprocess.Popen[bytes]] = []  # begun, and not taken yet


@contextlib.contextmanager
def begun(count: int, module: str) -> Iterator[None]:
    """Within the block so many workers, if there are to be several, import a module and wait for a run."""
    _waiting.extend(_begin(module) for _ in range(count if count > 1 else 0))
    try:
        yield
    finally:
        while _waiting:
            _end(_waiting.pop())


class Workers:
    """Those of a run. If one dies, all end; `interrupts`: so does what the main thread does, by a KeyboardInterrupt."""

    def __init__(self, interrupts: bool) -> None:
        self._interrupts = interrupts
        self.deaths: list[int] = []  # exit codes of those that ended before the run did
        self._taken: list[subprocess.Popen[bytes]] = []
        self.stopping = False

    def take(self, told: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Returns a process that does what these variables of Beam's say."""
        process = _waiting.pop() if _waiting else _begin('solferino.pipelines.engine.work')
        self._taken.append(process)
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):  # it has died, which is found next
            process.stdin.write(json.dumps(told).encode() + b'\n')
            process.stdin.flush()
        threading.Thread(target=self._watch, args=[process], daemon=True).start()
        return process

    def stop(self) -> None:
        """Ends them."""
        self.stopping = True
        for process in self._taken:
            _end(process)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if code and not self.stopping:
            self.deaths.append(code)
            self.stop()
            if self._interrupts:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@contextlib.contextmanager
def watched() -> Iterator[Workers]:
    """Yields the workers of a run, to be taken.

    Raises SolferinoError if one of them dies. A Ctrl-C ends them first, as Beam would wait for them to finish.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()  # others cannot be interrupted
    workers = Workers(in_main_thread)
    excepthook, sigint = threading.excepthook, signal.getsignal(signal.SIGINT)

    def on_failed_thread(failure: threading.ExceptHookArgs) -> None:
        if not workers.stopping and not getattr(failure.thread, 'name', '').startswith('beam_'):
            excepthook(failure)

    def on_ctrl_c(*_: object) -> None:
        workers.stop()
        raise KeyboardInterrupt

    if in_main_thread:
        threading.excepthook = on_failed_thread
        signal.signal(signal.SIGINT, on_ctrl_c)
    try:
        yield workers
    except KeyboardInterrupt:
        if not workers.deaths:
            raise
        raise SolferinoError(
            f'A worker process was ended by something else: {_told(workers.deaths[0])}. If memory ran out, lower '
            '--num_workers.'
        ) from None
    finally:
        workers.stop()
        if in_main_thread:
            threading.excepthook = excepthook
            signal.signal(signal.SIGINT, sigint)


def _told(code: int) -> str:
    return f'exit code {code}' if code > 0 else signal.Signals(-code).name


def _begin(module: str) -> subprocess.Popen[bytes]:
    # Errors in our code come back as exceptions.
    said = None if _log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL
    # A Ctrl-C at the terminal reaches the whole group; this process decides what comes of it. A new process holds it
    # back, as this one does now, until it has said that it ignores it.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return subprocess.Popen(
            [sys.executable, '-m', __name__, module], stdin=subprocess.PIPE, stdout=said, stderr=said
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def main() -> None:
    """A worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    heavy_imports.left_quickly()
    told: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=[told], daemon=True).start()
    importlib.import_module(sys.argv.pop(1))  # and Beam with it, in our own way
    from apache_beam.runners.worker import sdk_worker_main

    os.environ.update(json.loads(told.get()))
    sdk_worker_main.main(sys.argv)


def _listen(told: queue.Queue[bytes]) -> None:
    """Hands over the first line of the standard input; ends this process when the input does."""
    line = b''
    while data := os.read(0, 1 << 16):
        line += data
        if line.endswith(b'\n'):
            told.put(line)
            line = b''
    os._exit(1)


if __name__ == '__main__':
    main()
