"""What stands around a command: its standard streams, signals that end it, and what its children may import."""

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

_SAFE_PATH = 'PYTHONSAFEPATH'


def open_standard_streams() -> None:
    """Opens those that the caller closed, so that no file gets their numbers, and lets all print names of any kind.

    Names of files may be bytes that are no text, and a terminal may know ASCII alone: these are printed as \\xNN.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free, which is this one
    for number, name in ((1, 'stdout'), (2, 'stderr')):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, 'w', closefd=False))
        elif isinstance(getattr(sys, name), io.TextIOWrapper):  # and not what a test has put there
            getattr(sys, name).reconfigure(errors='backslashreplace')


def stdout_refusal() -> OSError | None:
    """What the system says of our own output if it is that which cannot be written, and not another file."""
    try:
        print(flush=True)
    except OSError as error:
        return error
    return None


def stopped_by(number: int) -> NoReturn:
    """Exits as a command that a signal of this number stopped: what `&&` joins to it does not begin."""
    exec('')  # else Python, if it was stopped within such a text, as while it imports, ends itself by SIGINT at the end
    sys.exit(128 + number)  # the shell's code for a process that the signal itself ended


@contextlib.contextmanager
def sigterm_as_ctrl_c(received: list[int]) -> Iterator[None]:
    """Within the block the first SIGTERM does what Ctrl-C does, and is put into `received`; the second ends at once.

    Elsewhere than in the main thread nothing changes, nor where the parent process had SIGTERM ignored.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        received.append(number)
        on_ctrl_c = signal.getsignal(signal.SIGINT)
        if callable(on_ctrl_c):  # a pipeline has one of its own, which ends its workers first
            on_ctrl_c(signal.SIGINT, frame)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def modules_of_the_working_folder_kept_out() -> Iterator[None]:
    """Keeps children from importing what lies in the working folder, such as a folder of music from elsewhere.

    Python finds modules in the folder that it is started in, if it is started with `-m` or `-c` as children are. The
    command itself is not; if it was, the folder is in `sys.path`, and children find there what it finds.
    """
    folder = ''
    with contextlib.suppress(OSError):  # deleted
        folder = os.getcwd()
    before = os.environ.get(_SAFE_PATH)
    if not {'', folder} & set(sys.path):
        os.environ[_SAFE_PATH] = '1'
    try:
        yield
    finally:
        os.environ.pop(_SAFE_PATH, None)
        if before is not None:
            os.environ[_SAFE_PATH] = before
