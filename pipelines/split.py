"""Which side of the split a piece of music is on."""

import hashlib

TRAINING, EVAL = 'training', 'eval'


def side(source: str, eval_ratio: float, seed: int) -> str:
    """Returns EVAL for a share `eval_ratio` of all sources, TRAINING for the others.

    It hangs on the source's name and the seed alone, so that it is the same on every machine, for every runner, and
    whatever else is in the collection.
    """
    digest = hashlib.sha256(f'{seed}\n{source}'.encode('utf-8', 'surrogateescape')).digest()
    return EVAL if int.from_bytes(digest[:8], 'big') < eval_ratio * 2**64 else TRAINING
