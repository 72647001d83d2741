"""What `solferino_inspect --leaks` tells: which pieces of one side of a split have a near-duplicate on the other."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records, sequence_examples
from solferino.models.music.originality import leaks, signatures
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece
from solferino.pipelines import music_files
from solferino.pipelines.inspection import datasets

_SPLIT = 'create_dataset --split=by_content, its default, keeps near-duplicates on one side.'
# Of the songs of `make demo`, pairs that share a fifth or more share up to 9 % more as examples (95 of 100 of them).
_SPLIT_OF_EXAMPLES = (
    'These are examples, compared as the model sees them: on its grid, where no note is early or late. '
    'create_dataset\n--split=by_content, its default, compared the files as they are played, in which the same two '
    'pieces share up to 9 % less:\nwhat has little more than {least} % here can have less than that there, and then is '
    'kept apart. That is one style, rather than\na copy, which shares nearly all.'
)


class _Side(NamedTuple):
    """The pieces of one side that have notes, their names, and whether they are examples."""

    names: list[str]
    pieces: list[Piece]
    examples: bool


def report(training: str, evaluation: str) -> str:
    """Returns, as text, which pieces of `evaluation` have a near-duplicate in `training`, and of what kind.

    Both are files of NoteSequences or of examples, music files, or folders of them.

    Raises SolferinoError for what cannot be read, and for a side without music.
    """
    known, held_out = _side(training), _side(evaluation)
    found, least = leaks.find(held_out.pieces, known.pieces), round(100 * signatures.ALIKE)
    lines = [
        f'{len(found)} of the {words.counted(len(held_out.pieces), "pieces")} of {evaluation} '
        f'{"has" if len(found) == 1 else "have"} a near-duplicate among the '
        f'{words.counted(len(known.pieces), "pieces")} of {training} '
        f'(by their signatures {least} % or more of their n-grams are the same).'
    ]
    kinds = Counter(kind.partition(' by ')[0].partition(' (')[0] for leak in found for kind in leak.likeness.kinds)
    lines += [f'{number:>6}  {kind}' for kind, number in kinds.most_common()]
    for leak in found:
        more = f', and {len(leak.others) - 1} more' if len(leak.others) > 1 else ''
        lines += [
            '',
            f'{held_out.names[leak.place]} is like {known.names[leak.others[0]]}{more}',
            f'        {", ".join(leak.likeness.kinds)}; shared n-grams: {100 * leak.likeness.shared:.0f} %',
        ]
    if found:
        of_examples = known.examples or held_out.examples
        lines += ['', _SPLIT_OF_EXAMPLES.format(least=least) if of_examples else _SPLIT]
    return '\n'.join(lines)


def _side(path: str) -> _Side:
    examples = _examples(path)
    side = _Side([], [], examples is not None)
    for name, music in _music(path) if examples is None else examples:
        if len(music.notes) and not piece.flaw(music):
            side.names.append(name)
            side.pieces.append(music)
    if not side.pieces:
        raise SolferinoError(f'{path} has no music with notes in it, so that there is nothing to compare.')
    return side


def _music(path: str) -> Iterator[tuple[str, Piece]]:
    for where, sequence in music_files.read(music_files.find([path], 'leaks')):
        yield where.name, piece.of(sequence)


def _examples(path: str) -> Iterator[tuple[str, Piece]] | None:
    """The examples of a dataset as music; None if it is something else."""
    path = os.path.expanduser(path)
    if not path.endswith('.tfrecord'):
        return None
    paths = [file for file in records.expand(path) if os.path.getsize(file)]
    if not paths or not sequence_examples.is_example(next(records.read(paths[0]))):
        return None
    music = datasets.music(path, paths)
    return ((f'example {number}', piece.of(sequence)) for number, sequence in enumerate(music, start=1))
