"""Frames: which keys of a piano sound, bool [steps, KEYS]; their stored form, and tokens.

A stored example is `pitches` int32 [notes], MIDI pitches, ascending within each frame; `sizes` int32 [steps], how many
of them belong to each frame; `context` int32 [1], how many of the first frames are context and not predicted; and
`begins` int32 [1], 1 if the music begins with the first frame and 0 if there were frames before it.
"""

from collections.abc import Iterator

import numpy as np

from solferino.hparams.piano_rnn import EMPTY, HIGHEST, LOWEST
from solferino.models.core.family import Example

KEYS = HIGHEST - LOWEST + 1
_NAMES = ('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')


def to_example(frames: np.ndarray, context: int, begins: bool) -> Example:
    """Returns the stored form of `frames`; the first `context` of them are not predicted."""
    return {
        'pitches': (frames.nonzero()[1] + LOWEST).astype(np.int32),
        'sizes': frames.sum(axis=1, dtype=np.int32),
        'context': np.array([context], np.int32),
        'begins': np.array([begins], np.int32),
    }


def of_example(example: Example) -> tuple[np.ndarray, int]:
    """Returns the frames and the context of `to_example`. Raises ValueError if the example is something else."""
    pitches, sizes, context = (example.get(name) for name in ('pitches', 'sizes', 'context'))
    if pitches is None or sizes is None or context is None or not pitches.ndim == sizes.ndim == context.ndim == 1:
        raise ValueError('it does not hold the frames of a piano')
    if len(context) != 1 or not 0 <= context[0] < len(sizes):
        raise ValueError('it has no frames to predict')
    if sizes.min() < 0 or sizes.sum() != len(pitches):
        raise ValueError('its frames do not have as many notes as it holds')
    if len(pitches) and not LOWEST <= pitches.min() <= pitches.max() <= HIGHEST:
        raise ValueError(f'its pitches are not from {LOWEST} to {HIGHEST}')
    frames = np.zeros((len(sizes), KEYS), bool)
    frames[np.repeat(np.arange(len(sizes)), sizes), pitches - LOWEST] = True
    return frames, int(context[0])


def begins(example: Example) -> bool:
    """Whether the music begins with the first frame. Raises ValueError if the example is damaged."""
    said = example.get('begins')
    if said is None:  # stored by an earlier version: a piece's first example saw one frame, the others a window
        return int(example['context'][0]) <= 1
    if said.shape != (1,) or said[0] not in (0, 1):
        raise ValueError('it does not say whether the music begins with it')
    return bool(said[0])


def tokens(frames: np.ndarray) -> Iterator[str]:
    """Yields '49,68' for each frame, the pitches that sound in ascending order, or 'e'."""
    rows, keys = frames.nonzero()
    pitches = (keys + LOWEST).tolist()
    ends = np.searchsorted(rows, np.arange(len(frames)), side='right').tolist()
    start = 0
    for end in ends:
        yield ','.join(map(str, pitches[start:end])) or EMPTY
        start = end


def of_tokens(texts: tuple[str, ...]) -> np.ndarray:
    """Inverse of `tokens`. Raises ValueError if a text is no token."""
    frames = np.zeros((len(texts), KEYS), bool)
    for row, text in enumerate(texts):
        if text != EMPTY:
            keys = [int(pitch) - LOWEST for pitch in text.split(',')]
            if not all(0 <= key < KEYS for key in keys) or keys != sorted(set(keys)):
                raise ValueError(f'{text!r} is no set of pitches from {LOWEST} to {HIGHEST}')
            frames[row, keys] = True
    return frames


def names(frame: np.ndarray) -> list[str]:
    """'C4' for each key of a frame [KEYS] that sounds, lowest first; MIDI pitch 60 is C4."""
    return [_NAMES[pitch % 12] + str(pitch // 12 - 1) for pitch in (frame.nonzero()[0] + LOWEST).tolist()]


def of_pitch(pitch: int) -> np.ndarray:
    """One frame [1, KEYS] in which one key sounds."""
    frames = np.zeros((1, KEYS), bool)
    frames[0, pitch - LOWEST] = True
    return frames
