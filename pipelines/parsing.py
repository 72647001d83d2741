"""Reads music files in a child process, with limits on memory and time.

A small MIDI file can need 80 GB (one event at tick 10^10), and so can a small .mxl when it is unpacked. `Parser` gives
each file to a child process (`parse_child`), which the system ends at the limits; only that file is lost.
"""

import collections
import contextlib
import dataclasses
import hashlib
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

from solferino.models.music.reading.remarks import DAMAGED as DAMAGED
from solferino.models.music.reading.remarks import NO_TRACKS as NO_TRACKS
from solferino.models.music.reading.remarks import NO_TUNES as NO_TUNES
from solferino.models.music.reading.remarks import NOT_MIDI as NOT_MIDI
from solferino.models.music.reading.remarks import NOT_MUSICXML as NOT_MUSICXML
from solferino.models.music.reading.remarks import NOT_SOUND as NOT_SOUND
from solferino.models.music.reading.remarks import NOT_UNDERSTOOD as NOT_UNDERSTOOD
from solferino.models.music.reading.remarks import NOT_VOICES as NOT_VOICES
from solferino.models.music.reading.remarks import TOO_LATE as TOO_LATE
from solferino.models.music.reading.remarks import Remark as Remark

# File name endings, in lower case, and the kind of each: the <type> of an id.
KINDS = {
    '.mid': 'midi',
    '.midi': 'midi',
    '.rmi': 'midi',
    '.kar': 'midi',
    '.xml': 'musicxml',
    '.musicxml': 'musicxml',
    '.mxl': 'musicxml',
    '.abc': 'abc',
    '.json': 'voices',
    '.npz': 'voices',
}

# Recorded music, which is read where it is asked for: it takes minutes where others take milliseconds.
AUDIO_KINDS = dict.fromkeys(('.wav', '.mp3', '.flac', '.ogg'), 'audio')

# The files that Magenta reads.
MAGENTA_KINDS = {ending: kind for ending, kind in KINDS.items() if ending not in ('.rmi', '.kar', '.json', '.npz')}

# Why there is no note in a piece of music.
NO_NOTES = 'no notes found'
NOTHING_STRUCK = 'no note is struck'
NEVER_ENDED = 'no note has a length: they are never ended, or at once'
LOST = 'no note has a length, which Magenta asks for'
SILENT = 'a recording of silence'
NOT_HEARD = 'no notes are heard in the recording'

SILENCE = {
    NO_NOTES: 'look in a music program whether there are any',
    NOTHING_STRUCK: 'there are only texts, settings or rests in it: nothing is lost',
    NEVER_ENDED: 'give them lengths in a music program and export it again',
    LOST: 'drum hits need none without --magenta_reading; give other notes lengths in a music program',
    SILENT: 'listen to it: nothing may have been recorded',
    NOT_HEARD: 'drums and speech have none, and very soft or short notes are not found',
}

# Why a file is left out.
CANNOT_BE_READ = 'cannot be read'
EMPTY = 'empty file'
TOO_LARGE = 'too large'
UNKNOWN_ABC = 'ABC notation that is not understood'
TOO_MUCH_MEMORY = 'needs too much memory'
TOO_LONG = 'takes too long'
CRASHED = 'stops the parser'

REMEDIES = {
    CANNOT_BE_READ: 'check its permissions, or where its link leads',
    EMPTY: 'it has no bytes: copy it again',
    TOO_LARGE: '--max_file_mb raises the limit',
    NOT_MIDI: 'despite its name: open it in a music program and export it as a Standard MIDI File',
    NOT_MUSICXML: 'despite its name: export the score again as MusicXML',
    NOT_SOUND: 'despite its name, or in a format that is not read: save it again as WAV or FLAC',
    NO_TRACKS: 'there is nothing in it',
    NO_TUNES: 'there is nothing in it',
    NOT_VOICES: 'other JSON and NumPy files than chorales have no music that is known here',
    DAMAGED: 'it breaks the format: open it in a music program and export it again',
    NOT_UNDERSTOOD: 'the manifest names the feature that cannot be read: export the music without it, or as MIDI',
    TOO_LATE: 'a time in it may be corrupt: look in a music program where its last notes are',
    UNKNOWN_ABC: 'Magenta reads no rests, voices, chords, tuplets and endings: leave --magenta_reading out',
    TOO_MUCH_MEMORY: '--max_file_memory_mb raises the limit',
    TOO_LONG: '--max_file_seconds raises the limit',
    CRASHED: 'open it in a music program and export it again',
}

