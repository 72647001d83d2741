"""What `solferino_originality` and `*_generate --originality` tell: what generated music copies from training music."""

import collections
import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.models.music.originality import copies
from solferino.models.music.originality.copies import Copying, Originality
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece
from solferino.pipelines import music_files

_COLUMNS = ' notes   bars  seconds  share'


def usable(music: Iterable[tuple[Path, Any]]) -> tuple[list[str], list[Piece]]:
    """Returns the names and the pieces of music, NoteSequences with their files, that has notes and no flaw.

    Where several files have one name, they are named with their folders.
    """
    short, whole, pieces = [], [], []
    for path, sequence in music:
        one = piece.of(sequence)
        if len(one.notes) and not piece.flaw(one):
            short.append(path.name)
            whole.append(sequence.filename if '/' in sequence.filename else str(path))
            pieces.append(one)
    times = collections.Counter(Path(name).name for name in whole)
    names = [name if times[Path(name).name] == 1 else there for name, there in zip(short, whole, strict=True)]
    return names, pieces


def read(inputs: Sequence[str], flag: str | None) -> tuple[list[str], list[Piece]]:
    """Reads files, folders and patterns, which a flag names if it is not None.

    Raises SolferinoError if there is no music with notes.
    """
    names, pieces = usable(music_files.read(music_files.find(inputs, flag)))
    if not pieces:
        given = ','.join(inputs)
        raise SolferinoError(f'{f"--{flag}={given}" if flag else given}: there is no music with notes in it.')
    return names, pieces


def report(found: Originality, names: Sequence[str], training_names: Sequence[str]) -> str:
    """Returns what was found as text; the names are those of the generated and of the training pieces."""
    lines = ['Longest run of notes that the training music has, too; share of notes in such runs of '
             f'{copies.NOTES} or more:', _COLUMNS]  # fmt: skip
    lines += [
        _row(one) + f'  {name}{_where(one, training_names)}' for name, one in zip(names, found.generated, strict=True)
    ]
    lines += ['', *_beside(found)]
    return '\n'.join(lines)


def to_json(found: Originality, names: Sequence[str], training_names: Sequence[str]) -> str:
    """Returns what was found as JSON, with the names of `report`: of each piece its longest run and where it stands.

    `training_usual_notes`, the longest run that 95 of 100 training pieces do not exceed, is null where there is one.
    """
    several = len(found.training) > 1
    record = {
        'training_usual_notes': found.usual if several else None,
        'too_long': [names[place] for place in found.too_long] if several else None,
        'generated': [_record(one, name, training_names) for one, name in zip(found.generated, names, strict=True)],
        'training': [
            _record(one, name, training_names) for one, name in zip(found.training, training_names, strict=True)
        ],
    }
    return json.dumps(record, indent=1, allow_nan=False) + '\n'


def _record(one: Copying, name: str, training_names: Sequence[str]) -> dict[str, Any]:
    longest = one.longest and dataclasses.asdict(one.longest) | {'other': training_names[one.longest.other]}
    return {'name': name, 'longest': longest, 'share': one.share}


def _row(one: Copying) -> str:
    bars, seconds = (one.longest.bars, one.longest.seconds) if one.longest else (0.0, 0.0)
    return f'{one.notes:>6} {bars:>6.1f} {seconds:>8.1f} {100 * one.share:>4.0f} %'


def _where(one: Copying, training_names: Sequence[str]) -> str:
    run = one.longest
    if not run:
        return ''
    moved = f', {abs(run.semitones)} semitones {"higher" if run.semitones > 0 else "lower"}' if run.semitones else ''
    return f' from bar {run.bar}: {training_names[run.other]} from bar {run.other_bar}{moved}'


def _beside(found: Originality) -> Iterator[str]:
    runs = [one.notes for one in found.training]
    shares = [np.mean([one.share for one in side]) for side in (found.generated, found.training)]
    if len(runs) < 2:
        yield 'There is one training piece, so that it is not known what such pieces have in common.'
        return
    yield (
        f'The {len(runs):,} training pieces have of each other: {np.median(runs):.0f} notes on end in the median, at '
        f'most {found.usual} in 95 of 100; {100 * shares[1]:.0f} % of their notes in such runs, '
        f'{100 * shares[0]:.0f} % of the generated ones.'
    )
    number, pieces = len(found.too_long), words.counted(len(found.generated), 'pieces')
    yield f'{number} of {pieces} {"copies" if number == 1 else "copy"} more than {found.usual} notes on end.'
