"""Call and response in real time: waits for what comes and for what is due."""

import contextlib
import functools
import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from mido import Message

from solferino.hparams.live import LiveSettings
from solferino.pipelines.live import live_ports
from solferino.pipelines.live.beat_clock import MidiClock, TempoClock
from solferino.pipelines.live.live_ports import Inbox
from solferino.pipelines.live.responder import ChildResponder, Responder
from solferino.pipelines.live.session import Session

_LONGEST_WAIT = 0.2  # seconds, after which a clock that has stopped is noticed


class _Turns(Protocol):
    def advance(self, now: float) -> None: ...

    def next_time(self) -> float: ...

    def receive(self, message: Message, now: float) -> None: ...


def play(settings: LiveSettings, bundles: Sequence[str], inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Plays until Ctrl-C.

    Args:
      settings: see there.
      bundles: paths of models.
      inputs, outputs: see `live_ports.Ports`.

    Raises:
      SolferinoError: a port is not there, or has gone; a model cannot be read, or goes on from no music.
    """
    inbox: Inbox = queue.SimpleQueue()
    with ahead_of_others(), contextlib.closing(live_ports.Ports(inputs, outputs, inbox)) as ports:
        print(f'From {_names(ports.inputs)} to {_names(ports.outputs)}. Loading the models ...', flush=True)
        with contextlib.closing(ChildResponder(bundles)) as responder:
            print(f'{", ".join(responder.names)}: play. Ctrl-C ends it.', flush=True)
            run(settings, responder, ports.send, inbox, functools.partial(print, flush=True))


@contextlib.contextmanager
def ahead_of_others() -> Iterator[None]:
    """Lets this thread, and those that begin within the block, run as soon as they have something to do.

    Where the system does not allow it, they wait for their turn on a machine with much to do.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (AttributeError, OSError):  # there is no such thing on macOS and Windows; on Linux it is a right
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def run(
    settings: LiveSettings,
    responder: Responder,
    send: Callable[[Message], None],
    inbox: Inbox,
    tell: Callable[[str], None],
) -> None:
    """Plays until an exception comes in the inbox, or Ctrl-C; however it ends, no note is left hanging.

    Args:
      settings, responder, send, tell: see `Session`.
      inbox: see `live_ports.Ports`.
    """
    now = time.perf_counter
    clock = MidiClock(settings.qpm) if settings.clock_in else TempoClock(settings.qpm, now())
    session = Session(settings, clock, responder, send, tell)
    try:
        turn(session, inbox, now)
    finally:
        session.close()


def turn(session: _Turns, inbox: Inbox, now: Callable[[], float]) -> None:
    """Gives a session the time and what comes, until an exception comes."""
    while True:
        session.advance(now())
        wait = min(session.next_time() - now(), _LONGEST_WAIT)
        try:
            came = inbox.get(timeout=max(0.0, wait))
        except queue.Empty:
            continue
        if isinstance(came, BaseException):
            raise came
        session.receive(*came)


def _names(ports: Sequence[Any]) -> str:
    return ', '.join(port.name for port in ports)
