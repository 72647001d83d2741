"""A backend for mido by rtmidi2, which has wheels for all our Pythons; mido's own is by python-rtmidi, which has not.

It is what mido's `backends` are: a module with Input, Output and get_devices.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from mido import Message
from mido.ports import BaseInput, BaseOutput

from solferino.models.music import extras


def get_devices(**_: Any) -> list[dict[str, Any]]:
    """The ports of the system. Raises OSError where there is no MIDI."""
    with _refusals() as rtmidi2:
        inputs, outputs = rtmidi2.get_in_ports(), rtmidi2.get_out_ports()
    return [
        {'name': name, 'is_input': name in inputs, 'is_output': name in outputs}
        for name in dict.fromkeys([*inputs, *outputs])
    ]


class Input(BaseInput):
    """An input port that calls `callback` with each message, in a thread of the library's."""

    _locking = False

    def _open(self, callback: Callable[[Message], None], virtual: bool = False, **_: Any) -> None:
        with _refusals() as rtmidi2:
            self._port = rtmidi2.MidiIn(_client(self.name, virtual))
            self._port.ignore_types(midi_sysex=True, midi_time=False, midi_sense=True)
            _open_port(self._port, self.name, virtual)

        def take(data: list[int], _: float) -> None:
            with contextlib.suppress(ValueError):  # bytes that are no message
                callback(Message.from_bytes(data))

        self._port.callback = take

    def _close(self) -> None:
        self._port.callback = None
        self._port.close_port()


class Output(BaseOutput):
    """An output port."""

    _locking = False

    def _open(self, virtual: bool = False, **_: Any) -> None:
        with _refusals() as rtmidi2:
            self._port = rtmidi2.MidiOut(_client(self.name, virtual))
            _open_port(self._port, self.name, virtual)

    def _send(self, message: Message) -> None:
        try:
            self._port.send_raw(*message.bytes())
        except RuntimeError as error:
            raise OSError(str(error)) from None

    def _close(self) -> None:
        self._port.close_port()


@contextlib.contextmanager
def _refusals() -> Iterator[Any]:
    """Gives rtmidi2, whose errors are raised as OSError, as mido wants them; ALSA prints nothing of its own."""
    rtmidi2 = extras.load('rtmidi2', extras.MIDI)
    try:
        with extras.quiet():
            yield rtmidi2
    except RuntimeError as error:
        raise OSError(str(error)) from None


def _client(name: str, virtual: bool) -> str:
    """What the system calls this program at a port; ALSA's aconnect knows our virtual ports by it."""
    return name if virtual else 'solferino'


def _open_port(port: Any, name: str, virtual: bool) -> None:
    if virtual and sys.platform == 'win32':
        raise OSError('Windows has no virtual ports')
    if virtual:
        port.open_virtual_port(name)
    elif name in port.ports:
        port.open_port(port.ports.index(name))  # by its number: a name is taken for a pattern there
    else:
        raise OSError('it is not there')
