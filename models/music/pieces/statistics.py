"""What music is like in numbers, to hold generated music beside what a model was trained on.

The measures are those by which generated music is commonly described: H.-W. Dong et al., MusPy: a toolkit for symbolic
music generation, ISMIR 2020; S.-L. Wu, Y.-H. Yang, The Jazz Transformer on the front line, ISMIR 2020. Time is not cut
into frames here: the share of the time in which nothing sounds is the share of empty frames, however short they are.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from solferino.models.music.pieces import piano_rolls, piece
from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.timeline import Clock

_OCTAVE = 12


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Of a collection of music; drums and notes of velocity 0 are not heard.

    All but the first four are means over the pieces in which something sounds, where each piece counts the same; nan if
    there is no such piece.

    Attributes:
      pieces: all of them.
      silent: those in which nothing sounds.
      lowest, highest: MIDI pitches of the others; None if there are none.
      pitch_range: semitones from a piece's lowest note to its highest (MusPy's pitch_range).
      polyphony: how many keys sound at once, while any sounds (MusPy's polyphony); a key counts once.
      notes_per_second: notes begun in a second of the piece.
      notes_per_quarter: notes begun in a quarter of the piece, at its tempos.
      pitch_class_entropy: bits, from 0 to log2(12) = 3.58, of how a piece's notes are spread over the twelve pitch
        classes (MusPy's; Wu and Yang's H, taken over whole pieces).
      empty: share of a piece's time in which nothing sounds.
    """

    pieces: int
    silent: int
    lowest: int | None
    highest: int | None
    pitch_range: float
    polyphony: float
    notes_per_second: float
    notes_per_quarter: float
    pitch_class_entropy: float
    empty: float


_MEANS = tuple(field.name for field in dataclasses.fields(Statistics))[4:]
# How a table calls them, and with how many decimals.
_ROWS = {
    'pieces': ('pieces', 0),
    'silent': ('of them silent', 0),
    'lowest': ('lowest pitch (MIDI)', 0),
    'highest': ('highest pitch (MIDI)', 0),
    'pitch_range': ('range of a piece (semitones)', 1),
    'polyphony': ('keys at once', 2),
    'notes_per_second': ('notes a second', 2),
    'notes_per_quarter': ('notes a quarter', 2),
    'pitch_class_entropy': ('pitch-class entropy (bits)', 2),
    'empty': ('share of empty frames', 3),
}


def of_sequences(music: Iterable[Any]) -> Statistics:
    """Returns the statistics of unquantized NoteSequences or Pieces.

    A piece lasts from time zero to its `total_time`, or to the end of its last note if that comes later. Notes end
    where they say: where the sustain pedal is to count, replace a Piece's notes by `piano_rolls.sustained` first.

    Raises:
      ValueError: a note is at no time that there is.
    """
    measured = [_measure(each if isinstance(each, Piece) else piece.of(each)) for each in music]
    heard = [one for one in measured if one]
    return Statistics(
        pieces=len(measured),
        silent=len(measured) - len(heard),
        lowest=min((int(one['lowest']) for one in heard), default=None),
        highest=max((int(one['highest']) for one in heard), default=None),
        **{name: float(np.mean([one[name] for one in heard])) if heard else math.nan for name in _MEANS},
    )


def side_by_side(collections: Mapping[str, Statistics]) -> str:
    """Returns a table of text, a row for each measure and a column for each collection, by its name."""
    rows = [['', *collections]]
    for field, (name, decimals) in _ROWS.items():
        values = [getattr(statistics, field) for statistics in collections.values()]
        rows.append([name, *(_number(value, decimals) for value in values)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return '\n'.join(
        '  '.join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def _number(value: float | None, decimals: int) -> str:
    return '-' if value is None or math.isnan(value) else f'{value:,.{decimals}f}'


def _measure(music: Piece) -> dict[str, float]:
    """Returns the lowest and the highest pitch and the _MEANS of one piece; nothing if it is silent."""
    notes = music.notes[piano_rolls.heard(music.notes)]
    starts, ends, pitches = notes['start'], notes['end'], notes['pitch']
    length = max(music.total_time, float(ends.max(initial=0.0)))
    if not (np.isfinite(starts).all() and np.isfinite(ends).all() and math.isfinite(length)):
        raise ValueError('it has a time that is no number of seconds')
    sounding = _covered(starts, ends, np.zeros_like(pitches))
    if not sounding:
        return {}
    tempos = {t.time: t.qpm for t in music.tempos if 0 < t.qpm < math.inf and 0 <= t.time < math.inf}
    quarters = float(Clock(tempos)(np.array([length]))[0])
    counts = np.bincount(pitches % _OCTAVE)
    shares = counts[counts > 0] / len(notes)
    lowest, highest = float(pitches.min()), float(pitches.max())
    return {
        'lowest': lowest,
        'highest': highest,
        'pitch_range': highest - lowest,
        'polyphony': _covered(starts, ends, pitches) / sounding,
        'notes_per_second': len(notes) / length,
        'notes_per_quarter': len(notes) / quarters,
        'pitch_class_entropy': float(shares @ np.log2(1 / shares)),
        'empty': max(0.0, 1 - sounding / length),  # in which the roundings of many notes add up
    }


def _covered(starts: np.ndarray, ends: np.ndarray, voices: np.ndarray) -> float:
    """Returns for how long each voice sounds, in seconds from time zero on, added up over the voices."""
    order = np.lexsort((starts, voices))
    starts, ends, voices = np.maximum(starts[order], 0.0), np.maximum(ends[order], 0.0), voices[order]
    # Voices one after the other in time, so that the latest end so far is that of the same voice.
    longest = np.max([starts, ends], initial=0.0) + 1.0
    shift = longest * np.cumsum(np.diff(voices, prepend=voices[:1]) != 0)
    reached = np.maximum.accumulate(ends + shift)
    before = np.append(0.0, reached)[:-1] - shift
    return float(np.maximum(ends - np.maximum(starts, before), 0.0).sum())
