"""`--transpose_augment`: transposed copies of training examples, as text."""

import re

HELP = 'Add transposed copies of each training example, from:to in semitones, such as -5:6.'
_MOST = 12


def semitones(text: str) -> tuple[int, ...]:
    """'-1:2' -> (-1, 0, 1, 2); '' -> (0,). Raises ValueError for a text that is no range of at most an octave."""
    match = re.fullmatch(r'([+-]?\d{1,2}):([+-]?\d{1,2})', text or '0:0')
    low, high = (int(match[1]), int(match[2])) if match else (1, 0)
    if not -_MOST <= low <= high <= _MOST:
        raise ValueError(f'transpose_augment={text} is not from:to in semitones of an octave, such as -5:6.')
    return tuple(sorted({0, *range(low, high + 1)}))
