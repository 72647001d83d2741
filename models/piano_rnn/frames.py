"""Frames: which keys of a piano sound, bool [steps, W]; their stored form, and tokens.

With articulation W is 2 KEYS: column KEYS + k is on in a frame where key k, which sounded in the frame before, is
struck again. That is all that the first plane does not tell: a key that did not sound before is struck. Without it W is
KEYS, and a note that is repeated at once is one long note.

A stored example is `pitches` int32 [notes], MIDI pitches, ascending within each frame, and after them those of keys
that are struck again, each plus STRUCK; `sizes` int32 [steps], how many of all these belong to each frame; `context`
int32 [1], how many of the first frames are context and not predicted; and `begins` int32 [1], 1 if the music begins
with the first frame and 0 if there were frames before it.
"""

from collections.abc import Iterator

import numpy as np

from solferino.hparams.piano_rnn import AGAIN, EMPTY, HIGHEST, LOWEST
from solferino.models.core.family import Example
from solferino.models.music.pieces.piano_rolls import PianoRoll

KEYS = HIGHEST - LOWEST + 1
STRUCK = 128  # above all MIDI pitches
_NAMES = ('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')


def of_roll(roll: PianoRoll, articulation: bool) -> np.ndarray:
    """Returns the frames of a roll of all keys."""
    if not articulation:
        return roll.sounding
    again = roll.struck & sounds_on(roll.sounding)
    return np.concatenate([roll.sounding, again], axis=1)


def to_roll(frames: np.ndarray) -> PianoRoll:
    """Inverse of `of_roll`: the roll that frames bool [steps, W] are played from."""
    sounding, again = frames[:, :KEYS], frames[:, KEYS:]
    return PianoRoll(sounding, again if again.shape[1] else np.zeros_like(sounding), LOWEST)


def sounds_on(sounding: np.ndarray) -> np.ndarray:
    """Which keys sound as they did in the frame before, bool [steps, KEYS]: those that may be struck again."""
    return sounding & np.pad(sounding, [(1, 0), (0, 0)])[:-1]


def width(articulation: bool) -> int:
    """W."""
    return KEYS * (1 + articulation)


def to_example(frames: np.ndarray, context: int, begins: bool) -> Example:
    """Returns the stored form of `frames`; the first `context` of them are not predicted."""
    plane, key = np.divmod(frames.nonzero()[1], KEYS)
    return {
        'pitches': (key + LOWEST + plane * STRUCK).astype(np.int32),
        'sizes': frames.sum(axis=1, dtype=np.int32),
        'context': np.array([context], np.int32),
        'begins': np.array([begins], np.int32),
    }


def of_example(example: Example, articulation: bool) -> tuple[np.ndarray, int]:
    """Returns the frames and the context of `to_example`. Raises ValueError if the example is something else."""
    pitches, sizes, context = (example.get(name) for name in ('pitches', 'sizes', 'context'))
    if pitches is None or sizes is None or context is None or not pitches.ndim == sizes.ndim == context.ndim == 1:
        raise ValueError('it does not hold the frames of a piano')
    if len(context) != 1 or not 0 <= context[0] < len(sizes):
        raise ValueError('it has no frames to predict')
    if sizes.min() < 0 or sizes.sum() != len(pitches):
        raise ValueError('its frames do not have as many notes as it holds')
    again = pitches >= STRUCK
    keys = pitches - again * STRUCK - LOWEST
    if len(keys) and not 0 <= keys.min() <= keys.max() < KEYS:
        raise ValueError(f'its pitches are not from {LOWEST} to {HIGHEST}')
    if again.any() and not articulation:
        raise ValueError('it says which keys are struck again, and its config does not')
    frames = np.zeros((len(sizes), width(articulation)), bool)
    frames[np.repeat(np.arange(len(sizes)), sizes), keys + again * KEYS] = True
    if articulation and (frames[:, KEYS:] & ~frames[:, :KEYS]).any():
        raise ValueError('it strikes keys again that do not sound')
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
    """Yields '49,68' for each frame, the pitches that sound in ascending order, or 'e'; '49,68!' if 68 is struck again.

    What is struck again without sounding is not told.
    """
    rows, keys = frames[:, :KEYS].nonzero()
    marks = ('', AGAIN)
    again = frames[rows, KEYS + keys].tolist() if frames.shape[1] > KEYS else [False] * len(keys)
    pitches = [f'{key + LOWEST}{marks[struck]}' for key, struck in zip(keys.tolist(), again, strict=True)]
    ends = np.searchsorted(rows, np.arange(len(frames)), side='right').tolist()
    start = 0
    for end in ends:
        yield ','.join(pitches[start:end]) or EMPTY
        start = end


def of_tokens(texts: tuple[str, ...], articulation: bool) -> np.ndarray:
    """Inverse of `tokens`. Raises ValueError if a text is no token."""
    frames = np.zeros((len(texts), width(articulation)), bool)
    for row, text in enumerate(texts):
        if text != EMPTY:
            pitches = text.split(',')
            keys = [int(pitch.removesuffix(AGAIN)) - LOWEST for pitch in pitches]
            again = [key for key, pitch in zip(keys, pitches, strict=True) if pitch.endswith(AGAIN)]
            if not all(0 <= key < KEYS for key in keys) or keys != sorted(set(keys)):
                raise ValueError(f'{text!r} is no set of pitches from {LOWEST} to {HIGHEST}')
            if again and not articulation:
                raise ValueError(f'{text!r} says what is struck again, and its config does not')
            frames[row, keys] = True
            frames[row, [KEYS + key for key in again]] = True
    return frames


def names(frame: np.ndarray) -> list[str]:
    """'C4' for each key of a frame [KEYS] that sounds, lowest first; MIDI pitch 60 is C4."""
    return [_NAMES[pitch % 12] + str(pitch // 12 - 1) for pitch in (frame.nonzero()[0] + LOWEST).tolist()]


def of_pitch(pitch: int) -> np.ndarray:
    """One frame, bool [1, KEYS], in which one key sounds."""
    frames = np.zeros((1, KEYS), bool)
    frames[0, pitch - LOWEST] = True
    return frames
