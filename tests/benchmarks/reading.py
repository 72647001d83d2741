"""How much of a collection of music files is read, and how fast: ours beside note-seq's readers and others.

    .venv/bin/python tests/benchmarks/reading.py --input=FOLDER [--kinds=abc,musicxml] [--files=100] [--rounds=1]

Each reads the same files, spread over the folder and those below it, one after the other in this process, and takes
its turn in each round; what takes less than a second is done again and again. note-seq is what `--magenta_reading`
reads with. music21 takes part for scores and tunes, symusic for MIDI, if they are installed beside (`pip install
music21 symusic`); music21's scores are counted as they sound, with repeats expanded and ties joined. A tune counts as
taken if it has notes. Seconds are of CPU, medians of the rounds.

MIDI is read by ours in two ways: to arrays of notes, as symusic gives them, and as convert does, in a child process
with limits on memory and time, to the bytes of a NoteSequence.
"""

import argparse
import contextlib
import dataclasses
import io
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil
import report
from note_seq.protobuf import music_pb2

from solferino.models.music.reading import abc_tunes, midi_events, midi_notes, midi_walk, musicxml
from solferino.pipelines import note_seq_readers, parsing

# Notes of each tune of a file.
Reader = Callable[[Path], list[int]]
CONVERTED, ARRAYS, NOTE_SEQ, SYMUSIC = 'Solferino', 'Solferino, arrays', 'note-seq', 'symusic'
LEAST_SECONDS = 1.0  # of a measurement
T = TypeVar('T')


@dataclasses.dataclass
class Result:
    """What a reader made of all files."""

    tunes: int = 0
    silent: int = 0
    notes: int = 0
    failed: int = 0
    seconds: float = 0.0


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--input', type=Path, required=True)
    parser.add_argument('--kinds', default='abc,musicxml', help='abc and musicxml, with a comma, or midi')
    parser.add_argument('--files', type=int, default=100)
    parser.add_argument('--rounds', type=int, default=1)
    args = parser.parse_args()
    kinds = args.kinds.split(',')
    there, files = spread(args.input, kinds, args.files)
    with contextlib.ExitStack() as stack:
        readers = midi_readers(stack) if kinds == ['midi'] else score_readers()
        rounds = [[measure(reader, files) for reader in readers.values()] for _ in range(args.rounds)]
    rows = []
    for name, results in zip(readers, zip(*rounds, strict=True), strict=True):
        r, seconds = results[0], statistics.median(result.seconds for result in results)
        counts = [str(r.tunes), str(r.silent), str(r.failed), f'{r.notes:,}']
        rows.append([name, *counts, report.number(seconds), report.number(len(files) / seconds)])
    print(f'{len(files)} of {there} files')
    print(report.table(('reader', 'tunes taken', 'without notes', 'failed', 'notes', 'CPU s', 'files/s'), rows))
    print(report.machine())


