"""The process that reads music files for `parsing.Parser`.

It forks, and the fork reads file after file under the limits. If a file ends the fork, the first process reports this
and forks again, which takes milliseconds. Nothing here may start a thread.

All files are read by our own readers, hundreds of them in the time of note-seq's import. With --magenta_reading
note-seq reads scores, tunes, and MIDI files in doubt; it is loaded for the first of them.
"""

import collections
import contextlib
import importlib
import math
import os
import resource
import signal
import stat
import sys
import types
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from solferino.models.music.reading import midi_events, midi_notes, midi_walk, note_sequence_bytes
from solferino.models.music.reading.remarks import Refused
from solferino.pipelines import parsing
from solferino.pipelines.parsing import Converted, LeftOut, Limits, Request


def main() -> None:
    """Forks readers until one ends by itself, because the parent has gone, or is killed from outside.

    A reader that is killed from outside may have been using the pipe, which cannot be used any more.
    """
    connection = Connection(int(sys.argv[1]))
    magenta_reading = sys.argv[2] == 'magenta'  # written by Parser._start, as are the limits
    limits = Limits(*map(float, sys.argv[3:]))
    while True:
        reader = os.fork()
        if not reader:
            _serve(connection, limits, magenta_reading)
        code = os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1])
        if code in (0, -signal.SIGKILL):
            break
        _note_seq(None)  # the file may have needed it: loaded here, all further forks have it
        connection.send(parsing.Died(code))


def _serve(connection: Connection, limits: Limits, magenta_reading: bool) -> None:
    """Answers lists of requests, file by file, until there are no more, or a file ends this process."""
    _limit_memory(limits.memory_megabytes)
    while True:
        try:
            requests = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        for request in requests:
            answer = _answer(request, limits, magenta_reading)
            try:
                connection.send(answer)
            except OSError:  # the parent has gone
                os._exit(0)


def _answer(request: Request, limits: Limits, magenta_reading: bool) -> list[Converted | LeftOut]:
    """Reads a file under the limits, or ends the process."""
    # A limit on CPU time, so that a busy machine leaves out no more files than an idle one; and a larger one on wall
    # time, for a file system that does not answer. Both signals end the process at once.
    signal.setitimer(signal.ITIMER_PROF, limits.seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * limits.seconds)
    try:
        return _read(request, limits, magenta_reading)
    except MemoryError:
        os._exit(parsing.EXIT_MEMORY)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit_memory(megabytes: float) -> None:
    """Limits the address space to its current size and `megabytes` more, where the system can (Linux)."""
    if os.path.exists('/proc/self/statm'):
        with open('/proc/self/statm') as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        limit, hard = now + int(megabytes * 2**20), resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _note_seq(limits: Limits | None) -> types.ModuleType:
    """note-seq's readers. With `limits`, loading them does not count for the limits of a file."""
    name = 'solferino.pipelines.note_seq_readers'
    if name in sys.modules or not limits:
        return importlib.import_module(name)
    with _without(limits):
        return importlib.import_module(name)


@contextlib.contextmanager
def _without(limits: Limits) -> Iterator[None]:
    """Within the block, what is loaded does not count for the limits of a file."""
    left = {timer: signal.setitimer(timer, 0)[0] for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL)}
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    yield
    _limit_memory(limits.memory_megabytes)
    for timer, seconds in left.items():
        signal.setitimer(timer, seconds)


