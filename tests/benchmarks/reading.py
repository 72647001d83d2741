"""How much of a collection of scores and tunes is read, and how fast: ours beside note-seq's readers and music21.

    .venv/bin/python tests/benchmarks/reading.py --input=FOLDER [--files=100]

Each reads the same files, spread over the folder and those below it, one after the other in this process. note-seq is
what `--magenta_reading` reads with. music21 takes part if it is installed beside (`pip install music21`); its scores
are counted as they sound, with repeats expanded and ties joined. A tune counts as taken if it has notes.
"""

import argparse
import contextlib
import dataclasses
import io
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import report
from note_seq.protobuf import music_pb2

from solferino.models.music.reading import abc_tunes, musicxml
from solferino.pipelines import note_seq_readers, parsing

# Notes of each tune of a file.
Reader = Callable[[Path], list[int]]


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
    parser.add_argument('--files', type=int, default=100)
    args = parser.parse_args()
    there = sorted(p for p in args.input.rglob('*') if parsing.KINDS.get(p.suffix.lower()) in ('abc', 'musicxml'))
    files = there[:: max(1, len(there) // args.files)][: args.files]
    readers = {'Solferino': ours, 'note-seq': note_seq}
    with contextlib.suppress(ImportError):
        readers['music21'] = music21_reader()
    rows = []
    for name, reader in readers.items():
        r = measure(reader, files)
        rows.append([name, str(r.tunes), str(r.silent), str(r.failed), f'{r.notes:,}', f'{r.seconds:.1f}'])
    print(f'{len(files)} of {len(there)} files')
    print(report.table(('reader', 'tunes taken', 'without notes', 'failed', 'notes', 'processor seconds'), rows))


def measure(reader: Reader, files: list[Path]) -> Result:
    """Reads all files. A file that raises counts as one failure, as do tunes that a reader gives as -1."""
    result = Result()
    began = time.process_time()
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
    result.seconds = time.process_time() - began
    return result


def ours(path: Path) -> list[int]:
    """As convert_dir_to_note_sequences reads."""
    content = path.read_bytes()
    if path.suffix.lower() == '.abc':
        return [len(tune.music.notes.pitch) if tune.music else -1 for tune in abc_tunes.read(content)]
    return [len(musicxml.read(content).notes.pitch)]


def note_seq(path: Path) -> list[int]:
    """As Magenta reads."""
    name = bytes(path)
    request = parsing.Request(name, name, '')
    tunes, failures = note_seq_readers.READERS[request.kind](request, path.read_bytes())
    sequences: list[music_pb2.NoteSequence] = [sequence for _, sequence in tunes]
    return [len(sequence.notes) for sequence in sequences] + [-1] * len(failures)


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
