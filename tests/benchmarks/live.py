"""How late responses of `solferino_midi` are: a scripted player calls, and the ports are lists in memory.

    .venv/bin/python tests/benchmarks/live.py --bundle_file=drums.mag [--rounds=200] [--qpm=120] [--in_turn]

A round is two bars: the player's, and the response to it. Every second call ends by a control half a quarter before the
bar line, the others by a silence that is over there; the player comes up to 20 ms early or late. A response is due on
that bar line. It is late if its beginning, which is sent as a controller, or one of its notes comes 10 ms after its
time or more, or if it does not come there. The time of each message is taken where a port would send it; beats are
counted from the earliest click.
"""

import argparse
import contextlib
import os
import queue
import random
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import report
from mido import Message

from solferino.hparams.live import LiveSettings
from solferino.pipelines.live import live_loop
from solferino.pipelines.live.live_ports import Inbox
from solferino.pipelines.live.responder import ChildResponder, Request
from solferino.pipelines.live.session import RESPONDING

ROOT = Path(__file__).parent.parent.parent
LATE = 0.010  # seconds
END, STATE = 20, 21  # controllers
BAR = 4  # quarters
CLICKS = 16  # the channel, so that they are told apart
HUMAN = 0.020  # seconds by which the player is off
# Calls in quarters; the second leaves two quarters of silence before the bar line.
BY_CONTROL = ((0.0, 36), (0.5, 42), (1.0, 38), (1.5, 42), (2.0, 36), (2.5, 42), (3.0, 38))
BY_SILENCE = ((0.0, 36), (0.5, 42), (1.0, 38), (1.5, 42))


class Sent(NamedTuple):
    """A message and when it was sent, by time.perf_counter."""

    message: Message
    time: float


class Timed:
    """A responder that keeps how long each response took, asked to answered. See Responder."""

    def __init__(self, responder: ChildResponder) -> None:
        self.names, self._responder, self.seconds = responder.names, responder, list[float]()

    def ask(self, request: Request):
        began, future = time.perf_counter(), self._responder.ask(request)
        future.add_done_callback(lambda done: done.cancelled() or self.seconds.append(time.perf_counter() - began))
        return future


class Player(threading.Thread):
    """Plays the calls, and ends the session after the last response."""

    def __init__(self, rounds: int, qpm: float, sent: list[Sent], inbox: Inbox) -> None:
        super().__init__(daemon=True)
        self._rounds, self._quarter, self._sent, self._inbox = rounds, 60 / qpm, sent, inbox
        self._random = random.Random(1)

    def run(self) -> None:
        while not self._sent:
            time.sleep(0.01)
        begin = self._sent[0].time
        for number in range(self._rounds):
            start = begin + (1 + 2 * number) * BAR * self._quarter
            notes = BY_CONTROL if number % 2 else BY_SILENCE
            events = []
            for quarters, pitch in notes:
                at = start + quarters * self._quarter + self._random.uniform(-HUMAN, HUMAN)
                events += [
                    (at, Message('note_on', note=pitch, channel=9)),
                    (at + 0.05, Message('note_off', note=pitch, channel=9)),
                ]
            if number % 2:
                events.append((start + 3.5 * self._quarter, Message('control_change', control=END, value=127)))
            for at, message in sorted(events, key=lambda event: event[0]):
                time.sleep(max(0.0, at - time.perf_counter()))
                self._inbox.put((message, time.perf_counter()))
        time.sleep(max(0.0, begin + (1 + 2 * self._rounds) * BAR * self._quarter - time.perf_counter()))
        self._inbox.put(KeyboardInterrupt())


def main() -> None:
    """Measures, prints and writes bench/live.json and .md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bundle_file', required=True)
    parser.add_argument('--rounds', type=int, default=200)
    parser.add_argument('--qpm', type=float, default=120.0)
    parser.add_argument('--in_turn', action='store_true', help='as if the system let no program run ahead of others')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for what is written')
    args = parser.parse_args()
    sent: list[Sent] = []
    inbox: Inbox = queue.SimpleQueue()
    settings = LiveSettings(
        qpm=args.qpm,
        end_call_control_number=END,
        state_control_number=STATE,
        metronome_channel=CLICKS,
        passthrough=False,
    )
    loads = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        if not args.in_turn:
            stack.enter_context(live_loop.ahead_of_others())
        child = stack.enter_context(contextlib.closing(ChildResponder([args.bundle_file])))
        responder = Timed(child)
        Player(args.rounds, args.qpm, sent, inbox).start()

        def send(message: Message) -> None:
            sent.append(Sent(message, time.perf_counter()))

        def tell(_: str) -> None:
            loads.append(os.getloadavg()[0])

        live_loop.run(settings, responder, send, inbox, tell)
    result = evaluate(sent, args.rounds, 60 / args.qpm)
    result['seconds to compute a response'] = spread(responder.seconds)
    result['load'] = spread(loads)
    text = table(result, args.rounds)
    report.write(args.work / 'live', result, f'{text}\n\n{report.machine()}')
    print(text, report.machine(), sep='\n\n')


def evaluate(sent: Sequence[Sent], rounds: int, quarter: float) -> dict:
    """How late everything was, in seconds, and which rounds were late.

    Args:
      sent: all that was sent; the first message is the first click.
      rounds: how many were played.
      quarter: its seconds.
    """
    clicks = [one.time for one in sent if one.message.type == 'note_on' and one.message.channel == CLICKS - 1]
    begin = min(at - number * quarter for number, at in enumerate(clicks))
    begins, notes, late = [], [], set(range(rounds))
    found: dict[int, list[float]] = {}
    for message, at in sent:
        quarters = (at - begin) / quarter
        if message.type == 'control_change' and message.control == STATE and message.value == RESPONDING:
            number = round((quarters / BAR - 2) / 2)
            off = at - begin - (2 + 2 * number) * BAR * quarter
            begins.append(off)
            found.setdefault(number, []).append(off)
        elif message.type == 'note_on' and message.channel != CLICKS - 1:
            off = at - begin - round(quarters * 4) / 4 * quarter  # of a grid of sixteenths
            notes.append(off)
            found.setdefault(int((quarters / BAR - 2 + 0.01) // 2), []).append(off)
    late = {k for k in range(rounds) if k not in found or max(map(abs, found[k])) >= LATE}
    return {
        'responses begin late by, s': spread(begins),
        'their notes, s': spread(notes),
        'clicks, s': spread([at - begin - number * quarter for number, at in enumerate(clicks)]),
        'responses': len(begins),
        'late': sorted(late),
    }


def spread(numbers: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and greatest."""
    ordered = sorted(numbers)
    return {
        'number': len(ordered),
        'median': statistics.median(ordered),
        '99 %': ordered[int(0.99 * (len(ordered) - 1))],
        'greatest': ordered[-1],
    }


def table(result: dict, rounds: int) -> str:
    """The result for people."""
    rows = ['| | number | median | 99 % | greatest |', '| --- | --- | --- | --- | --- |']
    for name, value in result.items():
        if isinstance(value, dict):
            unit = 1000 if name != 'load' else 1
            cells = ' | '.join(f'{unit * value[k]:.1f}' for k in ('median', '99 %', 'greatest'))
            rows.append(f'| {name.replace(", s", ", ms").replace("seconds", "ms")} | {value["number"]} | {cells} |')
    rows.append('')
    rows.append(f'{len(result["late"])} of {rounds} rounds late; {result["responses"]} responses.')
    return '\n'.join(rows)


if __name__ == '__main__':
    main()