def _read(request: Request, limits: Limits, magenta_reading: bool) -> list[Converted | LeftOut]:
    """Reads a file. Raises MemoryError; all other errors are answers."""

    def left_out(reason: str, detail: object) -> LeftOut:
        return LeftOut(parsing.text(request.name), reason, ' '.join(str(detail).split()))

    content = request.content
    if content is None:
        try:
            status = os.stat(request.path)
            if not stat.S_ISREG(status.st_mode):
                return [left_out(parsing.CANNOT_BE_READ, 'not a regular file')]
            refusal = parsing.refusal(status.st_size, limits)
            if refusal:
                return [left_out(*refusal)]
            with open(request.path, 'rb') as file:
                content = file.read()
        except OSError as error:
            return [left_out(parsing.CANNOT_BE_READ, error.strerror)]
    if request.kind == 'audio':
        return _read_audio(request, content, limits)
    doubt = ''
    if not magenta_reading or request.kind == 'voices':  # which Magenta has no reader for
        return _READERS[request.kind](request, content)
    if request.kind == 'midi':
        try:
            return [_read_midi_as_magenta(request, content)]
        except midi_events.InDoubt as error:
            doubt = str(error)
        except MemoryError:
            doubt = 'little memory'
    note_seq = _note_seq(limits)
    try:
        tunes, failures = note_seq.READERS[request.kind](request, content)
    except Exception as error:
        root = _root(error, note_seq.WRAPPERS)
        return [left_out(_reason(request.kind, content, root, note_seq.NOT_MUSICXML), _detail(root))]
    answer: list[Converted | LeftOut] = [_converted(request, doubt, *tune) for tune in tunes]
    answer += [left_out(parsing.UNKNOWN_ABC, _detail(failure)) for failure in failures]
    return answer or [left_out(parsing.NO_TUNES, 'no tune in the file')]


def _read_midi(request: Request, content: bytes) -> list[Converted | LeftOut]:
    """Reads a MIDI file as it sounds."""
    try:
        try:
            events = midi_events.read(content)
        except midi_events.InDoubt:
            events = midi_walk.read(content)
        pieces = midi_notes.pieces(events)
    except Refused as refusal:
        return [LeftOut(parsing.text(request.name), refusal.reason, refusal.detail)]
    if not any(len(piece.notes.pitch) for piece in pieces) and (damages := midi_walk.damages(events)):
        return [LeftOut(parsing.text(request.name), parsing.DAMAGED, f'no note of it is left: {damages}')]
    suffixes = [''] if len(pieces) == 1 else [f'_{number}' for number in range(1, len(pieces) + 1)]
    silence = parsing.NEVER_ENDED if midi_events.strikes(events) else parsing.NOTHING_STRUCK
    return [_converted_directly(request, *piece, silence) for piece in zip(pieces, suffixes, strict=True)]


def _read_midi_as_magenta(request: Request, content: bytes) -> Converted:
    """Reads a MIDI file as note-seq does. Raises InDoubt."""
    events = midi_events.read(content, magenta_reading=True)
    music = midi_notes.music(events, magenta_reading=True)
    return _converted_directly(
        request, music, '', parsing.LOST if midi_events.strikes(events) else parsing.NOTHING_STRUCK
    )


def _read_musicxml(request: Request, content: bytes) -> list[Converted | LeftOut]:
    """Reads a score as it sounds."""
    from solferino.models.music.reading import (  # imports the XML parser, for the first score only
        musicxml,
        musicxml_document,
    )

    def left_out(reason: str, detail: str) -> list[Converted | LeftOut]:
        return [LeftOut(parsing.text(request.name), reason, ' '.join(detail.split()))]

    try:
        return [_converted_directly(request, musicxml.read(content))]
    except MemoryError:
        raise
    except Refused as refusal:
        return left_out(refusal.reason, refusal.detail)
    except musicxml_document.DAMAGE as error:
        return left_out(parsing.DAMAGED, _detail(error))
    except Exception as error:  # an error in one file must not stop the others
        return left_out(parsing.NOT_UNDERSTOOD, _detail(error))


def _read_abc(request: Request, content: bytes) -> list[Converted | LeftOut]:
    """Reads all tunes of a book as they sound."""
    from solferino.models.music.reading import abc_tunes

    answer: list[Converted | LeftOut] = []
    seen: collections.Counter[int] = collections.Counter()
    for tune in abc_tunes.read(content):
        seen[tune.number] += 1
        if tune.music is not None:
            again = f'_{seen[tune.number]}' if seen[tune.number] > 1 else ''
            answer.append(_converted_directly(request, tune.music, f'_{tune.number}{again}'))
        elif tune.error is not None:
            title = f' "{tune.title}"' if tune.title else ''
            detail = f'tune {tune.number}{title}: {tune.error.detail}'
            answer.append(LeftOut(parsing.text(request.name), tune.error.reason, detail))
    return answer or [LeftOut(parsing.text(request.name), parsing.NO_TUNES, 'no tune in the file')]


