"""Note-state matrices: which keys sound in each step of a grid and, in a second plane, which are struck.

A step is a row of cells: those of the sounding plane from the lowest pitch up, then those of the articulation plane, if
there is one. Stored examples hold the indices of the ones.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from solferino.hparams.rbm import RbmExtraction
from solferino.hparams.reasons import EMPTY_WINDOW, PART_OF_WINDOW, Reject
from solferino.models.core.family import Example
from solferino.models.music.pieces.piano_rolls import MAX_STEPS, PianoRoll


@dataclasses.dataclass(frozen=True)
class NoteStates:
    """How the matrices of a config are laid out.

    Attributes:
      lowest: MIDI pitch of the first column.
      pitches: columns of a plane.
      planes: 1 (sounding) or 2 (sounding, articulated).
    """

    lowest: int
    pitches: int
    planes: int

    @classmethod
    def of(cls, extraction: RbmExtraction) -> 'NoteStates':
        """The layout that the options ask for."""
        pitches = extraction.highest_pitch - extraction.lowest_pitch + 1
        return cls(extraction.lowest_pitch, pitches, 1 + extraction.articulation)

    @property
    def highest(self) -> int:
        """MIDI pitch of the last column."""
        return self.lowest + self.pitches - 1

    @property
    def width(self) -> int:
        """Cells of a step."""
        return self.planes * self.pitches

    def of_roll(self, roll: PianoRoll) -> np.ndarray:
        """Returns the matrix bool [steps, width] of a roll of these pitches."""
        return np.concatenate([roll.sounding, roll.struck], axis=1)[:, : self.width]

    def roll(self, matrix: np.ndarray, struck: np.ndarray | None = None) -> PianoRoll:
        """Returns the roll of a matrix [steps, width]; a key that is struck without sounding is not struck.

        Without articulation notes begin where keys begin to sound, and where `struck`, bool [steps, pitches], says so.
        """
        sounding = matrix[:, : self.pitches].astype(bool)
        if self.planes > 1:
            struck = matrix[:, self.pitches :].astype(bool)
        return PianoRoll(sounding, np.zeros_like(sounding) if struck is None else struck & sounding, self.lowest)

    def pack(self, matrix: np.ndarray) -> Example:
        """Returns the stored form of a matrix: 'ones' int32 [n], indices in the flat matrix, and 'steps' int32 [1]."""
        return {'ones': np.flatnonzero(matrix).astype(np.int32), 'steps': np.array([len(matrix)], np.int32)}

    def unpack(self, example: Example) -> np.ndarray:
        """Returns the matrix uint8 [steps, width] of a stored example. Raises ValueError if it cannot be one."""
        ones, steps = example.get('ones'), example.get('steps')
        if ones is None or steps is None or ones.ndim != 1 or steps.shape != (1,) or not steps[0] >= 1:
            raise ValueError('it does not hold a note-state matrix')
        if steps[0] > MAX_STEPS:
            raise ValueError(f'its matrix has {steps[0]} steps; at most {MAX_STEPS} can be held')
        cells = int(steps[0]) * self.width
        if len(ones) and not 0 <= ones.min() <= ones.max() < cells:
            raise ValueError(f'its ones are not in a matrix of {steps[0]} steps and {self.width} cells a step')
        matrix = np.zeros(cells, np.uint8)
        matrix[ones] = 1
        return matrix.reshape(-1, self.width)


def cut(matrix: np.ndarray, window: int, most: int, hop: int, fill_last: bool, reject: Reject) -> Iterator[np.ndarray]:
    """Cuts a matrix [steps, width] into runs of whole windows, until one reaches its end.

    Args:
      matrix: of a piece.
      window: steps of a window.
      most: windows of a run; the last run may have fewer.
      hop: steps from the beginning of a run to that of the next; 0 for one right after the other.
      fill_last: whether the last, incomplete window is filled with silence; otherwise it is left out.
      reject: called for what is left out: an incomplete window, and runs of silence.
    """
    length = window * most
    for start in range(0, len(matrix), hop or length):
        run = matrix[start : start + length]
        rest = len(run) % window
        if rest and fill_last:
            run = np.concatenate([run, np.zeros((window - rest, run.shape[1]), run.dtype)])
        elif rest:
            reject(PART_OF_WINDOW)
            run = run[:-rest]
        if run.any():
            yield run
        elif len(run):
            reject(EMPTY_WINDOW)
        if start + length >= len(matrix):
            break
