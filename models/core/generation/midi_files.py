"""Writes generated music as MIDI files."""

import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.core.generation.midi_bytes import midi_bytes
from solferino.models.core.storage import schemas, temporaries
from solferino.models.core.storage.files import MIDI, atomic_write

_log = logging.getLogger(__name__)


def write_midi(sequence: music_pb2.NoteSequence, path: str | os.PathLike[str]) -> None:
    """Writes a NoteSequence as the MIDI file `path`, whole or not at all; a missing folder is made.

    Raises:
      SolferinoError: the file cannot be written, a file of that name is no MIDI, or MIDI cannot represent the
        music.

    >>> from solferino.models import load, write_midi
    >>> for number, beat in enumerate(load('drums.mag').generate(num_outputs=2), start=1):
    ...     write_midi(beat, f'beats/{number}.mid')
    """
    path = Path(os.path.expanduser(path))
    try:
        atomic_write(str(path), midi_bytes(sequence), MIDI)
    except ValueError as error:
        raise SolferinoError(f'{path}: the music cannot be written as MIDI: {error}.') from error
    except OSError as error:
        raise SolferinoError(f'{path} cannot be written: {error.strerror}.') from None


def write_all(sequences: Sequence[music_pb2.NoteSequence], directory: Path, name: str) -> list[Path]:
    """Writes `<name>_<date>_<time>_<n>.mid` for each sequence, n from 1; all of them or none. Returns their paths.

    Existing files are never overwritten: a second call within a second waits for the next one. If a call is killed
    while it renames its complete files, the next call for the directory renames the rest.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        temporaries.clear(str(directory), _WRITING, _complete)
        temporaries.clear(str(directory), f'{name}_*')  # of sounds and pictures beside the music of a killed call
        with temporaries.folder(str(directory), _WRITING) as temporary:
            files = []
            for number, sequence in enumerate(sequences, start=1):
                files.append(Path(temporary, f'{number}.mid'))
                files[-1].write_bytes(midi_bytes(sequence))
            with temporaries.one_at_a_time(str(directory)):
                paths = _new_paths(directory, name, len(sequences))
                names = {file.name: path.name for file, path in zip(files, paths, strict=True)}
                atomic_write(str(Path(temporary, _NAMES)), json.dumps(names))
                try:
                    _give_names(temporary)
                except BaseException:  # Ctrl-C
                    _give_names(temporary)
                    raise
    except ValueError as error:
        raise SolferinoError(f'The music cannot be written as MIDI: {error}.') from error
    except OSError as error:
        raise SolferinoError(
            f'--output_dir={directory}: cannot be written: {error.strerror}. Name another one.'
        ) from None
    return paths


_WRITING = 'writing'
_NAMES = 'names.json'  # the final names of all files in the folder; written when these are complete


def _give_names(temporary: str) -> list[Path]:
    """Moves the files of a temporary folder to their final names; returns these."""
    folder = Path(temporary)
    try:
        names = schemas.loads((folder / _NAMES).read_text('utf-8'))
        schemas.require(names, dict[str, str])
    except (FileNotFoundError, ValueError):  # ValueError: a crash of the machine cut it short
        return []
    if not all(Path(name).name == name for pair in names.items() for name in pair):
        return []  # not ours: our files stay in one folder
    paths = {folder / file: folder.parent / name for file, name in names.items()}
    moved = [file for file, path in paths.items() if file.exists() and not path.exists()]
    for file in moved:
        os.rename(file, paths[file])
    return [paths[file] for file in moved]


def _complete(temporary: str) -> None:
    """Finishes what a killed call had left to do."""
    if moved := _give_names(temporary):
        _log.warning('%s: the files of an earlier run that was killed are complete now.', _listed(moved))


def _listed(paths: Sequence[Path]) -> str:
    return f'{paths[0]} ... {paths[-1].name}' if len(paths) > 1 else str(paths[0])


def _new_paths(directory: Path, name: str, count: int) -> list[Path]:
    digits = len(str(count))
    while True:
        stamp = time.strftime('%Y-%m-%d_%H%M%S')
        paths = [directory / f'{name}_{stamp}_{number:0{digits}d}.mid' for number in range(1, count + 1)]
        if not any(path.exists() for path in paths):
            return paths
        time.sleep(0.1)