def _read_voices(request: Request, content: bytes) -> list[Converted | LeftOut]:
    """Reads all pieces of a table of voices."""
    from solferino.models.music.reading import voice_tables

    try:
        found = voice_tables.read(content)
    except Refused as refusal:
        return [LeftOut(parsing.text(request.name), refusal.reason, ' '.join(refusal.detail.split()))]
    return [_converted_directly(request, table.music, f'_{table.name}') for table in found]


def _read_audio(request: Request, content: bytes, limits: Limits) -> list[Converted | LeftOut]:
    """Finds the notes of a recording."""
    name = 'solferino.models.music.listening.transcription'
    if name not in sys.modules:
        with _without(limits):
            importlib.import_module(name).load()
    try:
        music, is_silent = sys.modules[name].read(content)
    except MemoryError:
        raise
    except Refused as refusal:
        return [LeftOut(parsing.text(request.name), refusal.reason, ' '.join(refusal.detail.split()))]
    except Exception as error:  # an error in one file must not stop the others
        if 'alloc' in str(error):  # onnxruntime's and soxr's ways to say that there is no memory
            raise MemoryError from error
        return [LeftOut(parsing.text(request.name), parsing.NOT_UNDERSTOOD, _detail(error))]
    return [_converted_directly(request, music, silence=parsing.SILENT if is_silent else parsing.NOT_HEARD)]


_READERS = {'midi': _read_midi, 'musicxml': _read_musicxml, 'abc': _read_abc, 'voices': _read_voices}


def _converted_directly(
    request: Request, music: midi_notes.Music, suffix: str = '', silence: str = parsing.NOTHING_STRUCK
) -> Converted:
    """As `_converted`, but without note-seq and protobuf. Without notes, `silence` says why."""
    identity = parsing.sequence_id(request.name + suffix.encode(), request.collection, request.kind)
    data = note_sequence_bytes.write(music, identity, parsing.text(request.name), request.collection, request.kind)
    milliseconds = round(music.total_time * 1000)
    return Converted(identity, data, len(music.notes.pitch), milliseconds, '', music.remarks, silence)


def _converted(request: Request, doubt: str, suffix: str, sequence: Any) -> Converted:
    sequence.collection_name = request.collection
    sequence.filename = parsing.text(request.name)
    sequence.id = parsing.sequence_id(request.name + suffix.encode(), request.collection, request.kind)
    seconds = sequence.total_time if math.isfinite(sequence.total_time) else 0
    # Deterministic, so that the same music gives the same bytes on every machine.
    data = sequence.SerializeToString(deterministic=True)
    return Converted(sequence.id, data, len(sequence.notes), round(seconds * 1000), doubt)


def _root(error: BaseException, wrappers: set[type]) -> BaseException:
    """The original error behind note-seq's. Raises MemoryError if that is one: note-seq catches those."""
    chain = [error]
    while chain[-1].__context__:
        chain.append(chain[-1].__context__)
    if any(isinstance(e, MemoryError) or 'out of memory' in str(e) for e in chain):  # the text is the XML parser's
        raise MemoryError from error
    return next((e for e in chain if type(e) not in wrappers), error)


def _reason(kind: str, content: bytes, error: BaseException, not_musicxml: tuple[type, ...]) -> str:
    if kind == 'midi' and not content.startswith(b'MThd'):
        return parsing.NOT_MIDI
    if kind == 'midi' and content[10:12] == b'\0\0':  # the header's number of tracks
        return parsing.NO_TRACKS
    if isinstance(error, not_musicxml):
        return parsing.NOT_MUSICXML
    return parsing.DAMAGED


def _detail(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return 'the file ends too early'
    return str(error) or type(error).__name__


if __name__ == '__main__':
    main()
