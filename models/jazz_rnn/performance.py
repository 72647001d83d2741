"""A melody and chords as a NoteSequence of two tracks."""

from collections.abc import Sequence

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams.jazz_rnn import STEPS_PER_QUARTER
from solferino.models.core.family import add_metre
from solferino.models.music.jazz.chords import Changes
from solferino.models.music.jazz.tokens import Note
from solferino.models.music.reading.note_sequence_bytes import add_notes

_MELODY, _CHORDS = 0, 1  # instruments
_SAX, _PIANO = 65, 0  # programs
_LOUD, _SOFT = 90, 60  # velocities
_BASS, _HAND = 36, 48  # the lowest pitches of basses and of the tones above them


def play(
    melody: Sequence[Note],
    changes: Changes,
    begin: int,
    end: int,
    qpm: float,
    swing: float = 0.5,
    metre: tuple[int, int] | None = None,
    chord_notes: bool = True,
) -> music_pb2.NoteSequence:
    """Returns the music from the step `begin` to the step `end`.

    Args:
      melody: its notes; those that begin before are left out.
      changes: the chords, which are written above the music.
      begin, end: steps; the first of them is at no seconds.
      qpm: quarters a minute.
      swing: where in a quarter its half is, from 0.5 on.
      metre: numerator and denominator, if it has one.
      chord_notes: whether the chords are also played.
    """
    sequence = music_pb2.NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    add_metre(sequence, metre)
    seconds = 60 / qpm / STEPS_PER_QUARTER

    def times(steps: Sequence[int]) -> np.ndarray:
        return (_swung(np.array(steps, float), swing) - _swung(np.array([begin], float), swing)) * seconds

    notes = [note for note in melody if note.start >= begin]
    add_notes(
        sequence,
        times([note.start for note in notes]),
        times([min(note.end, end) for note in notes]),
        np.array([note.pitch for note in notes], np.int64),
        _LOUD,
        _MELODY,
        _SAX,
    )
    parts = changes.between(begin, end)
    for start, _, chord in parts:
        text = sequence.text_annotations.add(time=float(times([begin + start])[0]), text=chord.name)
        text.annotation_type = music_pb2.NoteSequence.TextAnnotation.CHORD_SYMBOL
    struck = [
        (begin + start, begin + stop, pitch)
        for start, stop, chord in (parts if chord_notes else ())
        for pitch in (_BASS + chord.bass, *sorted(_HAND + tone for tone in chord.tones))
    ]
    add_notes(
        sequence,
        times([start for start, _, _ in struck]),
        times([stop for _, stop, _ in struck]),
        np.array([pitch for *_, pitch in struck], np.int64),
        _SOFT,
        _CHORDS,
        _PIANO,
    )
    sequence.total_time = max((note.end_time for note in sequence.notes), default=0.0)
    return sequence


def _swung(steps: np.ndarray, swing: float) -> np.ndarray:
    """Steps as they are played: the first half of each quarter takes the share `swing` of it."""
    quarters, places = np.divmod(steps / STEPS_PER_QUARTER, 1.0)
    swung = np.where(places < 0.5, places * 2 * swing, swing + (places - 0.5) * 2 * (1 - swing))
    return (quarters + swung) * STEPS_PER_QUARTER
