"""From a piece of music to the frames of a piano, and to examples."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from solferino.hparams import instruments, transposition, words
from solferino.hparams.piano_rnn import HIGHEST, LOWEST, PianoConfig, PianoExtraction
from solferino.hparams.reasons import (
    BAD_PEDAL,
    BAD_TIME,
    FRAMES_TOO_SHORT,
    NEGATIVE_TIME,
    NO_INSTRUMENT,
    NO_MELODY,
    OUT_OF_RANGE,
    TOO_MANY_STEPS,
    Reject,
)
from solferino.models.core.family import Example
from solferino.models.music.pieces import piano_rolls, sections
from solferino.models.music.pieces.piece import Piece
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn.frames import KEYS


def examples(piece: Piece, config: PianoConfig, reject: Reject) -> Iterator[Example]:
    """Yields the examples of a piece, and of its transposed copies as far as they lie on the keyboard."""
    settings = config.extraction
    for frames in music(piece, settings, reject):
        if len(frames) < settings.min_steps:
            reject(FRAMES_TOO_SHORT)
            continue
        for semitones in transposition.semitones(settings.transpose_augment):
            transposed = _transpose(frames, semitones)
            if transposed is not None:
                yield from cut(transposed, settings.window, settings.steps_per_example)


def cut(frames: np.ndarray, window: int, most: int) -> Iterator[Example]:
    """Cuts frames into examples of nearly equal size. Each predicts at most `most` frames; each frame but the first is
    predicted once.

    An example also holds the frames before, that its first prediction sees: at most a window.
    """
    count = -(-(len(frames) - 1) // most)
    bounds = np.linspace(1, len(frames), count + 1).astype(int).tolist()
    for start, end in itertools.pairwise(bounds):
        first = max(0, start - window)
        yield frame_tools.to_example(frames[first:end], start - first, first == 0)


def music(piece: Piece, settings: PianoExtraction, reject: Reject) -> Iterator[np.ndarray]:
    """Yields the frames, bool [steps, W], of the chosen instruments from the first note on to the end of the last.

    By time, there is one run of frames for the whole piece; by metre, one for each section of one tempo and metre.
    """
    try:
        chosen = choose(piece, settings)
    except ValueError:
        reject(BAD_PEDAL)
        return
    if not len(chosen.notes):
        reject(NO_INSTRUMENT if (~piece.notes['is_drum']).any() else NO_MELODY)
        return
    if piano_rolls.num_outside(chosen.notes, LOWEST, HIGHEST):
        reject(OUT_OF_RANGE)
    by = _by_metre if settings.steps_per_quarter else _by_time
    for frames in by(chosen, settings, reject):
        if frames.any():
            first, end = _sounding(frames)
            yield frames[first:end]


def whole(chosen: Piece, settings: PianoExtraction) -> np.ndarray:
    """Returns the frames, bool [steps, W], of what `choose` returned, from time zero to the end of the last note.

    Raises:
      ValueError: there are none, a note is not on the keyboard, or the piece has no single grid.
    """
    reasons: list[str] = []
    outside = piano_rolls.num_outside(chosen.notes, LOWEST, HIGHEST)
    if outside:
        raise ValueError(
            f'it has {words.counted(outside, "notes")} outside the pitches {LOWEST} to {HIGHEST}, the keys of a '
            'piano; transpose it, or leave them out'
        )
    if settings.steps_per_quarter:
        section = sections.quantize(chosen, settings.steps_per_quarter)
        found = [frame_tools.of_roll(piano_rolls.by_metre(section, LOWEST, HIGHEST), settings.articulation)]
    else:
        found = list(_by_time(chosen, settings, reasons.append))
    if reasons:
        raise ValueError(f'it has {reasons[0]}')
    if not found or not found[0].any():
        names = settings.instruments
        raise ValueError(
            f'it has no notes of --instruments={names}, which the examples of this model were made with: give them '
            f'program {instruments.programs(names)[0]}'
        )
    return found[0][: _sounding(found[0])[1]]


def choose(piece: Piece, settings: PianoExtraction) -> Piece:
    """Returns a piece with the notes of the chosen instruments alone, as long as the sustain pedal makes them."""
    notes = piano_rolls.sustained(piece)
    return dataclasses.replace(piece, notes=notes[_is_chosen(notes, settings)])


def _is_chosen(notes: np.ndarray, settings: PianoExtraction) -> np.ndarray:
    return ~notes['is_drum'] & np.isin(notes['program'], instruments.programs(settings.instruments))


def _by_time(piece: Piece, settings: PianoExtraction, reject: Reject) -> Iterator[np.ndarray]:
    starts, ends = piece.notes['start'], piece.notes['end']
    last = float(np.maximum(starts, ends).max(initial=0))
    if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
        reject(BAD_TIME)
    elif starts.min(initial=0) < 0:
        reject(NEGATIVE_TIME)
    elif last * settings.frames_per_second > piano_rolls.MAX_STEPS - 1:  # one less: a note may be struck at the end
        reject(TOO_MANY_STEPS)
    else:
        roll = piano_rolls.by_time(piece.notes, last, settings.frames_per_second, LOWEST, HIGHEST)
        yield frame_tools.of_roll(roll, settings.articulation)


def _by_metre(piece: Piece, settings: PianoExtraction, reject: Reject) -> Iterator[np.ndarray]:
    for section in sections.quantized_sections(piece, settings.steps_per_quarter, reject):
        if section.ends.max(initial=0) > piano_rolls.MAX_STEPS:
            reject(TOO_MANY_STEPS)
        elif len(section.starts):
            yield frame_tools.of_roll(piano_rolls.by_metre(section, LOWEST, HIGHEST), settings.articulation)


def _sounding(frames: np.ndarray) -> tuple[int, int]:
    """The first frame that is not silent, and the one after the last."""
    sounding = np.flatnonzero(frames.any(axis=1))
    return int(sounding[0]), int(sounding[-1]) + 1


def _transpose(frames: np.ndarray, semitones: int) -> np.ndarray | None:
    """Frames moved upwards; None if a note would leave the keyboard."""
    planes = frames.reshape(len(frames), -1, KEYS)
    beyond = planes[..., KEYS - semitones :] if semitones > 0 else planes[..., : max(0, -semitones)]
    return None if beyond.any() else np.roll(planes, semitones, axis=2).reshape(frames.shape)
