"""The piano-roll benchmark's data sets (Boulanger-Lewandowski, Bengio, Vincent 2012).

A folder has a JSON file for each: split -> sequences -> time steps -> MIDI pitches sounding. A sequence becomes a roll,
bool [steps, KEYS], column 0 for LOWEST.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

LOWEST, HIGHEST = 21, 108
KEYS = HIGHEST - LOWEST + 1
TRAIN, VALID, TEST = 'train', 'valid', 'test'


class Unreadable(Exception):
    """A file that is not there or not of this form; the message says which and what to do."""


@dataclasses.dataclass(frozen=True)
class DataSet:
    """What is known of a data set.

    Attributes:
      name: in commands.
      title: for people.
      file: in the folder.
    """

    name: str
    title: str
    file: str

    def path(self, folder: Path) -> Path:
        """Where it is. Raises Unreadable if it is not."""
        path = folder / self.file
        if not path.is_file():
            raise Unreadable(
                f'There is no {path}. DATA must name the folder with {", ".join(d.file for d in DATA_SETS.values())}.'
            )
        return path

    def read(self, folder: Path, split: str) -> list[np.ndarray]:
        """Returns the rolls of a split. Raises Unreadable."""
        path = self.path(folder)
        try:
            sequences = json.loads(path.read_text(encoding='utf-8'))[split]
            rolls = [roll(frames) for frames in sequences]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise Unreadable(
                f'{path} is not {self.title}: {split} -> sequences -> time steps -> MIDI pitches from {LOWEST} to '
                f'{HIGHEST} is wanted ({type(error).__name__}: {error}).'
            ) from error
        if not rolls:
            raise Unreadable(f'{path} has no sequence in {split}.')
        return rolls


DATA_SETS = {
    d.name: d
    for d in (
        DataSet('jsb', 'JSB Chorales', 'JSB_Chorales.json'),
        DataSet('nottingham', 'Nottingham', 'Nottingham.json'),
        DataSet('piano', 'Piano-midi.de', 'Piano_midi.json'),
    )
}


def roll(frames: Sequence[Sequence[int]]) -> np.ndarray:
    """Returns bool [steps, KEYS]. Raises ValueError for no step and for a pitch that is no key of the piano."""
    if not frames:
        raise ValueError('a sequence without steps')
    keys = np.zeros((len(frames), KEYS), bool)
    for step, pitches in enumerate(frames):
        for pitch in pitches:
            if not LOWEST <= pitch <= HIGHEST:
                raise ValueError(f'pitch {pitch}')
            keys[step, pitch - LOWEST] = True
    return keys


def transposed(keys: np.ndarray, semitones: int) -> np.ndarray:
    """Returns a roll moved by so many semitones, which `room` allows."""
    return np.roll(keys, semitones, axis=1)


def room(keys: np.ndarray) -> tuple[int, int]:
    """Returns from (at most 0) and to (at least 0) how many semitones a roll can be moved within the piano's keys."""
    sounding = np.flatnonzero(keys.any(axis=0))
    return (-int(sounding[0]), int(KEYS - 1 - sounding[-1])) if len(sounding) else (0, 0)


@dataclasses.dataclass(frozen=True)
class Cutting:
    """How sequences become training examples, anew in each epoch.

    Attributes:
      crop: steps of an example, cut at random places; 0 leaves sequences whole.
      context: how many steps before it an example is given to see, without having to predict them.
      transpose: a sequence is moved by a random number of semitones from the first to the second of these, so that
        all of its notes stay on the piano.
      share: of the sequences that are moved. All are in C major or C minor, those to be predicted too, so that moving
        them shows more music but hides its key.
      scattered: for models that see a step alone: an example is steps from anywhere, so that a batch of few examples
        is as well mixed as one of many.
    """

    crop: int = 0
    context: int = 0
    transpose: tuple[int, int] = (0, 0)
    share: float = 1.0
    scattered: bool = False

    def __post_init__(self) -> None:
        if self.scattered and self.context:
            raise ValueError('Steps that are scattered have no context.')

    def pieces(self, rolls: Sequence[np.ndarray], rng: np.random.Generator) -> Iterator[tuple[np.ndarray, int]]:
        """Yields (roll, how many of its first steps are only seen). Each step is to be predicted exactly once."""
        moved: Iterable[np.ndarray] = (self._moved(keys, rng) for keys in rolls)
        if self.scattered:
            moved = [rng.permutation(np.concatenate(list(moved)))]
        for keys in moved:
            for start, end in self._cuts(len(keys), rng):
                seen = min(self.context, start)
                yield keys[start - seen : end], seen

    def _moved(self, keys: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not any(self.transpose) or rng.random() >= self.share:
            return keys
        lowest, highest = (int(n) for n in np.clip(self.transpose, *room(keys)))
        return transposed(keys, int(rng.integers(lowest, highest + 1)))

    def _cuts(self, steps: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        if not self.crop or steps <= self.crop:
            yield 0, steps
            return
        places = range(int(rng.integers(1, self.crop + 1)), steps, self.crop)
        yield from zip((0, *places), (*places, steps), strict=True)


def example(keys: np.ndarray, seen: int = 0) -> dict[str, Any]:
    """Returns a roll as a stored example of piano rolls: the frames' pitches, their sizes, the steps only seen."""
    _, columns = np.nonzero(keys)
    return {
        'pitches': (columns + LOWEST).astype(np.int32),
        'sizes': keys.sum(axis=1).astype(np.int32),
        'context': np.array([seen], np.int32),
    }
