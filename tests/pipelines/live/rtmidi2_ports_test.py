"""The backend on a stand-in for rtmidi2, which has no ports where there is no sound card."""

import contextlib
import inspect
import queue
import sys
import types
from pathlib import Path

import pytest
from mido import Message

from solferino.hparams.errors import SolferinoError
from solferino.models.music import extras
from solferino.pipelines.live import live_ports


class Port:
    """MidiIn and MidiOut of rtmidi2, as far as they are used, with their errors."""

    made: list['Port']

    def __init__(self, client):
        self.client = client
        self.callback, self.sent, self.opened, self.virtual, self.closed = None, [], None, None, False
        self.ports = ['Pads 20:0', 'Pads 21:0']
        type(self).made.append(self)

    def ignore_types(self, midi_sysex=True, midi_time=True, midi_sense=True):
        self.ignored = midi_sysex, midi_time, midi_sense

    def open_port(self, port=0):
        self.opened = self.ports[port]

    def open_virtual_port(self, port_name):
        self.virtual = port_name

    def send_raw(self, *data):
        if self.closed:
            raise RuntimeError('MidiOutAlsa::sendMessage: error sending MIDI message to port.')
        self.sent.append(list(data))

    def close_port(self):
        self.closed = True


@pytest.fixture
def rtmidi2(monkeypatch):
    module = types.SimpleNamespace(**{name: type(name, (Port,), {'made': []}) for name in ('MidiIn', 'MidiOut')})
    module.get_in_ports, module.get_out_ports = lambda: ['Pads 20:0', 'Pads 21:0'], lambda: ['Synth 28:0', 'Pads 21:0']
    monkeypatch.setitem(sys.modules, 'rtmidi2', module)
    monkeypatch.delenv('MIDO_BACKEND', raising=False)
    return module


def test_the_stand_in_has_what_rtmidi2_has():
    real = extras.load('rtmidi2', extras.MIDI)
    for kind, names in (
        (real.MidiIn, ('ignore_types', 'open_port', 'open_virtual_port', 'close_port', 'ports', 'callback')),
        (real.MidiOut, ('send_raw', 'open_port', 'open_virtual_port', 'close_port', 'ports')),
    ):
        assert all(hasattr(kind, name) for name in names)
    doc = real.MidiIn.ignore_types.__doc__
    assert 'midi_sysex=True, midi_time=True, midi_sense=True' in doc
    assert list(inspect.signature(Port.ignore_types).parameters)[1:] == ['midi_sysex', 'midi_time', 'midi_sense']


def test_ports_are_listed_once(rtmidi2):
    assert live_ports.names() == (['Pads 20:0', 'Pads 21:0'], ['Pads 21:0', 'Synth 28:0'])


def test_messages_come_and_go(rtmidi2):
    inbox = queue.SimpleQueue()
    ports = live_ports.Ports(['21:0'], ['21:0'], inbox)
    [inward], [outward] = rtmidi2.MidiIn.made, rtmidi2.MidiOut.made
    assert inward.opened == outward.opened == 'Pads 21:0'
    assert inward.ignored == (True, False, True)  # the clock is heard
    inward.callback([0x90, 60, 100], 0.0)
    inward.callback([0x17], 0.0)  # no message
    inward.callback([0xF8], 0.0)
    assert [inbox.get(timeout=1)[0] for _ in range(2)] == [Message('note_on', note=60, velocity=100), Message('clock')]
    ports.send(Message('note_off', note=60, channel=9))
    assert outward.sent == [[0x89, 60, 64]]
    outward.closed = True
    ports.send(Message('clock'))
    assert 'Pads 21:0 has gone (MidiOutAlsa::sendMessage: error' in str(inbox.get(timeout=1))
    ports.close()
    assert inward.closed and inward.callback is None


def test_virtual_ports_are_made_but_not_on_windows(rtmidi2, monkeypatch):
    live_ports.Ports([], [], queue.SimpleQueue()).close()
    for port, name in (rtmidi2.MidiIn.made[0], 'solferino_in'), (rtmidi2.MidiOut.made[0], 'solferino_out'):
        assert port.virtual == port.client == name
    monkeypatch.setattr(sys, 'platform', 'win32')
    with pytest.raises(SolferinoError, match='Windows has no virtual ports'):
        live_ports.Ports([], [], queue.SimpleQueue())


@pytest.mark.skipif(not Path('/dev/snd/seq').exists(), reason='this machine has no ALSA sequencer')
def test_virtual_ports_of_the_machine_carry_messages(monkeypatch):
    monkeypatch.delenv('MIDO_BACKEND', raising=False)
    ours, theirs = queue.SimpleQueue(), queue.SimpleQueue()
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(contextlib.closing(live_ports.Ports([], [], ours)))
        musician = stack.enter_context(
            contextlib.closing(live_ports.Ports(['solferino_out'], ['solferino_in'], theirs))
        )
        musician.send(Message('note_on', note=60))
        session.send(Message('clock'))
        assert ours.get(timeout=30)[0] == Message('note_on', note=60)
        assert theirs.get(timeout=30)[0] == Message('clock')
