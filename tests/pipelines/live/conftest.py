"""A stage with a clock that tests turn by hand, and MIDI ports that are lists."""

import sys
import types
from collections.abc import Iterable
from concurrent.futures import Future

import pytest
from mido import Message
from mido.ports import BaseInput, BaseOutput

from solferino.hparams.live import LiveSettings
from solferino.pipelines.live.beat_clock import BeatClock, TempoClock
from solferino.pipelines.live.calls import LiveNote, Phrase
from solferino.pipelines.live.responder import Request
from solferino.pipelines.live.session import Session


class Answers:
    """Responds with one note on each quarter: of pitch 70, or 71 of the second model. See Responder."""

    names = ('one', 'two')

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.futures: list[Future[Phrase]] = []
        self.at_once = True

    def ask(self, request: Request) -> Future[Phrase]:
        self.requests.append(request)
        self.futures.append(Future())
        if self.at_once:
            self.answer()
        return self.futures[-1]

    def answer(self, error: Exception | None = None, notes: Iterable[LiveNote] | None = None) -> None:
        """Answers the last request."""
        request = self.requests[-1]
        if error:
            self.futures[-1].set_exception(error)
            return
        if notes is None:
            notes = (LiveNote(70 + request.model, 90, k, k + 0.5) for k in range(int(request.quarters)))
        self.futures[-1].set_result(Phrase(tuple(notes), request.quarters))

    def answer_all(self) -> None:
        """Answers all that was asked and is still wanted."""
        for number, future in enumerate(self.futures):
            if not future.done():
                future.set_result(Phrase((LiveNote(70, 90, 0.0, 1.0),), self.requests[number].quarters))


class Stage:
    """A session at 60 quarters a minute, so that seconds are quarters; without a click, if not asked for.

    Attributes:
      sent: what was sent, and when.
      told: what was said.
    """

    def __init__(self, clock: BeatClock | None = None, **settings) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, Message]] = []
        self.told: list[str] = []
        self.answers = Answers()
        self.clock = clock or TempoClock(60.0, 0.0)
        chosen = {'qpm': 60.0, 'enable_metronome': False, 'passthrough': False} | settings
        self.session = Session(
            LiveSettings(**chosen),
            self.clock,
            self.answers,
            lambda m: self.sent.append((self.now, m)),
            self.told.append,
        )

    def until(self, seconds: float) -> None:
        """Lets time pass, as the loop does: it is there when something is due."""
        while (due := self.session.next_time()) <= seconds:
            self.now = max(due, self.now)
            self.session.advance(self.now)
        self.now = seconds
        self.session.advance(seconds)

    def receive(self, seconds: float, message: Message) -> None:
        self.until(seconds)
        self.session.receive(message, seconds)

    def play(self, *notes: tuple[float, float, int], channel: int = 0) -> None:
        """Notes as (start, end, pitch), in any order."""
        events = [(start, Message('note_on', note=pitch, channel=channel)) for start, _, pitch in notes]
        events += [(end, Message('note_off', note=pitch, channel=channel)) for _, end, pitch in notes]
        for seconds, message in sorted(events, key=lambda event: (event[0], event[1].type)):
            self.receive(seconds, message)

    def press(self, seconds: float, control: int, value: int = 127) -> None:
        self.receive(seconds, Message('control_change', control=control, value=value))

    def heard(self) -> list[tuple[float, int]]:
        """The notes that were sent, as (time, pitch)."""
        return [(round(at, 6), m.note) for at, m in self.sent if m.type == 'note_on' and m.velocity]

    def hanging(self) -> set[tuple[int, int]]:
        """The notes that were not ended, as (channel, pitch)."""
        down = set()
        for _, message in self.sent:
            if message.type == 'note_on' and message.velocity:
                down.add((message.channel, message.note))
            elif message.type in ('note_on', 'note_off'):  # of velocity 0
                down.discard((message.channel, message.note))
        return down


@pytest.fixture(scope='session')  # a class, which examples of hypothesis may share
def stage() -> type[Stage]:
    return Stage


@pytest.fixture
def answers() -> Answers:
    return Answers()


class Cables:
    """MIDI ports in memory, and a backend of mido for them.

    Attributes:
      names: of the ports of the machine, both ways.
      inputs, outputs: those that were opened; what an output is sent is in its `sent`.
    """

    def __init__(self) -> None:
        self.names = ['Pads 20:0', 'Keys 24:0', 'Synth 28:0']
        self.inputs: list[BaseInput] = []
        self.outputs: list[BaseOutput] = []
        cables = self

        class Input(BaseInput):
            def _open(self, callback, virtual: bool = False, **_) -> None:
                self.callback, self.virtual = callback, virtual
                cables.inputs.append(self)

        class Output(BaseOutput):
            def _open(self, virtual: bool = False, **_) -> None:
                self.sent, self.virtual = [], virtual
                cables.outputs.append(self)

            def _send(self, message: Message) -> None:
                if not self.virtual and self.name not in cables.names:
                    raise OSError('No such device.')
                self.sent.append(message)

        self.module = types.ModuleType('cables')
        self.module.Input, self.module.Output = Input, Output
        self.module.get_devices = lambda **_: [{'name': n, 'is_input': True, 'is_output': True} for n in self.names]


@pytest.fixture
def cables(monkeypatch: pytest.MonkeyPatch) -> Cables:
    made = Cables()
    monkeypatch.setitem(sys.modules, 'cables', made.module)
    monkeypatch.setenv('MIDO_BACKEND', 'cables')
    return made
