"""Voices: several melodies at once, one note at a time in each, such as soprano, alto, tenor and bass.

Voices are int32 [steps, voices]: REST, HOLD (the note before goes on), or the MIDI pitch that is struck.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from note_seq.constants import STANDARD_PPQ
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import keys, piano_rolls
from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.sections import Section
from solferino.models.music.reading.note_sequence_bytes import add_notes

REST, HOLD = -1, -2


def parts(piece: Piece, by_register: bool) -> list[int]:
    """The instruments of a piece that have notes, drums aside: by their mean pitch from the top, or by their number."""
    notes = piece.notes[piano_rolls.heard(piece.notes)]
    found = np.unique(notes['instrument'])
    if by_register:
        means = [notes['pitch'][notes['instrument'] == number].mean() for number in found]
        found = found[np.argsort(np.negative(means), kind='stable')]
    return [int(number) for number in found]


def of_section(section: Section, instruments: Sequence[int], num_steps: int) -> np.ndarray:
    """Returns the voices of some instruments, until `num_steps`; a note ends where the next one begins.

    Raises ValueError if an instrument strikes several notes in one step.
    """
    heard = ~section.notes('is_drum') & (section.notes('velocity') > 0)
    voices = np.full((num_steps, len(instruments)), REST, np.int32)
    for column, instrument in enumerate(instruments):
        mine = heard & (section.notes('instrument') == instrument) & (section.starts < num_steps)
        starts, ends, pitches = section.starts[mine], section.ends[mine], section.notes('pitch')[mine]
        order = starts.argsort(kind='stable')
        starts, ends, pitches = starts[order], np.maximum(ends, starts + 1)[order], pitches[order]
        if (np.diff(starts) == 0).any():
            raise ValueError(f'instrument {instrument} has several notes at once')
        ends = np.minimum(ends, np.append(starts[1:], num_steps))
        for start, end, pitch in zip(starts, ends, pitches, strict=True):
            voices[start + 1 : end, column] = HOLD
            voices[start, column] = pitch
    return voices


def cut(voices: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Returns some steps of voices; a note that began before them is struck in the first."""
    piece = voices[start:stop].copy()
    for column in (piece[0] == HOLD).nonzero()[0]:
        struck = voices[:start, column]
        piece[0, column] = struck[struck != HOLD][-1]
    return piece


def sounding(voices: np.ndarray) -> np.ndarray:
    """Returns the pitch that sounds in each step, -1 where none does, int [steps, tracks]."""
    result = voices.copy()
    for step in range(1, len(result)):
        held = voices[step] == HOLD
        result[step, held] = result[step - 1, held]
    return np.maximum(result, REST)


def transpose(voices: np.ndarray, semitones: int) -> np.ndarray:
    """Returns voices moved up, or down if negative."""
    return np.where(voices >= 0, voices + semitones, voices)


def key(voices: np.ndarray) -> keys.Key:
    """The key of voices that sound somewhere."""
    pitches = sounding(voices)
    return keys.find(np.bincount(pitches[pitches >= 0] % 12, minlength=12).astype(float))


def notes(voice: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yields the first step, the step after the last and the pitch of each note of one voice, int [steps]."""
    changes = np.append((voice != HOLD).nonzero()[0], len(voice))
    for start, end in itertools.pairwise(changes):
        if voice[start] >= 0:
            yield int(start), int(end), int(voice[start])


def to_sequence(
    voices: np.ndarray, steps_per_quarter: int, qpm: float, velocity: int, programs: Sequence[int]
) -> music_pb2.NoteSequence:
    """Returns voices as a NoteSequence of that tempo, an instrument for each; `programs` are their MIDI programs."""
    sequence = music_pb2.NoteSequence(ticks_per_quarter=STANDARD_PPQ)
    sequence.tempos.add(qpm=qpm)
    seconds = 60 / qpm / steps_per_quarter
    for number, program in enumerate(programs):
        found = np.array(list(notes(voices[:, number])), np.int64).reshape(-1, 3)
        starts, ends, pitches = found.T
        begins, stops = (np.asarray(steps * seconds, np.float64) for steps in (starts, ends))
        # Instrument 9 is channel 10, which MIDI gives to drums.
        add_notes(sequence, begins, stops, pitches, velocity, number + (number >= 9), program)
        sequence.total_time = max(sequence.total_time, float(ends.max(initial=0)) * seconds)
    return sequence
