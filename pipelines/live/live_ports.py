"""The MIDI ports of the machine, by mido."""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import mido

from solferino.hparams.errors import SolferinoError

INPUT, OUTPUT = 'solferino_in', 'solferino_out'  # virtual ports, where none is named
_OURS = 'solferino.pipelines.live.rtmidi2_ports'
# Messages with the time at which they came, or the exception that ends it.
Inbox = queue.SimpleQueue[Any]
_LOOK = 2.0  # seconds between two looks whether the ports are still there


def backend() -> mido.Backend:
    """What has the ports: rtmidi2, or what the variable MIDO_BACKEND names.

    Raises SolferinoError where it is not installed.
    """
    name = os.environ.get('MIDO_BACKEND') or _OURS
    try:
        return mido.Backend(name, load=True)
    except ImportError as error:
        raise SolferinoError(
            f'MIDO_BACKEND={name} cannot be imported ({error}). Install it, or unset the variable.'
        ) from None


def names() -> tuple[list[str], list[str]]:
    """The names of the input and of the output ports. Raises SolferinoError where there is no MIDI."""
    found = backend()
    try:
        return found.get_input_names(), found.get_output_names()
    except OSError as error:
        raise SolferinoError(
            f"This machine has no MIDI ports that can be used ({_reason(error)}). On Linux, ALSA's sequencer must be "
            'there (sudo modprobe snd-seq) and yours to use (the group audio); docs/live.md tells more.'
        ) from None


def listing() -> str:
    """All ports, for people."""
    rows = []
    for flag, found in zip(('--input_ports', '--output_ports'), names(), strict=True):
        rows += [f'{flag}:', *(f'  {name}' for name in found or ['none'])]
    return '\n'.join(rows)


class Ports:
    """The ports that are open.

    Args:
      inputs, outputs: their names, or parts that only one name has; empty for a virtual port of our own.
      inbox: gets each message that comes, with the time.perf_counter() at which it came, and a SolferinoError when a
        port has gone.

    Raises:
      SolferinoError: a port is not there, or cannot be opened.
    """

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str], inbox: Inbox) -> None:
        self._backend, self._inbox = backend(), inbox
        self._watched: list[tuple[str, Callable[[], list[str]]]] = []
        there = names()
        with contextlib.ExitStack() as stack:
            self.inputs = [
                stack.enter_context(self._opened('input', name, virtual, callback=self._take))
                for name, virtual in _chosen('input_ports', inputs, there[0], INPUT)
            ]
            self.outputs = [
                stack.enter_context(self._opened('output', name, virtual))
                for name, virtual in _chosen('output_ports', outputs, there[1], OUTPUT)
            ]
            self._open = stack.pop_all()
        self._done = threading.Event()
        # A port that has gone says nothing by itself. A thread looks, as to ask the system takes milliseconds.
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def send(self, message: mido.Message) -> None:
        """Sends to all outputs that are there."""
        for port in list(self.outputs):
            try:
                port.send(message)
            except (OSError, ValueError) as error:  # ValueError: mido's, of a port that is closed
                self.outputs.remove(port)
                self._inbox.put(_gone(port.name, f' ({_reason(error)})'))

    def close(self) -> None:
        """Closes them."""
        self._done.set()
        self._watching.join()
        self._open.close()

    def _opened(self, kind: str, name: str, virtual: bool, **options: Any) -> Any:
        try:
            port = getattr(self._backend, f'open_{kind}')(name, virtual=virtual, **options)
        except OSError as error:
            if virtual:
                what, remedy = f'The virtual port {name}', f'Name a port that is there, --{kind}_ports.'
            else:
                what, remedy = f'--{kind}_ports={name}', 'Another program may have it.'
            raise SolferinoError(f'{what} cannot be opened ({_reason(error)}). {remedy}') from None
        if not virtual:
            self._watched.append((name, getattr(self._backend, f'get_{kind}_names')))
        return port

    def _take(self, message: mido.Message) -> None:
        self._inbox.put((message, time.perf_counter()))

    def _watch(self) -> None:
        while not self._done.wait(_LOOK):
            for name, those_there in self._watched:
                try:
                    there = name in those_there()
                except OSError:
                    there = False
                if not there:
                    self._inbox.put(_gone(name, ''))
                    return


def _gone(name: str, why: str) -> SolferinoError:
    return SolferinoError(f'The port {name} has gone{why}. Connect it, and begin again.')


def _chosen(flag: str, wanted: Sequence[str], there: Sequence[str], virtual: str) -> list[tuple[str, bool]]:
    """Returns the names of the ports that are meant, and whether they are to be made."""
    if not wanted:
        return [(virtual, True)]
    chosen = []
    for name in wanted:
        found = [one for one in there if one == name] or [one for one in there if name.lower() in one.lower()]
        if len(found) != 1:
            those = ', '.join(found or there) or 'none'
            problem = 'is a part of several names' if found else 'is none of the ports'
            raise SolferinoError(f'--{flag}={name} {problem}. There are: {those}.')
        chosen.append((found[0], False))
    if len(set(chosen)) < len(chosen):
        raise SolferinoError(f'--{flag}={",".join(wanted)} names one port twice. Leave one out.')
    return chosen


def _reason(error: Exception) -> str:
    return str(error).strip().rstrip('.') or type(error).__name__
