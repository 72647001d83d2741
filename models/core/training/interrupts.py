"""Ctrl-C and SIGTERM as a request to stop, which the program follows when it is ready."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the user wants the program to stop, and what the program finishes first.

    Attributes:
      wanted: whether a signal came; calling the object returns it, too.
      number: of the signal; None if none came.
      after: what is finished first, for messages.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.number: int | None = None
        self.after = 'this step'

    def __call__(self) -> bool:
        return self.wanted


@contextlib.contextmanager
def graceful() -> Iterator[Stop]:
    """Within the block the first Ctrl-C or SIGTERM only sets the Stop; the second one acts as before the block.

    In other threads than the main thread nothing changes. Signals that are ignored stay ignored.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        stop.wanted, stop.number = True, number
        put_back()
        # not print or logging: the signal may have interrupted them
        os.write(2, f'\nStopping after {stop.after}. Once more stops at once.\n'.encode())

    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        put_back()
