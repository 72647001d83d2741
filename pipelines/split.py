"""Which side of the split a piece of music is on."""

import hashlib

import numpy as np

from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.timeline import DEFAULT_QPM

TRAINING, EVAL = 'training', 'eval'
_STEPS_PER_QUARTER = 4


def side(key: str, eval_ratio: float, seed: int) -> str:
    """Returns EVAL for a share `eval_ratio` of all keys, TRAINING for the others.

    It hangs on the key and the seed alone, so that it is the same on every machine, for every runner, and whatever else
    is in the collection.
    """
    digest = hashlib.sha256(f'{seed}\n{key}'.encode()).digest()
    return EVAL if int.from_bytes(digest[:8], 'big') < eval_ratio * 2**64 else TRAINING


def key(music: Piece) -> str:
    """Returns what decides the side of a piece: a hash of its notes.

    Names play no part: music whose folder or file is renamed would change sides, and a model that is trained on would
    be evaluated on what it has learned. Copies of a piece under two names are on one side, so that no model is
    evaluated on the twin of what it learned.

    Of the notes it takes pitch and onset, in sixteenths after the first onset at the first tempo: a copy in another
    tempo, with other velocities or instruments, or after a rest, is the same piece. The order of the notes in the file
    does not count. All is the rounding of exact IEEE arithmetic, the same on every machine.
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
