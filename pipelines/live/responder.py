"""Responses, computed in a process of its own: playing in time must wait neither for a matmul nor for Python's lock."""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import AUTO
from solferino.pipelines.live.calls import LiveNote, Phrase

if TYPE_CHECKING:
    from solferino.models.loading import Model

_NEAR = 0.01  # quarters; rounding errors of times in seconds
_HURRY = -10  # of a process whose music is due, as nice has it, where the system allows it
# What any model takes one or the other of.
_TRIED = Phrase((LiveNote(60, 80, 0.0, 1.0), LiveNote(36, 80, 0.0, 1.0, is_drum=True)), 4.0)
_STARTED: list['Model'] = []  # the models of the child


class Request(NamedTuple):
    """What is asked for.

    Attributes:
      model: number of one of the bundles.
      call: what the response goes on from.
      quarters: how long it is.
      bar: quarters in a bar.
      qpm: quarters a minute.
      temperature: None for what training found.
      seed: the same gives the same response.
    """

    model: int
    call: Phrase
    quarters: float
    bar: int
    qpm: float
    temperature: float | None
    seed: int


class Responder(Protocol):
    """What computes responses.

    Attributes:
      names: of the models.
    """

    names: Sequence[str]

    def ask(self, request: Request) -> 'Future[Phrase]':
        """Begins to compute one. The future raises SolferinoError if the model cannot respond to the call."""


class ChildResponder:
    """Computes responses in a child process, which ends with this one. See Responder.

    Raises SolferinoError for a bundle that cannot be read or goes on from no primer.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context('spawn'), _begin)
        # The child is told by this process to end, and not by Ctrl-C as well, while Python starts in it neither.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            loading = self._pool.submit(_load, list(paths))
        finally:
            signal.signal(signal.SIGINT, before)
        try:
            self.names: Sequence[str] = loading.result()
        except BaseException:
            self.close()
            raise

    def ask(self, request: Request) -> 'Future[Phrase]':
        """See Responder. If the child was killed, the future raises BrokenExecutor."""
        try:
            return self._pool.submit(respond, request)
        except BrokenExecutor as error:
            broken: Future[Phrase] = Future()
            broken.set_exception(error)
            return broken

    def close(self) -> None:
        """Ends the process, whatever it computes."""
        for process in list((self._pool._processes or {}).values()):
            process.terminate()
        self._pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """The first thing that the child does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(AttributeError, OSError):  # systems that have no such thing
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # not ahead of others, as the process that plays
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_HURRY)
    logging.disable(logging.WARNING)  # which notes are not used is the same line for each call
    parent = multiprocessing.parent_process()

    def follow() -> None:
        """A process that was killed ends no children."""
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _load(paths: Sequence[str]) -> list[str]:
    """Loads the models, and returns what to call them."""
    from solferino.models import loading

    _STARTED[:] = [loading.load(path) for path in paths]
    for number, model in enumerate(_STARTED):
        _require_primer(model)
        respond(Request(number, _TRIED, 4.0, 4, 120.0, None, 0))  # compiles what the first call would else wait for
    return [f'{model.name} ({model.config.name})' for model in _STARTED]


def _require_primer(model: 'Model') -> None:
    """Raises SolferinoError for a model whose outputs do not begin with music that is given."""
    refusal = SolferinoError(
        f'--bundle_files: {model.source} is a model of {model.config.name}, which does not go on from music that it is '
        'given, so that it cannot respond. Take one of drums_rnn, melody_rnn or piano_rnn, for example.'
    )
    primer = music_for(model, _TRIED, 4, 120.0)
    try:
        steps = model.family.primer_steps(primer, model.config, model.options(primer, seconds=8.0))
    except SolferinoError:
        raise refusal from None
    if not steps:
        raise refusal


def respond(request: Request) -> Phrase:
    """In the child: computes a response."""
    return continuation(_STARTED[request.model], request)


def continuation(model: 'Model', request: Request) -> Phrase:
    """Returns the music that a model adds to a call in whole bars.

    What it would play until the bar line at which the response begins is not heard.
    """
    primer = music_for(model, request.call, request.bar, request.qpm)
    end = request.call.quarters
    options = model.options(
        primer,
        seconds=(end + request.quarters) * 60 / request.qpm,
        temperature=AUTO if request.temperature is None else request.temperature,
        seed=request.seed,
    )
    [made] = model.generate_with(options, primer, 1)
    voices = {key: number for number, key in enumerate(dict.fromkeys(map(_voice, made.notes)))}
    notes = []
    for note in made.notes:
        start, stop = (seconds * request.qpm / 60 - end for seconds in (note.start_time, note.end_time))
        if -_NEAR <= start < request.quarters - _NEAR:
            stop = min(stop, request.quarters)
            notes.append(LiveNote(note.pitch, note.velocity, max(0.0, start), stop, note.is_drum, voices[_voice(note)]))
    return Phrase(tuple(sorted(notes, key=lambda note: note.start)), request.quarters)


def _voice(note: Any) -> tuple[bool, int]:
    return note.is_drum, note.instrument


def music_for(model: 'Model', call: Phrase, bar: int, qpm: float) -> Any:
    """Returns a call as a NoteSequence for a model: channel 10 is drums, unless the model takes none of it."""
    from note_seq.protobuf import music_pb2

    for drums in True, False:
        sequence = music_pb2.NoteSequence(ticks_per_quarter=220, total_time=call.quarters * 60 / qpm)
        sequence.tempos.add(qpm=qpm)
        sequence.time_signatures.add(numerator=bar, denominator=4)
        for note in call.notes:
            start, end = (at * 60 / qpm for at in (note.start, note.end))
            is_drum = note.is_drum and drums
            sequence.notes.add(
                pitch=note.pitch, velocity=note.velocity, start_time=start, end_time=end, is_drum=is_drum,
                instrument=9 if is_drum else 0,
            )  # fmt: skip
        if len(model.family.settled(sequence, model.config).notes):
            break
    return sequence
