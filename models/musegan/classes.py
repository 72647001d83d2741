"""What a voice does in a step as one of some classes: rest, hold, or a pitch that is struck.

The tutorials' format has pitches alone: a held note is the note again, a rest the lowest pitch.
"""

import dataclasses

import numpy as np

from solferino.hparams.musegan import MuseGanExtraction, MuseGanLearned
from solferino.models.music.pieces.voices import HOLD, REST, sounding

_NEVER = -1e9  # a logit
_REST, _HOLD = 0, 1  # classes
_SILENT = -1


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a config.

    Attributes:
      lowest: MIDI pitch of the first pitch class.
      num_pitches: how many there are.
      others: classes before them: 2, rest and hold, or 0.
      ordered: whether the tracks are in the order of their registers, so that none need cross the one above it.
    """

    lowest: int
    num_pitches: int
    others: int
    ordered: bool

    @classmethod
    def of(cls, extraction: MuseGanExtraction) -> 'Classes':
        """Those that the options ask for."""
        others = extraction.num_classes - extraction.num_pitches
        ordered = extraction.voice_order == 'register' and others > 0
        return cls(extraction.lowest_pitch, extraction.num_pitches, others, ordered)

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

    def likeliest(self, logits: np.ndarray, crossing: bool = False) -> np.ndarray:
        """Returns what each voice does, int32 [pieces, steps, tracks], of logits [pieces, ..., 16, classes, tracks].

        That is what has the highest logit; but for `crossing`, of all that leaves a voice that is ordered no higher
        than those above it, and holds nothing when a piece begins.
        """
        pieces, number, tracks = len(logits), *logits.shape[-2:]
        by_step = logits.reshape(pieces, -1, number, tracks)
        if crossing or not self.ordered:
            return by_step.argmax(axis=2).astype(np.int32)
        made = np.zeros((pieces, by_step.shape[1], tracks), np.int32)
        classes = np.arange(number)
        sounds = np.full((pieces, tracks), _SILENT)  # the class that was struck
        for step in range(by_step.shape[1]):
            above = np.full(pieces, number)
            for track in range(tracks):
                held = sounds[:, track]
                unfit = np.where(classes == _HOLD, held[:, None], classes) > above[:, None]
                if not step:  # what a piece before it has struck is not its own
                    unfit[:, _HOLD] = True
                chosen = np.where(unfit, -np.inf, by_step[:, step, :, track]).argmax(axis=1)
                held = np.where(chosen == _HOLD, held, np.where(chosen == _REST, _SILENT, chosen))
                made[:, step, track], sounds[:, track] = chosen, held
                above = np.where(held == _SILENT, above, np.minimum(above, held))
        return made

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
