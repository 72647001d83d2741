"""The course of call and response: what is done with each message, and what is due when.

It has no thread and looks at no clock: `receive` and `advance` are told the time, so that tests play an hour in a
second. Positions are quarters since the beginning, lengths bars.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from typing import NamedTuple

from mido import Message

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.hparams.live import COLDEST, HOTTEST, TEMPO_OF_CONTROL, LiveSettings
from solferino.pipelines.live.beat_clock import PULSES, BeatClock, MidiClock, TempoClock
from solferino.pipelines.live.calls import DRUM_CHANNEL, Call, Phrase
from solferino.pipelines.live.responder import Request, Responder
from solferino.pipelines.live.sounding import Sounding

IDLE, LISTENING, RESPONDING = range(3)  # Magenta's, as they are sent
_WORDS = ('idle', 'listening', 'responding')

_ALMOST = 1e-6  # quarters; rounding errors
_ENDLESS_BARS = 4  # of a part of a response that goes on, at most
_CLICK = {True: (76, 110), False: (77, 80)}  # on a bar line or not: high and low wood block of General MIDI, velocity
_CLICK_LENGTH = 0.1  # quarters
_REALTIME = ('clock', 'start', 'continue', 'stop', 'songpos')
_ON = 64  # values of a switch from which it is on (MIDI 1.0, controllers 64 to 69)
_PRESSED = 127


class _Playing(NamedTuple):
    """A response that sounds: where it began, and its music."""

    start: float
    phrase: Phrase

    @property
    def end(self) -> float:
        return self.start + self.phrase.quarters


class Session:
    """Call and response.

    Args:
      settings: those that controllers change are taken as the first values.
      clock: what time it is in the music.
      responder: computes responses.
      send: sends a message to the output ports.
      tell: says something to the musician.

    Attributes:
      state: IDLE, LISTENING or RESPONDING.
      late: how many responses were not ready when they were due, and came a bar later.
    """

    def __init__(
        self,
        settings: LiveSettings,
        clock: BeatClock,
        responder: Responder,
        send: Callable[[Message], None],
        tell: Callable[[str], None],
    ) -> None:
        self.state, self.late = IDLE, 0
        self._settings, self._clock, self._responder, self._tell = settings, clock, responder, tell
        self._send = send
        self._bar = settings.beats_per_bar
        self._controls = settings.controls
        self._min_listen, self._max_listen = settings.min_listen_ticks, settings.max_listen_ticks
        self._limited_at = 0.0  # where the latter was set
        self._response_bars, self._temperature = settings.response_ticks, settings.temperature
        self._model, self._looping = 0, False
        self._seeds = itertools.count(settings.seed)
        # Each kind of note closes its own.
        self._player, self._response, self._metronome = Sounding(send), Sounding(send), Sounding(send)
        self._queue: list[tuple[float, int, int, Sounding, Message]] = []  # a heap; at one moment ends come first
        self._order = itertools.count()
        self._call: Call | None = None
        self._playing: _Playing | None = None
        self._last: Phrase | None = None  # the last response
        self._asked: Future[Phrase] | None = None
        self._asked_of = Phrase((), 0.0)
        self._length = 0.0  # of what was asked for
        self._due: float | None = None  # where the response begins that was asked for
        self._planned = True  # and whether it is the moment that was first planned
        self._click = self._pulse = 0  # the next of each
        if settings.clock_out and isinstance(clock, TempoClock):
            send(Message('start'))

    # What time brings.

    def advance(self, now: float) -> None:
        """Does all that is due until a time in seconds, in its order."""
        if isinstance(self._clock, MidiClock) and self._clock.expire(now):
            self._stop('The MIDI clock does not come any more: waiting for it.')
        if not self._clock.running:
            return
        here = self._clock.quarters(now) + _ALMOST
        while True:
            at, do = min(self._events(), key=lambda event: event[0])
            if at > here:
                break
            do(at)

    def next_time(self) -> float:
        """When `advance` has something to do again, in seconds; inf if nothing is due."""
        if not self._clock.running:
            return math.inf
        return self._clock.time(min(self._events(), key=lambda event: event[0])[0])

    def close(self) -> None:
        """Ends everything that sounds, and the clock that is sent."""
        self._end_response()
        for sounding in self._player, self._metronome:
            sounding.close()
        if self._settings.clock_out:
            self._send(Message('stop'))

    def _events(self) -> Iterator[tuple[float, Callable[[float], None]]]:
        """What is due next of each kind; of those at one moment the first comes first."""
        yield math.inf, lambda at: None
        if self._settings.clock_out:
            yield self._pulse / PULSES, self._send_pulse
        if self._queue:
            yield self._queue[0][0], self._send_next
        if self._playing:
            yield self._playing.end, self._finish
        if self._due is not None:
            yield self._due, self._begin_response
        elif self._call:
            yield from self._ends_of_call(self._call)
        if self._settings.enable_metronome:
            yield self._click, self._send_click

    def _ends_of_call(self, call: Call) -> Iterator[tuple[float, Callable[[float], None]]]:
        yield self._greatest_end(call), self._end_call
        silence = self._settings.silence_beats
        if silence and call.silent_since is not None:
            if self._asked is None:  # computed ahead, and thrown away if the call goes on
                yield call.silent_since + silence / 2, lambda at: self._ask_about_call(call, at)
            yield call.silent_since + silence, self._end_call

    def _greatest_end(self, call: Call) -> float:
        """Where the call is over, whatever is played."""
        if not self._max_listen:
            return math.inf
        return max(call.start + self._max_listen * self._bar, self._limited_at)

    def _send_pulse(self, at: float) -> None:
        self._send(Message('clock'))
        self._pulse += 1

    def _send_next(self, at: float) -> None:
        *_, sounding, message = heapq.heappop(self._queue)
        sounding.send(message)

    def _send_click(self, at: float) -> None:
        pitch, velocity = _CLICK[self._click % self._bar == 0]
        channel = self._settings.metronome_channel - 1
        self._metronome.send(Message('note_on', channel=channel, note=pitch, velocity=velocity))
        self._schedule(at + _CLICK_LENGTH, self._metronome, Message('note_off', channel=channel, note=pitch))
        self._click += 1

    def _schedule(self, at: float, sounding: Sounding, message: Message) -> None:
        ends_first = int(message.type == 'note_on')
        heapq.heappush(self._queue, (at, ends_first, next(self._order), sounding, message))

    # What the musician does.

    def receive(self, message: Message, now: float) -> None:
        """Takes a message that came at a time in seconds."""
        self.advance(now)
        if message.type in _REALTIME:
            self._follow(message, now)
        elif message.type == 'control_change' and message.control in self._controls:
            self._control(self._controls[message.control], message.value, now)
        elif message.type in ('note_on', 'note_off'):
            if self._settings.passthrough:
                self._player.send(message)
            if self._clock.running:
                self._take_note(message, self._clock.quarters(now))
        elif self._settings.passthrough and hasattr(message, 'channel'):
            self._send(message)

    def _take_note(self, message: Message, at: float) -> None:
        if message.type == 'note_off' or message.velocity == 0:
            if self._call:
                self._call.release(message.channel, message.note, at)
            return
        if self._playing and not self._settings.allow_overlap:
            self._end_response()
        if self._call is None:
            self._call = Call(at, self._bar)
            self._set_state()
        elif self._due is not None and at > self._greatest_end(self._call) - _ALMOST:
            return  # it is over, and its response is due
        self._call.press(message.channel, message.note, message.velocity, at)
        self._forget()  # what was asked for: the call goes on

    def _follow(self, message: Message, now: float) -> None:
        """Takes a message of the clock that is followed."""
        if not isinstance(self._clock, MidiClock):
            return
        was_running = self._clock.running
        self._clock.receive(message.type, now, getattr(message, 'pos', 0))
        if message.type in ('start', 'continue', 'stop'):
            self._stop('')
            if self._settings.clock_out:
                self._send(message)
        if self._clock.running and not was_running:
            here = self._clock.quarters(now) - _ALMOST
            self._pulse, self._click = math.ceil(here * PULSES), math.ceil(here)
        self.advance(now)

    def _stop(self, told: str) -> None:
        """The time stops, or jumps: nothing goes on."""
        if told:
            self._tell(told)
        self._call, self._limited_at = None, 0.0
        self._end_response()
        self._queue.clear()
        self._metronome.close()

    def _control(self, name: str, value: int, now: float) -> None:
        if name == 'tempo':
            if isinstance(self._clock, TempoClock):
                self._clock.change(TEMPO_OF_CONTROL + value, now)
        elif name == 'temperature':
            self._temperature = COLDEST + value / 127 * (HOTTEST - COLDEST)
        elif name == 'min_listen_ticks':
            self._min_listen = value
        elif name == 'max_listen_ticks':
            self._max_listen = value
            self._limited_at = self._clock.quarters(now)  # a call that is longer already ends here
        elif name == 'response_ticks':
            self._response_bars = value
        elif name == 'loop':
            self._looping = value >= _ON
        elif name == 'generator_select':
            self._choose(value * len(self._responder.names) // 128)
        elif value == _PRESSED:
            if name == 'panic':
                self._panic()
            elif self._clock.running:
                {'end_call': self._end_by_control, 'mutate': self._mutate}[name](self._clock.quarters(now))

    def _choose(self, model: int) -> None:
        if model == self._model:
            return
        self._model = model
        self._tell(f'Model: {self._responder.names[model]}')
        if self._asked:  # it was asked for of another
            self._ask(self._asked_of, self._length)

    def _panic(self) -> None:
        self._stop('Everything is ended.')
        self._player.close()
        for channel in range(16):
            self._send(Message('control_change', channel=channel, control=123, value=0))  # all notes off

    def _end_by_control(self, at: float) -> None:
        if self._call and self._due is None:
            self._end_call(at)
        elif self._playing:
            self._end_response()
        elif not self._call:
            self._tell('Nothing was played: there is nothing to respond to.')

    def _mutate(self, at: float) -> None:
        if self._last is None or not self._last.notes:
            self._tell('There is no response yet to respond to.')
            return
        self._call = None
        self._ask(self._last, self._last.quarters)
        self._plan(at)

    # The response.

    def _ask(self, call: Phrase, quarters: float) -> None:
        if self._asked:
            self._asked.cancel()
        self._asked_of, self._length = call, quarters
        self._asked = self._responder.ask(
            Request(
                self._model, call, quarters, self._bar, self._clock.qpm, self._temperature, next(self._seeds)
            )
        )  # fmt: skip

    def _ask_about_call(self, call: Call, at: float) -> None:
        phrase = call.phrase(at)
        bars = self._response_bars
        if bars == 0:
            quarters = float(min(phrase.quarters, _ENDLESS_BARS * self._bar))
        else:
            quarters = phrase.quarters if bars is None else float(bars * self._bar)
        self._ask(phrase, quarters)

    def _end_call(self, at: float) -> None:
        call = self._call
        assert call is not None
        if self._asked is None or call.silent_since is None:
            self._ask_about_call(call, at)
        bars = round(self._asked_of.quarters / self._bar)
        if bars < self._min_listen:
            self._tell(f'The call was {words.counted(bars, "bars")} long, too short for a response.')
            self._forget()
            self._call = None
            self._set_state()
        else:
            self._plan(at)

    def _plan(self, at: float) -> None:
        """The response that was asked for is due at the next bar line, once the one that plays is over."""
        self._due = self._bar_line(max(at, self._playing.end if self._playing else 0.0))
        self._planned = True

    def _bar_line(self, at: float) -> float:
        """The first one that is not before."""
        return float(math.ceil((at - _ALMOST) / self._bar) * self._bar)

    def _begin_response(self, at: float) -> None:
        assert self._asked is not None
        if not self._asked.done():
            if self._planned:
                self.late += 1
                self._tell('The response is not ready: it comes a bar later.')
            self._due, self._planned = at + self._bar, False
            return
        asked, self._asked, self._due, self._call = self._asked, None, None, None
        try:
            phrase = asked.result()
        except BrokenExecutor:
            raise SolferinoError(
                'The process that computes responses was ended, perhaps for want of memory. Begin again, or take a '
                'smaller model.'
            ) from None
        except SolferinoError as error:
            self._tell(f'No response: {error}')
            self._set_state()
            return
        if not phrase.notes:
            self._tell('The model responds with silence.')
        self._last = phrase
        self._play(phrase, at)
        if self._response_bars == 0:
            self._ask(self._asked_of.then(phrase, self._bar), phrase.quarters)
            self._due, self._planned = at + phrase.quarters, True

    def _play(self, phrase: Phrase, at: float) -> None:
        self._playing = _Playing(at, phrase)
        for note in phrase.notes:
            channel = self._channel(note.is_drum, note.voice)
            on = Message('note_on', channel=channel, note=note.pitch, velocity=note.velocity)
            self._schedule(at + note.start, self._response, on)
            self._schedule(at + note.end, self._response, Message('note_off', channel=channel, note=note.pitch))
        self._set_state()

    def _channel(self, is_drum: bool, voice: int) -> int:
        if self._settings.playback_channel is not None:
            return self._settings.playback_channel - 1
        if is_drum:
            return DRUM_CHANNEL
        return [k for k in range(16) if k != DRUM_CHANNEL][voice % 15]

    def _finish(self, at: float) -> None:
        """The response is over; it is repeated, or goes on in a part that is due now, or that was it."""
        assert self._playing is not None
        phrase = self._playing.phrase
        self._response.close()
        self._playing = None
        if self._looping and self._due is None and self._call is None:
            self._play(phrase, at)
        elif self._due is None or self._due > at + _ALMOST:
            self._set_state()

    def _end_response(self) -> None:
        """Ends one that sounds, and what would follow it."""
        self._queue = [entry for entry in self._queue if entry[3] is not self._response]
        heapq.heapify(self._queue)
        self._response.close()
        self._playing = None
        self._forget()
        self._set_state()

    def _forget(self) -> None:
        """A response that was asked for is not wanted any more."""
        if self._asked:
            self._asked.cancel()
        self._asked = self._due = None

    def _set_state(self) -> None:
        state = RESPONDING if self._playing else LISTENING if self._call else IDLE
        if state == self.state:
            return
        self.state = state
        self._tell(_WORDS[state])
        number = self._settings.state_control_number
        if number is not None:
            self._send(Message('control_change', control=number, value=state))