_TOO_LONG = (-signal.SIGPROF, -signal.SIGALRM)  # the signals of timers that end a process
# For glibc, in bytes: freed memory is kept for the next file, and not returned to the system.
_KEEP_MEMORY = {'MALLOC_MMAP_THRESHOLD_': str(4 * 2**20), 'MALLOC_TRIM_THRESHOLD_': str(32 * 2**20)}

EXIT_MEMORY = 3  # the child's exit code when a file took more than its memory


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits for one file: its size, and the memory and the CPU time for reading it."""

    megabytes: float = 100
    memory_megabytes: float = 2048
    seconds: float = 60


class Request(NamedTuple):
    """A file to read: where it is, its path relative to the input folder, that folder's name, and its bytes if held."""

    path: bytes
    name: bytes
    collection: str
    content: bytes | None = None

    @property
    def kind(self) -> str:
        """'midi', 'musicxml', 'abc', 'voices' or 'audio', by its ending."""
        return (KINDS | AUDIO_KINDS)[ending(self.name)]


class Converted(NamedTuple):
    """A piece of music: its id, the serialized NoteSequence, its number of notes and length.

    If note-seq had to read a MIDI file, `doubt` says why; else it is ''. `remarks` are the reader's remarks. Without
    notes, `silence` says why, one of the keys of SILENCE.
    """

    id: str
    data: bytes
    notes: int
    milliseconds: int
    doubt: str = ''
    remarks: tuple[Remark, ...] = ()
    silence: str = NO_NOTES

    @property
    def differs(self) -> bool:
        """Whether Magenta would have read other music, or none."""
        return any(remark.differs for remark in self.remarks)


class LeftOut(NamedTuple):
    """A file, or a tune in it, that is left out; the reason is one of the above, the detail what the parser said."""

    file: str
    reason: str
    detail: str


class Died(NamedTuple):
    """Sent instead of an answer if reading a file ended the process: its exit code, or minus the signal."""

    code: int


def ending(name: bytes) -> str:
    """b'Song.MID' -> '.mid'"""
    return os.fsdecode(os.path.splitext(name)[1]).lower()


def refusal(size: int, limits: Limits) -> tuple[str, str] | None:
    """Returns why a file of so many bytes is not read, reason and detail, or None."""
    if not size:
        return EMPTY, '0 bytes'
    if size > limits.megabytes * 2**20:
        return TOO_LARGE, f'{size / 2**20:.1f} MB, more than {limits.megabytes:g} MB'
    return None


def text(name: bytes) -> str:
    """A file's name as text; bytes that are not UTF-8 are written as \\xNN."""
    return name.decode('utf-8', 'backslashreplace')


def sequence_id(name: bytes, collection: str, kind: str) -> str:
    """Returns the id that Magenta gives: /id/<kind>/<collection>/<sha1 of the relative name>."""
    return f'/id/{kind}/{collection}/{hashlib.sha1(name).hexdigest()}'