def spread(folder: Path, kinds: Sequence[str], most: int) -> tuple[int, list[Path]]:
    """The number of files of some kinds below a folder, and some of them."""
    there = sorted(path for path in folder.rglob('*') if parsing.KINDS.get(path.suffix.lower()) in kinds)
    return len(there), there[:: max(1, len(there) // most)][:most]


def midi_readers(stack: contextlib.ExitStack) -> dict[str, Reader]:
    """Those that there are; what they start ends with the stack."""
    readers = {CONVERTED: converting(stack), ARRAYS: ours, NOTE_SEQ: note_seq}
    with contextlib.suppress(ImportError):
        readers[SYMUSIC] = symusic_reader()
    return readers


def score_readers() -> dict[str, Reader]:
    """Those that there are."""
    readers = {CONVERTED: ours, NOTE_SEQ: note_seq}
    with contextlib.suppress(ImportError):
        readers['music21'] = music21_reader()
    return readers


def measure(reader: Reader, files: list[Path]) -> Result:
    """Reads all files, once or until LEAST_SECONDS have gone by; the seconds are of once.

    A file that raises counts as one failure, as do tunes that a reader gives as -1.
    """
    read(reader, files[:1])  # what is loaded for the first file
    seconds, result = cpu_seconds_of(lambda: read(reader, files))
    return dataclasses.replace(result, seconds=seconds)


def cpu_seconds_of(work: Callable[[], T]) -> tuple[float, T]:
    """What a piece of work takes, which is repeated until LEAST_SECONDS have gone by, and what it gives."""
    times, began = 0, _cpu_seconds()
    while not times or _cpu_seconds() - began < LEAST_SECONDS:
        result = work()
        times += 1
    return (_cpu_seconds() - began) / times, result


def read(reader: Reader, files: list[Path]) -> Result:
    """Reads all files once."""
    result = Result()
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter('ignore')
        for file in files:
            try:
                tunes = reader(file)
            except Exception:  # whatever a reader raises for a file, it has not read it
                tunes = [-1]
            result.failed += sum(notes < 0 for notes in tunes)
            result.silent += tunes.count(0)
            result.tunes += sum(notes > 0 for notes in tunes)
            result.notes += sum(notes for notes in tunes if notes > 0)
    return result


def _cpu_seconds() -> float:
    """Of this process and of those below it that run."""
    below = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return time.process_time() + sum(times.user + times.system for times in below)


def converting(stack: contextlib.ExitStack) -> Reader:
    """As convert_dir_to_note_sequences reads, in a child process that ends with the stack."""
    parser = stack.enter_context(parsing.Parser(parsing.Limits()))

    def read(path: Path) -> list[int]:
        answers = parser.parse_file(path)
        return [answer.notes if isinstance(answer, parsing.Converted) else -1 for answer in answers]

    return read


def ours(path: Path) -> list[int]:
    """By the readers of convert_dir_to_note_sequences, to arrays of notes."""
    content, kind = path.read_bytes(), parsing.KINDS[path.suffix.lower()]
    if kind == 'abc':
        return [len(tune.music.notes.pitch) if tune.music else -1 for tune in abc_tunes.read(content)]
    if kind == 'midi':
        try:
            events = midi_events.read(content)
        except midi_events.InDoubt:
            events = midi_walk.read(content)
        return [len(piece.notes.pitch) for piece in midi_notes.pieces(events)]
    return [len(musicxml.read(content).notes.pitch)]


def note_seq(path: Path) -> list[int]:
    """As Magenta reads."""
    name = bytes(path)
    request = parsing.Request(name, name, '')
    tunes, failures = note_seq_readers.READERS[request.kind](request, path.read_bytes())
    sequences: list[music_pb2.NoteSequence] = [sequence for _, sequence in tunes]
    return [len(sequence.notes) for sequence in sequences] + [-1] * len(failures)


def symusic_reader() -> Reader:
    """symusic's reader, to arrays of notes in seconds; raises ImportError if it is not installed."""
    import symusic

    def read(path: Path) -> list[int]:
        score = symusic.Score(path, ttype='second')
        return [sum(len(track.notes.numpy()['pitch']) for track in score.tracks)]

    return read


def music21_reader() -> Reader:
    """music21's reader; raises ImportError if it is not installed."""
    import music21

    def read(path: Path) -> list[int]:
        found = music21.converter.parseFile(path, forceSource=True)
        scores = list(found.scores) if isinstance(found, music21.stream.Opus) else [found]
        return [sum(_sounding(score)) for score in scores]

    def _sounding(score: Any) -> Iterator[int]:
        for part in score.parts:
            with contextlib.suppress(music21.repeat.ExpanderException):
                part = part.expandRepeats()
            for element in part.stripTies().flatten().notes:
                is_silent = element.duration.isGrace or isinstance(element, music21.harmony.Harmony)
                yield 0 if is_silent else len(element.pitches) or 1

    return read


if __name__ == '__main__':
    main()
