"""Music that a command is given by name: files, folders, patterns, and TFRecord files of NoteSequences."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.pipelines import parsing

_RECORDS = '.tfrecord'


class Music(NamedTuple):
    """A piece of music, and its file; of a file with many, a name of its own in the file's folder."""

    path: Path
    sequence: music_pb2.NoteSequence


def find(inputs: Iterable[str], flag: str | None = 'input') -> list[Path]:
    """Returns the files that names, folders and patterns mean, each once, in the order in which they are named.

    Raises SolferinoError, which names the flag unless it is None, for a name without files.
    """
    said = f'--{flag}: ' if flag else ''
    found: dict[Path, None] = {}
    for text in map(str.strip, inputs):
        name = os.path.expanduser(text)
        files = _files(name)
        if not files and os.path.isdir(name):
            below = _ending_below(name)
            there = f' Those of its subfolders are "{text.rstrip("/")}/**/*{below}".' if below else ''
            raise SolferinoError(f'{said}the folder {text} has no music files.{there}')
        if not files:
            raise SolferinoError(f'{said}no file matches {text!r}.')
        found.update(dict.fromkeys(map(Path, files)))
    return list(found)


def read(paths: Iterable[Path]) -> Iterator[Music]:
    """Yields the music of files that `find` found; prints which of them hold none, and why.

    Raises SolferinoError for a damaged TFRecord file, and for one of something else than NoteSequences.
    """
    with parsing.Parser(parsing.Limits()) as parser:
        for path in paths:
            yield from _records(path) if path.suffix == _RECORDS else _file(path, parser)


def _file(path: Path, parser: parsing.Parser) -> Iterator[Music]:
    answers = parser.parse_file(path)
    for number, answer in enumerate(answers, start=1):
        if isinstance(answer, parsing.LeftOut):
            print(f'left out: {path}: {answer.reason}' + (f' ({answer.detail})' if answer.detail else ''))
            continue
        which = f'_tune{number}' if len(answers) > 1 else ''
        yield Music(path.with_stem(path.stem + which), music_pb2.NoteSequence.FromString(answer.data))


def _records(path: Path) -> Iterator[Music]:
    from solferino.pipelines.inspection.music import is_note_sequence

    names: set[str] = set()
    for number, data in enumerate(records.read(str(path))):
        if not is_note_sequence(data):
            raise SolferinoError(f'{path}: record {number} is no NoteSequence. Name the file that they are in.')
        sequence = music_pb2.NoteSequence.FromString(data)
        own = Path(sequence.filename).name or f'{path.stem}_{number}'
        name = own if own not in names else f'{Path(own).stem}_{number}{Path(own).suffix}'
        names.add(name)
        yield Music(path.with_name(name), sequence)


def _ending_below(folder: str) -> str:
    """What the first music file in the folder's subfolders ends in; '' if there is none."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if parsing.ending(os.fsencode(name)) in parsing.KINDS and os.path.isfile(os.path.join(place, name)):
                return os.path.splitext(name)[1]
    return ''


def _files(name: str) -> list[str]:
    """The files that a text means: one that is there itself, even if its name holds a bracket, or those of a folder."""
    if os.path.isfile(name):
        return [name]
    if os.path.isdir(name):
        names = sorted(entry for entry in os.listdir(name) if parsing.ending(os.fsencode(entry)) in parsing.KINDS)
        return [path for path in (os.path.join(name, entry) for entry in names) if os.path.isfile(path)]
    if name.endswith(_RECORDS):  # a pattern, or a set of shards
        try:
            return records.expand(name)
        except SolferinoError:
            if records.shard_paths(name) != [name] and any(map(os.path.exists, records.shard_paths(name))):
                raise  # a shard is missing
            return []
    return sorted(filter(os.path.isfile, glob.glob(name, recursive=True)))