class Parser:
    """Reads files one after the other in a child process; a context manager. Not for use from several threads.

    If this process is killed, the child ends after its current file. With `magenta_reading`, files are read as Magenta
    does, bug for bug; otherwise as they sound.
    """

    def __init__(self, limits: Limits, magenta_reading: bool = False):
        self._limits, self._magenta_reading = limits, magenta_reading
        self._is_fresh = True  # the reading process has read nothing yet
        self._owed = 0  # pending answers

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def parse(self, request: Request) -> list[Converted | LeftOut]:
        """Returns the music of a file, or why it is left out; for ABC, one or the other for each tune."""
        [answer] = self.parse_all([request])
        return answer

    def parse_all(self, requests: Iterable[Request]) -> Iterator[list[Converted | LeftOut]]:
        """Yields what `parse` returns for each file, in order.

        The child gets all requests at once, and reads ahead while this process is busy with an answer, until the pipe
        is full.
        """
        if self._owed:  # the caller did not fetch all answers
            self._restart()
        waiting = collections.deque(requests)
        while waiting:
            answer = self._next(waiting)
            if isinstance(answer, Died):
                self._owed = 0  # the remaining files must be requested again
                # Earlier files may have corrupted memory: a file is tried again as the first of a process.
                was_first, self._is_fresh = self._is_fresh, True
                if not was_first and answer.code not in _TOO_LONG:
                    continue
                answer = [LeftOut(text(waiting[0].name), *self._why(answer.code))]
            else:
                self._owed -= 1
                self._is_fresh = False
            waiting.popleft()
            yield answer

    def parse_file(self, path: str | os.PathLike[str]) -> list[Converted | LeftOut]:
        """As `parse`, of a file of the kind that its name ends in; of another ending, a MIDI file."""
        name = os.fsencode(path)
        return self.parse(Request(name, name if ending(name) in KINDS else name + b'.mid', ''))

    def parse_midi(self, path: str | os.PathLike[str]) -> Converted | LeftOut:
        """Returns the music of a MIDI file, whatever its name ends in, or why it cannot be read."""
        name = os.fsencode(path)
        return self.parse(Request(name, name if KINDS.get(ending(name)) == 'midi' else name + b'.mid', ''))[0]

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        child = [sys.executable, '-m', 'solferino.pipelines.parse_child', str(theirs.fileno())]
        reading = 'magenta' if self._magenta_reading else 'sounding'
        limits = [str(limit) for limit in dataclasses.astuple(self._limits)]
        # One thread each: there are several processes already, and threads do not survive the child's fork.
        environment = os.environ | {'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1'} | _KEEP_MEMORY
        self._process = subprocess.Popen(
            [*child, reading, *limits],
            stdin=subprocess.DEVNULL,
            # Libraries' messages name no file; the answers have the errors.
            stderr=None if logging.getLogger('solferino').isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=environment,
            process_group=0,  # a process group for the child and its fork, which a Ctrl-C here does not reach
        )
        theirs.close()
        self._is_fresh, self._owed = True, 0

    def _restart(self) -> None:
        self.__exit__()
        self._start()

    def _next(self, waiting: Sequence[Request]) -> list[Converted | LeftOut] | Died:
        """Returns the answer for the first of the waiting files; sends the requests first if necessary."""
        try:
            if not self._owed:
                self._connection.send(list(waiting))
                self._owed = len(waiting)
            return self._connection.recv()
        except (EOFError, OSError):  # both processes are gone: one was killed, maybe by the system for lack of memory
            was_fresh = self._is_fresh
            self._restart()
            self._is_fresh = was_fresh
            return Died(-signal.SIGKILL)

    def _why(self, code: int) -> tuple[str, str]:
        """Reason and detail for the exit code of a process that a file has ended."""
        if code == EXIT_MEMORY:
            return TOO_MUCH_MEMORY, f'more than {self._limits.memory_megabytes:g} MB'
        if code in _TOO_LONG:
            return TOO_LONG, f'more than {self._limits.seconds:g} seconds'
        if code == -signal.SIGKILL:
            return TOO_MUCH_MEMORY, 'the system ended the process that read it'
        with contextlib.suppress(ValueError):
            return CRASHED, signal.Signals(-code).name
        return CRASHED, f'exit code {code}'
