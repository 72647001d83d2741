"""The side of the split that a piece of music is on.

By content, near-duplicates are on one side together. Which pieces are near-duplicates is found in a pass of its own
over the music, before that which makes examples: workers make half a kilobyte of each piece, the process that started
the pipeline groups them, and the workers are told of the groups alone.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from solferino.models.music.originality import signatures
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.timeline import DEFAULT_QPM
from solferino.pipelines import reading

if TYPE_CHECKING:
    from solferino.pipelines.engine.task import Results

TRAINING, EVAL = 'training', 'eval'
# What decides the side of a piece: what it is like, with all its near-duplicates; its very notes; its file's name.
BY_CONTENT, BY_NOTES, BY_NAME = 'by_content', 'by_notes', 'by_name'
WAYS = (BY_CONTENT, BY_NOTES, BY_NAME)
SIGNATURES = 'signatures'  # where `Sign` writes to
_STEPS_PER_QUARTER = 4
_KEY_BYTES = 32


def side(key: str, eval_ratio: float, seed: int) -> str:
    """Returns EVAL for a share `eval_ratio` of all keys, TRAINING for the others.

    It depends on the key and the seed alone: not on the machine, the runner or the rest of the collection.
    """
    digest = hashlib.sha256(f'{seed}\n{key}'.encode()).digest()
    return EVAL if int.from_bytes(digest[:8], 'big') < eval_ratio * 2**64 else TRAINING


def key(music: Piece) -> str:
    """Returns the key of a piece, which decides its side: a hash of its notes.

    Names are not used: a renamed file or folder could change sides, and a model that is trained further would be
    evaluated on what it has learned. Copies of a piece under two names are on the same side, so that no model is
    evaluated on a copy of what it learned.

    The hash is of pitches and onsets, in sixteenths after the first onset at the first tempo: a copy in another tempo,
    with other velocities or instruments, or after a rest, is the same piece. The order of the notes in the file does
    not count. The arithmetic is IEEE, exact on every machine.
    """
    notes = music.notes
    qpm = min(music.tempos, key=lambda tempo: tempo.time).qpm if music.tempos else DEFAULT_QPM
    seconds = notes['start'] - notes['start'].min(initial=np.inf)
    with np.errstate(over='ignore', invalid='ignore'):
        steps = np.nan_to_num(np.rint(seconds * (qpm * _STEPS_PER_QUARTER) / 60))  # a file's tempo may be infinite
    order = np.lexsort((notes['pitch'], steps))
    digest = hashlib.sha256(notes['pitch'][order].astype('<i4').tobytes())
    digest.update(steps[order].astype('<f8').tobytes())
    return digest.hexdigest()


def key_of_name(music: Piece) -> str:
    """Returns the key of a piece for BY_NAME: the folder and name of its file, whose tunes stay together."""
    return f'{music.collection_name}/{music.filename}' if music.filename else music.id


class Sign:
    """The task: NoteSequences to their keys and signatures, for `leaders`. See work.Task."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def setup(self) -> None:
        """See work.Task."""

    def teardown(self) -> None:
        """See work.Task."""

    def process(self, payloads: Iterator[bytes], results: 'Results') -> None:
        """See work.Task."""
        for payload in payloads:
            music = reading.note_sequence(payload, self._pattern)
            if not piece.flaw(music) and len(music.notes):
                own = bytes.fromhex(key(music))
                results.write(SIGNATURES, own.hex(), own + signatures.signature(music).astype('<u4').tobytes())
            results.step()


def leaders(signed: Iterable[bytes]) -> tuple[dict[str, str], int]:
    """Returns the key that stands for the group, by the key of each near-duplicate; and how many pieces these are.

    The key is the least of them, so that the order does not matter. Keys that stand for themselves are left out.

    Args:
      signed: what `Sign` wrote.
    """
    table = np.frombuffer(
        b''.join(signed), np.dtype([('key', f'V{_KEY_BYTES}'), ('signature', '<u4', signatures.SIZE)])
    )
    pieces = Counter(own.tobytes().hex() for own in table['key'])
    by_key = {own.tobytes().hex(): numbers for own, numbers in zip(table['key'], table['signature'], strict=True)}
    keys = sorted(by_key)
    groups = signatures.groups(np.array([by_key[own] for own in keys]).reshape(-1, signatures.SIZE))
    together = {keys[row]: keys[min(rows)] for rows in groups for row in rows}
    number = sum(times for own, times in pieces.items() if own in together or times > 1)
    return {own: lead for own, lead in together.items() if own != lead}, number
