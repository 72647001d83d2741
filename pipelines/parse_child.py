"""The process that reads music files for `parsing.Parser`.

It loads the parsers once and forks. The fork reads file after file under the limits; when a file is its end, the first
process says so and forks again, which takes milliseconds. Nothing here may start a thread.
"""

import importlib.util
import math
import os
import resource
import signal
import stat
import sys
import tempfile
import types
import warnings
import zipfile
from multiprocessing.connection import Connection
from typing import Any

from solferino.pipelines import parsing
from solferino.pipelines.parsing import Converted, LeftOut, Limits, Request


def _without_package_code(name: str) -> None:
    """Makes `import name.x` run only x: note_seq's own __init__ loads pandas, bokeh and IPython."""
    found = importlib.util.find_spec(name)
    if found and found.submodule_search_locations:  # else the import below says what is missing
        package = types.ModuleType(name)
        package.__path__ = found.submodule_search_locations
        sys.modules[name] = package


_without_package_code('note_seq')
warnings.simplefilter('ignore')  # pretty_midi's remarks about odd files, one a file

from note_seq import abc_parser, midi_io, musicxml_parser, musicxml_reader  # noqa: E402 after the line above


def main() -> None:
    """Forks a reader until one ends of its own will, which is when the parent has gone."""
    connection = Connection(int(sys.argv[1]))
    limits = Limits(*map(float, sys.argv[2:]))  # written by Parser._start
    while True:
        reader = os.fork()
        if not reader:
            _serve(connection, limits)
        code = os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1])
        if code == 0:
            break
        connection.send(parsing.Died(code))


def _serve(connection: Connection, limits: Limits) -> None:
    """Answers lists of requests, file by file, until there are no more, or a file ends this process."""
    _limit_memory(limits.memory_megabytes)
    while True:
        try:
            requests = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        for request in requests:
            answer = _answer(request, limits)
            try:
                connection.send(answer)
            except OSError:  # the parent has gone
                os._exit(0)


def _answer(request: Request, limits: Limits) -> list[Converted | LeftOut]:
    """Reads a file under the limits, or ends the process."""
    # Processor time, so that a busy machine leaves out no more than an idle one; and far beyond it time on the wall,
    # for a file system that does not answer. Both signals end the process, wherever it is.
    signal.setitimer(signal.ITIMER_PROF, limits.seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * limits.seconds)
    try:
        return _read(request, limits)
    except MemoryError:
        os._exit(parsing.EXIT_MEMORY)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit_memory(megabytes: float) -> None:
    """Bounds the address space to what it is now and `megabytes` more, where the system can (Linux)."""
    if os.path.exists('/proc/self/statm'):
        with open('/proc/self/statm') as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        limit = now + int(megabytes * 2**20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _read(request: Request, limits: Limits) -> list[Converted | LeftOut]:
    """Reads a file. Raises MemoryError; whatever else is wrong with it is an answer."""

    def left_out(reason: str, detail: object) -> LeftOut:
        return LeftOut(parsing.text(request.name), reason, ' '.join(str(detail).split()))

    try:
        status = os.stat(request.path)
        if not stat.S_ISREG(status.st_mode):
            return [left_out(parsing.CANNOT_BE_READ, 'not a regular file')]
        if not status.st_size:
            return [left_out(parsing.EMPTY, '0 bytes')]
        if status.st_size > limits.megabytes * 2**20:
            return [left_out(parsing.TOO_LARGE, f'{status.st_size / 2**20:.1f} MB, more than {limits.megabytes:g} MB')]
        with open(request.path, 'rb') as file:
            content = file.read()
    except OSError as error:
        return [left_out(parsing.CANNOT_BE_READ, error.strerror)]
    try:
        tunes, failures = READERS[request.kind](request, content)
    except Exception as error:
        root = _root(error)
        return [left_out(_reason(request.kind, content, root), _detail(root))]
    answer: list[Converted | LeftOut] = [_converted(request, *tune) for tune in tunes]
    answer += [left_out(parsing.UNKNOWN_ABC, _detail(failure)) for failure in failures]
    return answer or [left_out(parsing.NO_TUNES, 'no tune in the file')]


# The tunes of a file, as what is added to its name for the id, and the NoteSequence; and errors of single tunes.
Tunes = tuple[list[tuple[str, Any]], list[Exception]]


def _read_midi(_: Request, content: bytes) -> Tunes:
    return [('', midi_io.midi_to_note_sequence(content))], []


def _read_musicxml(request: Request, _: bytes) -> Tunes:
    path = os.fsdecode(request.path)
    if parsing.ending(request.name) != '.mxl' or path.endswith('.mxl'):
        score = musicxml_reader.musicxml_file_to_sequence_proto(path)
    else:  # note-seq unpacks a file only if its name ends in lower case
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, 'score.mxl')
            os.symlink(os.path.abspath(path), link)
            score = musicxml_reader.musicxml_file_to_sequence_proto(link)
    if not score.part_infos:  # any XML is a score without parts to note-seq, a web page too
        raise _NoScoreError('no part of a partwise score is in it')
    return [('', score)], []


def _read_abc(_: Request, content: bytes) -> Tunes:
    try:
        book = content.decode('utf-8-sig')
    except UnicodeDecodeError:
        book = content.decode('latin-1')
    tunes, failures = abc_parser.parse_abc_tunebook(book)
    return [(f'_{number}', tune) for number, tune in tunes.items()], failures


# Errors that only repeat another in their own words.
_WRAPPERS = {
    midi_io.MIDIConversionError,
    musicxml_parser.MusicXMLParseError,
    musicxml_reader.MusicXMLConversionError,
}

READERS = {'midi': _read_midi, 'musicxml': _read_musicxml, 'abc': _read_abc}


def _converted(request: Request, suffix: str, sequence: Any) -> Converted:
    sequence.collection_name = request.collection
    sequence.filename = parsing.text(request.name)
    sequence.id = parsing.sequence_id(request.name + suffix.encode(), request.collection, request.kind)
    seconds = sequence.total_time if math.isfinite(sequence.total_time) else 0
    # Deterministic, so that the same music is the same bytes on every machine.
    data = sequence.SerializeToString(deterministic=True)
    return Converted(sequence.id, data, len(sequence.notes), round(seconds * 1000))


def _root(error: BaseException) -> BaseException:
    """The error that note-seq raised its own for. Raises MemoryError if there is one behind: note-seq catches those."""
    chain = [error]
    while chain[-1].__context__:
        chain.append(chain[-1].__context__)
    if any(isinstance(e, MemoryError) or 'out of memory' in str(e) for e in chain):  # the latter from the XML parser
        raise MemoryError from error
    return next((e for e in chain if type(e) not in _WRAPPERS), error)


class _NoScoreError(Exception):
    """An XML file that holds no music."""


def _reason(kind: str, content: bytes, error: BaseException) -> str:
    if kind == 'midi' and not content.startswith(b'MThd'):
        return parsing.NOT_MIDI
    if kind == 'midi' and content[10:12] == b'\0\0':  # the header's number of tracks
        return parsing.NO_TRACKS
    if isinstance(error, (_NoScoreError, zipfile.BadZipFile)):
        return parsing.NOT_MUSICXML
    return parsing.DAMAGED


def _detail(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return 'the file ends too early'
    return str(error) or type(error).__name__


if __name__ == '__main__':
    main()
