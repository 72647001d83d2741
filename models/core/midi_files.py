"""Writes generated music as MIDI files."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.core.files import MIDI, atomic_write
from solferino.models.core.midi_bytes import midi_bytes


def write(sequence: music_pb2.NoteSequence, path: str | os.PathLike[str]) -> None:
    """Writes a sequence as the MIDI file `path`, whole or not at all; a missing folder is made.

    Raises:
      SolferinoError: the file cannot be written, something else than MIDI has its name, or the music is nothing that
        MIDI can tell.
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

    Files that are there already are never written over: a second call within a second waits for the next one.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix='.writing-', dir=directory) as temporary:
            files = []
            for number, sequence in enumerate(sequences, start=1):
                files.append(Path(temporary, f'{number}.mid'))
                files[-1].write_bytes(midi_bytes(sequence))
            paths = _new_paths(directory, name, len(sequences))
            for file, path in zip(files, paths, strict=True):
                os.rename(file, path)
    except ValueError as error:
        raise SolferinoError(f'The music cannot be written as MIDI: {error}.') from error
    except OSError as error:
        raise SolferinoError(
            f'--output_dir={directory}: cannot be written: {error.strerror}. Name another one.'
        ) from None
    return paths


def _new_paths(directory: Path, name: str, count: int) -> list[Path]:
    digits = len(str(count))
    while True:
        stamp = time.strftime('%Y-%m-%d_%H%M%S')
        paths = [directory / f'{name}_{stamp}_{number:0{digits}d}.mid' for number in range(1, count + 1)]
        if not any(path.exists() for path in paths):
            return paths
        time.sleep(0.1)
