"""From frames to the indices of their tokens in a vocabulary, and back."""

import functools
from collections.abc import Mapping

import numpy as np

from solferino.hparams.piano_rnn import EMPTY, PianoConfig, Vocabulary
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn.frames import KEYS

_AT_ONCE = 512  # frames compared with the vocabulary in one matmul, so that the table of distances stays small
# Weights of the parts of a distance but the last. All sums are below 2^24, exact in float32.
_BASS = KEYS + 1
_SECOND = 2 * _BASS
_FIRST = _SECOND * (KEYS + 1)
_NEVER = 1 << 23  # farther than any frame


def build(counts: Mapping[str, int], size: int, min_count: int) -> Vocabulary:
    """Returns the vocabulary of tokens that occur `min_count` times or more, at most `size` of them, and of 'e'."""
    ranked = sorted((token for token in counts if counts[token] >= min_count), key=lambda t: (-counts[t], t))[:size]
    if EMPTY not in ranked:
        ranked = [*ranked[: size - 1], EMPTY]
    return Vocabulary(tuple(ranked))


def coverage(vocabulary: Vocabulary, counts: Mapping[str, int]) -> float:
    """The share of the frames counted, in percent, whose token is in the vocabulary."""
    known = set(vocabulary.tokens)
    return 100 * sum(count for token, count in counts.items() if token in known) / sum(counts.values())


def of(config: PianoConfig) -> 'Lookup':
    """The lookup of a config's vocabulary, made once. Raises ValueError if it is damaged."""
    return _made(config.learned, config.extraction.articulation)


@functools.lru_cache(maxsize=8)
def _made(vocabulary: Vocabulary, articulation: bool) -> 'Lookup':
    return Lookup(vocabulary, articulation)


class Lookup:
    """Finds frames in a vocabulary; a frame that is not in it is replaced by the nearest one.

    The nearest one has the fewest notes to add or to take away; among equals the fewest to add, then the same bass,
    then the fewest keys that one strikes again and the other does not, then the highest frequency. Silence never
    replaces a frame that sounds: a single note that is not in the vocabulary would be lost, and with it a primer of one
    note.

    Attributes:
      frames: bool [tokens, columns].
      empty: the index of 'e'.
    """

    def __init__(self, vocabulary: Vocabulary, articulation: bool) -> None:
        if EMPTY not in vocabulary.tokens:
            raise ValueError(f'its vocabulary lacks {EMPTY!r}')
        self.frames = frame_tools.of_tokens(vocabulary.tokens, articulation)
        self.empty = vocabulary.tokens.index(EMPTY)
        self._known = {key: index for index, key in enumerate(_keys(self.frames))}
        self._nearest: dict[bytes, int] = {}
        # The distance of frame a from token b is (added + missing, added, whether the bass differs, how many are struck
        # again in one alone), the first part counting most. With s shared notes, added = |b| - s and missing = |a| - s:
        # but for what depends on a alone, the distance is linear in a.
        sounding, again = self.frames[:, :KEYS], self.frames[:, KEYS:]
        self._distance = np.concatenate(
            [sounding * np.float32(-2 * _FIRST - _SECOND), again * np.float32(-2), -_BASS * _bass(sounding)], axis=1
        ).T.copy()
        self._constant = sounding.sum(axis=1, dtype=np.float32) * np.float32(_FIRST + _SECOND)
        self._constant += again.sum(axis=1, dtype=np.float32)
        self._constant[self.empty] = _NEVER

    def __len__(self) -> int:
        return len(self.frames)

    def indices(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the index int32 [steps] of each frame, and whether it had to be replaced, bool [steps]."""
        keys = _keys(frames)
        unknown = np.array([key not in self._known for key in keys], bool)
        new = {keys[row]: row for row in unknown.nonzero()[0].tolist() if keys[row] not in self._nearest}
        self._nearest.update(zip(new, self.nearest(frames[list(new.values())]).tolist(), strict=True))
        indices = [self._nearest[key] if rare else self._known[key] for key, rare in zip(keys, unknown, strict=True)]
        return np.array(indices, np.int32), unknown

    def nearest(self, frames: np.ndarray) -> np.ndarray:
        """The index int [steps] of the nearest known frame."""
        parts = [self._nearest_of(frames[start : start + _AT_ONCE]) for start in range(0, len(frames), _AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0, int)

    def _nearest_of(self, frames: np.ndarray) -> np.ndarray:
        distances = np.concatenate([frames, _bass(frames[:, :KEYS])], axis=1) @ self._distance  # float32, exact
        return (distances + self._constant).argmin(axis=1)  # among equals the first, which is the most frequent


def _keys(frames: np.ndarray) -> list[bytes]:
    """A key for each frame, equal for equal ones."""
    packed = np.packbits(frames, axis=1)
    return [row.tobytes() for row in packed]


def _bass(frames: np.ndarray) -> np.ndarray:
    """A one at the lowest key that sounds, float32 [steps, KEYS]."""
    return (frames & (frames.cumsum(axis=1) == 1)).astype(np.float32)
