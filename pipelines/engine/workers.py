"""Several worker processes on this machine: Beam's own, but all end with the run, and the run ends if one dies.

Beam's own way of starting them does not quote the interpreter's name, lets them write to stderr, waits for ever for a
worker that has died, and leaves workers running when the run is killed.
"""

import contextlib
import logging
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from solferino.hparams.errors import SolferinoError
from solferino.models.core import heavy_imports

_log = logging.getLogger(__name__)

_WATCH_SECONDS = 0.2


def environment(alive: str) -> Any:
    """Returns the Beam environment of worker processes that end when the file `alive` is deleted."""
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    # A Ctrl-C at the terminal reaches the whole group; this process decides what comes of it.
    command = "trap '' INT; "
    command += (
        f'exec {shlex.quote(sys.executable)} -m solferino.pipelines.engine.workers {shlex.quote(alive)} {os.getpid()}'
    )
    if not _log.isEnabledFor(logging.DEBUG):
        command += f' 2>{os.devnull}'  # errors in our code come back as exceptions
    return SubprocessSDKEnvironment.from_command_string(command)


@contextlib.contextmanager
def watched() -> Iterator[str]:
    """Yields the path of a file that keeps the workers alive during a run.

    Raises SolferinoError if one of them dies. A Ctrl-C ends them first, as Beam would wait for them to finish.
    """
    handle, alive = tempfile.mkstemp(prefix='solferino-workers-')
    os.close(handle)
    deaths: list[object] = []
    stopping = threading.Event()
    in_main_thread = threading.current_thread() is threading.main_thread()  # others cannot be interrupted
    excepthook, sigint = threading.excepthook, signal.getsignal(signal.SIGINT)

    def stop() -> None:
        stopping.set()
        _remove(alive)

    def on_failed_thread(failure: Any) -> None:
        name = getattr(failure.thread, 'name', '')
        if not name.startswith(('run_worker', 'beam_')):
            excepthook(failure)
        elif name == 'run_worker' and not stopping.is_set():  # the thread that watches a process, which has died
            deaths.append(failure.exc_value)
            stop()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def on_ctrl_c(*_: Any) -> None:
        stop()
        raise KeyboardInterrupt

    if in_main_thread:
        threading.excepthook = on_failed_thread
        signal.signal(signal.SIGINT, on_ctrl_c)
    try:
        yield alive
    except KeyboardInterrupt:
        # Workers ignore a Ctrl-C at the terminal, once their shell has begun; one that had not may die of it.
        if not deaths or f'code {-signal.SIGINT}' in str(deaths[0]):
            raise
        raise SolferinoError(
            f'A worker process was ended by something else: {deaths[0]}. If memory ran out, lower --num_workers.'
        ) from None
    finally:
        stop()
        if in_main_thread:
            threading.excepthook = excepthook
            signal.signal(signal.SIGINT, sigint)


def main() -> None:
    """A worker process."""
    threading.Thread(target=_end_with, args=(sys.argv.pop(1), int(sys.argv.pop(1))), daemon=True).start()
    heavy_imports.left_quickly()
    from solferino.pipelines.engine import lean_beam  # noqa: F401, I001 before any other module of Beam's
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


def _end_with(alive: str, parent: int) -> None:
    """Ends this process when the file or the parent process is gone; then deletes the file."""
    while os.path.exists(alive) and os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    _remove(alive)
    os._exit(1)


def _remove(alive: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(alive)


if __name__ == '__main__':
    main()
