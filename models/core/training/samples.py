"""What a model makes while it is trained, in TensorBoard: always from the same seed, to be seen and to be heard."""

import copy
import dataclasses
import logging
import math
import time
from typing import Any

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import Config
from solferino.models.core.family import Family
from solferino.models.core.storage.checkpoints import Checkpoint
from solferino.models.core.training.monitor import Board
from solferino.models.music.sound.synthesis import SAMPLE_RATE

NAME, SOUND = 'generated', 'generated_sound'  # TensorBoard wants a name for each kind
_SECONDS = 15.0  # of music: more would make the files of events large
_RATE_DIVISOR = 2  # of the samples, likewise
# Sound takes seconds to render: no more than this share of the time of a training.
_MOST_TIME = 0.05
_log = logging.getLogger(__name__)


class Samples:
    """Writes a piece that a model generates to a board.

    Args:
      board: TensorBoard's.
      seed: of the pieces; the same makes those of a run comparable.
    """

    def __init__(self, board: Board, seed: int) -> None:
        self._board, self._seed = board, seed
        self._sounds_from = 0.0  # by the monotonic clock; infinity where nothing can sound

    def show(self, family: Family, config: Config, checkpoint: Checkpoint) -> None:
        """Writes a picture of the music, pictures of the family's own, and sound unless it takes too much time."""
        try:
            options = dataclasses.replace(family.spec.generation, seed=self._seed)
            sequence = family.generate(checkpoint.weights, config, [None], options)[0]
            self._board.picture(checkpoint.step, NAME, family.draw(sequence, config))
            for plot in family.plots(config):
                for name, figure in family.plot(plot, checkpoint.weights, config, sequence, options).items():
                    self._board.picture(checkpoint.step, name, figure)
            self._sound(checkpoint.step, sequence)
        except Exception as error:  # a picture is not worth hours of training
            _log.warning('No picture of a generated track at step %d: %r', checkpoint.step, error)

    def _sound(self, step: int, sequence: Any) -> None:
        if time.monotonic() < self._sounds_from:
            return
        from solferino.models.music.sound import rendering
        from solferino.models.music.sound.synthesis import NotHeardError

        began = time.monotonic()
        try:
            frames = rendering.render(_beginning(sequence)).frames
        except NotHeardError as error:
            _log.info('No sound of a generated track at step %d: %s', step, error)
        except SolferinoError as error:  # the packages are not there
            _log.info('TensorBoard has no sound: %s', error)
            self._sounds_from = math.inf
        else:
            self._board.sound(step, SOUND, *_smaller(frames))
            ended = time.monotonic()
            self._sounds_from = ended + (ended - began) / _MOST_TIME


def _beginning(sequence: Any) -> Any:
    """The first seconds of music; its notes end there."""
    kept = copy.deepcopy(sequence)
    del kept.notes[:]
    for note in sequence.notes:
        if note.start_time < _SECONDS:
            kept.notes.add().CopyFrom(note)
            kept.notes[-1].end_time = min(note.end_time, _SECONDS)
    return kept


def _smaller(frames: np.ndarray) -> tuple[np.ndarray, int]:
    """Sound on one channel at a lower rate, int16 [frames], and that rate."""
    whole = frames[: len(frames) // _RATE_DIVISOR * _RATE_DIVISOR].reshape(-1, _RATE_DIVISOR * frames.shape[1])
    return np.round(whole.mean(axis=1) * np.iinfo(np.int16).max).astype('<i2'), SAMPLE_RATE // _RATE_DIVISOR
