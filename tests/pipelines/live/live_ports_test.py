import queue
import sys

import pytest
from mido import Message

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.live import live_ports


def test_ports_are_found_by_a_part_of_their_names(cables):
    inbox = queue.SimpleQueue()
    ports = live_ports.Ports(['pads', 'Keys 24:0'], ['synth'], inbox)
    assert [port.name for port in ports.inputs] == ['Pads 20:0', 'Keys 24:0']
    message = Message('note_on', note=60)
    cables.inputs[1].callback(message)
    assert inbox.get(timeout=1)[0] == message
    ports.send(message)
    assert cables.outputs[0].sent == [message]
    ports.close()
    assert all(port.closed for port in cables.inputs + cables.outputs)


def test_without_names_they_are_our_own(cables):
    ports = live_ports.Ports([], [], queue.SimpleQueue())
    assert [(port.name, port.virtual) for port in ports.inputs + ports.outputs] == [
        ('solferino_in', True), ('solferino_out', True)
    ]  # fmt: skip
    ports.close()


@pytest.mark.parametrize(
    'inputs, message',
    [
        (['Organ'], r'--input_ports=Organ is none of the ports. There are: Pads 20:0, Keys 24:0, Synth 28:0\.'),
        (['s 2'], r'--input_ports=s 2 is a part of several names. There are: Pads 20:0, Keys 24:0\.'),
        (['pads', 'Pads 20:0'], r'--input_ports=pads,Pads 20:0 names one port twice'),
    ],
)
def test_a_name_that_means_no_port_is_refused_with_those_there_are(cables, inputs, message):
    with pytest.raises(SolferinoError, match=message):
        live_ports.Ports(inputs, [], queue.SimpleQueue())
    assert not cables.outputs


def test_of_no_ports_there_are_none(cables):
    cables.names.clear()
    assert live_ports.listing() == '--input_ports:\n  none\n--output_ports:\n  none'
    with pytest.raises(SolferinoError, match=r'There are: none\.'):
        live_ports.Ports(['a'], [], queue.SimpleQueue())


def test_a_port_that_cannot_be_opened_is_named_and_the_others_are_closed(cables, monkeypatch):
    def refuse(self, **options):
        raise OSError('Device or resource busy.')

    monkeypatch.setattr(cables.module.Output, '_open', refuse)
    with pytest.raises(SolferinoError, match=r'--output_ports=Synth 28:0 cannot be opened \(Device or resource busy\)'):
        live_ports.Ports(['pads'], ['synth'], queue.SimpleQueue())
    assert cables.inputs[0].closed
    with pytest.raises(SolferinoError, match=r'The virtual port solferino_out cannot be opened'):
        live_ports.Ports(['pads'], [], queue.SimpleQueue())


def test_an_input_that_goes_is_noticed(cables, monkeypatch):
    monkeypatch.setattr(live_ports, '_LOOK', 0.01)
    inbox = queue.SimpleQueue()
    ports = live_ports.Ports(['pads'], [], inbox)
    cables.names.remove('Pads 20:0')
    assert str(inbox.get(timeout=30)) == 'The port Pads 20:0 has gone. Connect it, and begin again.'
    ports.close()


def test_a_machine_without_midi_is_told_what_to_do(cables, monkeypatch):
    def refuse(**_):
        raise OSError('error creating ALSA sequencer client object.')

    monkeypatch.setattr(cables.module, 'get_devices', refuse)
    with pytest.raises(SolferinoError, match=r'no MIDI ports that can be used \(error creating .* object\)'):
        live_ports.names()


def test_a_backend_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setenv('MIDO_BACKEND', 'no_such_backend')
    with pytest.raises(SolferinoError, match='MIDO_BACKEND=no_such_backend cannot be imported'):
        live_ports.names()


def test_without_the_extra_it_is_said_how_to_have_it(monkeypatch):
    monkeypatch.delenv('MIDO_BACKEND', raising=False)
    monkeypatch.setitem(sys.modules, 'rtmidi2', None)
    with pytest.raises(SolferinoError, match=r"Live MIDI needs .* rtmidi2, .* pip install 'solferino\[midi\]'"):
        live_ports.names()
