"""Call and response from the ports' messages to the ports' messages, with a model in its process."""

import queue
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from mido import Message

from solferino.hparams.drums_rnn import SPEC
from solferino.hparams.errors import SolferinoError
from solferino.hparams.live import LiveSettings
from solferino.models import registry
from solferino.models.core import settings as model_settings
from solferino.models.core.runs import bundles
from solferino.pipelines.live import live_loop, live_ports


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """A model of drums that has learned nothing: all that it may play is as likely."""
    config = SPEC.config('one_drum')
    weights = {k: np.zeros(v, np.float32) for k, v in registry.get(SPEC.name).weight_shapes(config).items()}
    record = model_settings.record_of(SPEC, config)
    bundles.write(tmp_path / 'hits.mag', bundles.Bundle(record, weights, 'one_drum', ''))
    return str(tmp_path / 'hits.mag')


def test_a_model_responds_over_the_ports_until_it_is_interrupted(cables, bundle, capsys, monkeypatch):
    """At the fastest tempo; how late anything is says something of the machine, and is not asked."""
    monkeypatch.setattr(live_ports, '_LOOK', 0.05)

    def musician() -> None:
        while 'play.' not in (told := capsys.readouterr().out):
            heard.append(told)
            time.sleep(0.05)
        pads = cables.inputs[0].callback
        for _ in range(4):
            for message in Message('note_on', note=36, channel=9), Message('note_off', note=36, channel=9):
                time.sleep(0.1)
                pads(message)
        while not any(m.type == 'control_change' and m.value == 2 for m in cables.outputs[0].sent):
            time.sleep(0.05)
        time.sleep(0.3)
        cables.names.remove('Pads 20:0')

    heard = []
    thread = threading.Thread(target=musician, daemon=True)
    thread.start()
    settings = LiveSettings(qpm=400.0, response_ticks=0, state_control_number=3, clock_out=True)
    with pytest.raises(SolferinoError, match=r'The port Pads 20:0 has gone\. Connect it'):
        live_loop.play(settings, [bundle], ['pads'], ['Synth 28:0'])
    thread.join()
    sent = cables.outputs[0].sent
    assert sent[0].type == 'start' and sent[-1].type == 'stop'
    down = set()
    for message in sent:
        if message.type == 'note_on':
            down.add(message.note)
        elif message.type == 'note_off':
            down.discard(message.note)
    assert not down
    assert sum(message.type == 'note_on' and message.channel == 9 for message in sent) > 4
    assert cables.inputs[0].closed and cables.outputs[0].closed


class Turns:
    """A session that notes what it is told, at times that a test chooses."""

    def __init__(self, due):
        self.due, self.log = due, []

    def advance(self, now):
        self.log.append(('advance', now))
        self.due = [at for at in self.due if at > now]

    def next_time(self):
        return min(self.due, default=float('inf'))

    def receive(self, message, now):
        self.log.append((message, now))


def test_a_turn_waits_for_what_is_due_and_hands_over_what_comes():
    now = [0.0]

    class Inbox:
        def __init__(self):
            self.waited, self.come = [], [('a', 0.5), ('b', 1.6)]

        def get(self, timeout):
            """Time passes, until something comes or the time is over."""
            self.waited.append(timeout)
            if self.come and self.come[0][1] <= now[0] + timeout:
                message, now[0] = self.come.pop(0)
                return message, now[0]
            now[0] += timeout
            if now[0] > 2.5:
                return SolferinoError('done')
            raise queue.Empty

    session, inbox = Turns([0.05, 1.5, 2.0]), Inbox()
    with pytest.raises(SolferinoError, match='done'):
        live_loop.turn(session, inbox, lambda: now[0])
    assert [entry for entry in session.log if entry[0] != 'advance'] == [('a', 0.5), ('b', 1.6)]
    advanced = [at for what, at in session.log if what == 'advance']
    assert {0.05, 1.5, 2.0} <= {round(at, 6) for at in advanced}
    assert max(inbox.waited) <= 0.2


@pytest.mark.parametrize('when', ['while it plays', 'at the end'])
def test_what_one_port_that_has_gone_cannot_be_told_the_others_are(cables, answers, when):
    inbox = queue.SimpleQueue()
    ports = live_ports.Ports([], ['Synth', 'Keys'], inbox)
    for pitch in 60, 62:
        inbox.put((Message('note_on', note=pitch), time.perf_counter()))
    if when == 'at the end':
        inbox.put(KeyboardInterrupt())

    def lose(message):
        if (message.type, message.note) == (('note_off', 60) if when == 'at the end' else ('note_on', 62)):
            cables.names.remove('Synth 28:0')
        ports.send(message)

    expected = KeyboardInterrupt if when == 'at the end' else SolferinoError
    with pytest.raises(expected, match=None if when == 'at the end' else 'The port Synth 28:0 has gone'):
        live_loop.run(LiveSettings(enable_metronome=False), answers, lose, inbox, print)
    ports.close()
    keys = next(port for port in cables.outputs if port.name == 'Keys 24:0')
    assert [(m.type, m.note) for m in keys.sent] == [
        ('note_on', 60), ('note_on', 62), ('note_off', 60), ('note_off', 62)
    ]  # fmt: skip
