"""What a voice does in a step as one of some classes: rest, hold, or a pitch that is struck.

The tutorials' format has pitches alone: a held note is the note again, a rest the lowest pitch.
"""

import dataclasses

import numpy as np

from solferino.hparams.musegan import MuseGanExtraction, MuseGanLearned
from solferino.models.music.pieces.voices import HOLD, REST, sounding

_NEVER = -1e9  # a logit


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a config.

    Attributes:
      lowest: MIDI pitch of the first pitch class.
      num_pitches: how many there are.
      others: classes before them: 2, rest and hold, or 0.
    """

    lowest: int
    num_pitches: int
    others: int

    @classmethod
    def of(cls, extraction: MuseGanExtraction) -> 'Classes':
        """Those that the options ask for."""
        return cls(extraction.lowest_pitch, extraction.num_pitches, extraction.num_classes - extraction.num_pitches)

    @property
    def number(self) -> int:
        """How many classes there are."""
        return self.others + self.num_pitches

    def allowed(self, learned: MuseGanLearned, num_tracks: int) -> np.ndarray:
        """Returns what to add to the logits of each class and track, float32 [classes, tracks]: 0, or a lot less.

        A track has no pitches that the training examples do not reach.
        """
        if not learned.lowest:
            return np.zeros((self.number, num_tracks), np.float32)
        pitches = np.arange(self.number)[:, None] - self.others + self.lowest
        inside = (np.array(learned.lowest) <= pitches) & (pitches <= np.array(learned.highest))
        inside[: self.others] = True
        return np.where(inside, 0, _NEVER).astype(np.float32)

    def fits(self, voices: np.ndarray) -> bool:
        """Whether all pitches of voices are among these."""
        struck = voices[voices >= 0]
        return not len(struck) or (self.lowest <= struck.min() and struck.max() < self.lowest + self.num_pitches)

    def of_voices(self, voices: np.ndarray) -> np.ndarray:
        """Returns the classes int32 [steps, voices] of voices whose first step holds nothing."""
        if self.others:
            return np.where(voices >= 0, voices - self.lowest + self.others, np.where(voices == HOLD, 1, 0)).astype(
                np.int32
            )
        pitches = sounding(voices)
        return np.where(pitches >= 0, pitches - self.lowest, 0).astype(np.int32)

    def voices(self, classes: np.ndarray) -> np.ndarray:
        """Returns voices of classes [steps, voices]; what is held from before the first step rests.

        In the tutorials' format equal neighbours are one note.
        """
        if self.others:
            voices = np.where(
                classes >= self.others, classes - self.others + self.lowest, np.where(classes == 1, HOLD, REST)
            )
        else:
            voices = classes + self.lowest
            voices[1:][classes[1:] == classes[:-1]] = HOLD
        voices = voices.astype(np.int32)
        # A hold after a rest, or at the beginning, has nothing to hold.
        sounds = np.zeros(voices.shape[1], bool)
        for step in voices:
            step[(step == HOLD) & ~sounds] = REST
            sounds = step != REST
        return voices
