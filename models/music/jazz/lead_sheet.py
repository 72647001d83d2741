"""Music as a lead sheet: a melody and the chords under it, found in whatever a file holds.

The melody is the highest line of one track, the one that is named or else the one most like a melody. Chords are those
that are written (symbols, which NoteSequences hold as text annotations), or else what is heard in each half bar in
the chord tracks, or else in all of it. All is on one grid, whatever the tempos and metres do.
"""

import bisect
import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from solferino.models.music.jazz import chords
from solferino.models.music.jazz.chords import OCTAVE, Changes, Chord
from solferino.models.music.jazz.tokens import Note
from solferino.models.music.pieces import score
from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.timeline import Clock

STEPS_PER_QUARTER = 12  # sixteenths and triplets
# Where in a quarter a note may begin or end: at a sixteenth or a triplet, whichever is nearer.
_PLACES = np.array([0, 3, 4, 6, 8, 9, 12])
_SHORT = 3  # steps of silence that are a matter of touch: the note before lasts through a shorter one
_LOW, _HIGH = 48, 84  # mean pitches of a bass, and of the highest melody
_OFTEN = 0.5  # of the bars: a melody is not there more than that for being there in all
_HALF = 2 * STEPS_PER_QUARTER  # halves of bars are no shorter


@dataclasses.dataclass(frozen=True)
class Line:
    """A melody without long silences; `begin` is the bar line before its first note, in steps."""

    begin: int
    notes: tuple[Note, ...]

    @property
    def end(self) -> int:
        """The step at which its last note has ended."""
        return self.notes[-1].end


@dataclasses.dataclass(frozen=True)
class LeadSheet:
    """A melody over chords.

    Attributes:
      notes: of the melody, in order, none of them longer than the time until the next one.
      changes: the chords, in whole bars; none where there is nothing to hear them in.
      bars: int64 [bars + 1], the steps at which they begin, and where the last one ends.
      track: the instrument of the melody.
      tracks: all instruments but drums, in order.
    """

    notes: tuple[Note, ...]
    changes: Changes
    bars: np.ndarray
    track: int
    tracks: tuple[int, ...]

    def bar_before(self, step: int) -> int:
        """The bar line at a step or before it."""
        return int(self.bars[max(0, int(self.bars.searchsorted(step, side='right')) - 1)])

    def lines(self, gap_bars: float) -> list[Line]:
        """The melody cut where it is silent for so many bars of four quarters."""
        gap = gap_bars * 4 * STEPS_PER_QUARTER
        found: list[list[Note]] = []
        for note in self.notes:
            if not found or note.start - found[-1][-1].end >= gap:
                found.append([])
            found[-1].append(note)
        return [Line(self.bar_before(notes[0].start), tuple(notes)) for notes in found]


def read(piece: Piece, melody_track: int = -1, chord_tracks: Sequence[int] = ()) -> LeadSheet | None:
    """Returns the lead sheet of a piece; None if it has no notes but drums.

    Args:
      piece: unquantized.
      melody_track: the instrument of the melody, -1 to find it.
      chord_tracks: the instruments in which chords are heard; none for all but the melody's, or for all if there is but
        that one.

    Raises:
      KeyError: there is no such track.
      ValueError: a note is at no time that there is, or there are too many bars.
    """
    notes = piece.notes[(piece.notes['velocity'] > 0) & ~piece.notes['is_drum'] & (piece.notes['start'] >= 0)]
    if not len(notes):
        return None
    there = set(notes['instrument'].tolist())
    missing = [track for track in (*([melody_track] if melody_track >= 0 else []), *chord_tracks) if track not in there]
    if missing:
        raise KeyError(missing[0])
    everything = _score(piece, notes)
    track = melody_track if melody_track >= 0 else _find_melody(piece, notes)
    melody = _skyline(_score(piece, notes[notes['instrument'] == track]))
    under = np.isin(notes['instrument'], list(chord_tracks) or list(there - {track}))
    changes = _written(piece, everything) or _heard(_score(piece, notes[under] if under.any() else notes))
    return LeadSheet(melody, changes, everything.bars, track, tuple(sorted(there)))


def melody(piece: Piece, track: int) -> np.ndarray:
    """Returns which notes of a piece are the melody of a track, bool [notes]: of those that begin together the top."""
    found = np.zeros(len(piece.notes), bool)
    rows = np.flatnonzero((piece.notes['instrument'] == track) & (piece.notes['velocity'] > 0))
    onsets = _clock(piece)(piece.notes['start'][rows]) * STEPS_PER_QUARTER
    steps = _snap(np.floor(onsets + 0.5).astype(np.int64))
    order = np.lexsort((piece.notes['pitch'][rows], steps))
    found[rows[order][np.append(steps[order][1:] > steps[order][:-1], [True] * (len(rows) > 0))]] = True
    return found


