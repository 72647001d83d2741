"""The side of the split that a piece of music is on."""

import hashlib

import numpy as np

from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.timeline import DEFAULT_QPM

TRAINING, EVAL = 'training', 'eval'
_STEPS_PER_QUARTER = 4


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