def _clock(piece: Piece) -> Clock:
    return Clock({t.time: t.qpm for t in piece.tempos if 0 < t.qpm < math.inf and 0 <= t.time < math.inf})


def _score(piece: Piece, notes: np.ndarray) -> score.Score:
    return score.read(dataclasses.replace(piece, notes=notes), False, STEPS_PER_QUARTER)


def _find_melody(piece: Piece, notes: np.ndarray) -> int:
    """The instrument most like a melody: often there, one note at a time, high."""
    best: dict[int, float] = {}
    for track in sorted(set(notes['instrument'].tolist())):
        part = _score(piece, notes[notes['instrument'] == track])
        onsets, together = np.unique(part.starts, return_counts=True)
        bars = np.unique(part.bars.searchsorted(onsets, side='right'))
        height = float(np.clip((part.keys.mean() - _LOW) / (_HIGH - _LOW), 0, 1))
        presence = min(1.0, len(bars) / part.num_bars / _OFTEN)
        best[track] = presence + float((together == 1).mean()) + height
    return max(best, key=lambda track: (best[track], -track))


def _skyline(part: score.Score) -> tuple[Note, ...]:
    """The highest note at each onset, until the next one or its own end."""
    starts, ends = _snap(part.starts), _snap(part.ends)
    highest: dict[int, tuple[int, int]] = {}  # pitch and end by onset
    for start, end, pitch in zip(starts.tolist(), ends.tolist(), part.keys.tolist(), strict=True):
        highest[start] = max(highest.get(start, (-1, 0)), (pitch, end))
    onsets = sorted(highest)
    found = []
    for start, following in itertools.zip_longest(onsets, onsets[1:]):
        pitch, end = highest[start]
        end = max(end, start + _SHORT)
        if following is not None and end > following - _SHORT:
            end = following
        found.append(Note(start, end - start, pitch))
    return tuple(found)


def _snap(steps: np.ndarray) -> np.ndarray:
    quarters, places = np.divmod(steps, STEPS_PER_QUARTER)
    nearest = _PLACES[abs(places[:, None] - _PLACES).argmin(axis=1)]
    return quarters * STEPS_PER_QUARTER + nearest


def _heard(part: score.Score) -> Changes:
    """The chord that is heard in each half bar; where nothing sounds, the one before, or the first that is heard."""
    edges = _half_bars(part.bars)
    found: list[Chord | None] = []
    order = np.argsort(part.starts, kind='stable')
    starts, ends, keys = part.starts[order], part.ends[order], part.keys[order]
    longest = int((ends - starts).max(initial=0))
    before: Chord | None = None
    for begin, end in itertools.pairwise(edges):
        first, last = starts.searchsorted((begin - longest, end))
        sounds = np.minimum(ends[first:last], end) - np.maximum(starts[first:last], begin)
        here = keys[first:last][sounds > 0]
        if len(here):
            weights = np.bincount(here % OCTAVE, sounds[sounds > 0], OCTAVE)
            before = chords.heard(weights, int(here.min()) % OCTAVE, before)
        found.append(before)
    first_heard = next((chord for chord in found if chord), Chord(0, ''))
    return Changes(tuple(edges[:-1]), tuple(chord or first_heard for chord in found), edges[-1])


def _half_bars(bars: np.ndarray) -> list[int]:
    """Where bars and their halves begin, and where the last one ends."""
    edges: list[int] = []
    for begin, end in itertools.pairwise(bars.tolist()):
        half, odd = divmod(end - begin, 2)
        edges += [begin, begin + half] if half >= _HALF and not odd else [begin]
    return [*edges, int(bars[-1])]


def _written(piece: Piece, part: score.Score) -> Changes | None:
    """The chords that are written, if there are such that can be read."""
    clock = _clock(piece)
    end = int(part.bars[-1])
    found: dict[int, Chord] = {}
    for time, symbol in piece.chord_symbols:
        step = round(float(clock(np.array([time]))[0]) * STEPS_PER_QUARTER)
        try:
            chord = chords.parse(symbol)
        except ValueError:  # 'N.C.', and what else is written there: the chord before goes on
            continue
        if 0 <= step < end:
            found[step] = chord
    if not found:
        return None
    steps = sorted(found)
    first = found[steps[0]]  # holds from the beginning
    # Struck anew in each bar, as one plays it.
    begins = sorted({*steps, *part.bars[:-1].tolist()})
    held = [
        found[steps[max(0, bisect.bisect_right(steps, begin) - 1)]] if steps[0] <= begin else first for begin in begins
    ]
    return Changes(tuple(begins), tuple(held), end)
