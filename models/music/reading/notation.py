"""Written music as it sounds: bars in the order in which they are played, ties struck once, quarters as seconds.

What MusicXML and ABC have in common. All places and lengths are exact fractions of a quarter until they become seconds.
"""

import bisect
import collections
import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, TypeVar

import numpy as np

from solferino.models.music.reading import repeats
from solferino.models.music.reading.midi_notes import NO_CONTROLS, Instrument, Music, Notes
from solferino.models.music.reading.remarks import TOO_LATE, Refused, Remark

DEFAULT_QPM = Fraction(120)
# From ppp to fff in steps of a sixth of MIDI's range, as notation programs play them.
VELOCITIES = {
    'pppp': 8, 'ppp': 16, 'pp': 33, 'p': 49, 'mp': 64, 'mf': 80, 'f': 96, 'ff': 112, 'fff': 126, 'ffff': 127,
    'sf': 112, 'sfz': 112, 'sffz': 126, 'fz': 112, 'rfz': 112, 'rf': 112,
}  # fmt: skip
DEFAULT_VELOCITY = VELOCITIES['mf']
RESOLUTION = 220  # ticks per quarter, as note-seq says of scores; times are not rounded to it

# Words of remarks.
REPEATS = 'pieces with repeats or jumps, played out'
TIES = 'tied notes joined'
GRACE_NOTES = 'grace notes left out'
CUE_NOTES = 'cue notes left out'
UNHEARD = 'notes beyond the range of MIDI left out'
DOUBLED = 'notes that two voices share joined'
PARTS = 'parts told apart that Magenta joins'
DRUMS = 'drum notes that Magenta does not read as such'
PROGRAMS = 'programs counted from 1'
TEMPOS = 'tempo marks that Magenta does not read'
UPBEATS = 'short bars, such as upbeats'
NOT_READ = 'signs that Magenta does not read'
STRANGE = 'characters without a meaning passed over'
_SAME = (STRANGE,)  # to Magenta

_MAX_DENOMINATOR = 64  # of a time signature
_MOST_SECONDS = 24 * 3600.0

_Value = TypeVar('_Value')


class Note(NamedTuple):
    """A note in a bar.

    Attributes:
      start: quarters from the beginning of the bar.
      length: quarters.
      player: who plays it, a number.
      is_tied: to the next note of its pitch.
      passes: the times through a repeat at which it is played, from 1; all, if it is empty.
    """

    start: Fraction
    length: Fraction
    pitch: int
    velocity: int
    player: int
    is_tied: bool = False
    passes: frozenset[int] = frozenset()


@dataclasses.dataclass
class Bar:
    """A bar, or what stands between two bar lines of any kind.

    Attributes:
      length: quarters.
      notes: in any order.
      tempos: where in the bar a tempo begins, in quarters, and quarters per minute.
      metre: numerator and denominator of a time signature that begins here; (0, 0) where free metre does.
      key: pitch class and mode, a number of NoteSequence's, of a key that begins here.
      marks: where the music goes on.
      chords: where in the bar a chord symbol stands, in quarters, and the symbol.
    """

    length: Fraction = Fraction(0)
    notes: list[Note] = dataclasses.field(default_factory=list)
    tempos: list[tuple[Fraction, Fraction]] = dataclasses.field(default_factory=list)
    metre: tuple[int, int] | None = None
    key: tuple[int, int] | None = None
    marks: repeats.Marks = dataclasses.field(default_factory=repeats.Marks)
    chords: list[tuple[Fraction, str]] = dataclasses.field(default_factory=list)


class _Played(NamedTuple):
    """A bar as it comes: where it begins, in quarters from the beginning of the piece, and the metre it is in."""

    start: Fraction
    bar: Bar
    number: int
    metre: tuple[int, int]


def play(streams: Sequence[list[Bar]], instruments: list[Instrument], remarks: 'collections.Counter[str]') -> Music:
    """Plays streams of bars beside each other.

    Args:
      streams: one of a score whose parts are bars of the same lengths, or one for each voice. Tempo, metre, key and
        chord symbols are the first one's.
      instruments: by the numbers of the notes' players.
      remarks: what was noticed before; more is counted here.

    Raises:
      Refused: the music is longer than a day.
    """
    rows: list[tuple[int, Fraction, int, int, Fraction]] = []  # player, start, pitch, velocity, end
    first: list[_Played] = []
    for bars in streams:
        order = repeats.order([bar.marks for bar in bars])
        if [number for number, _ in order] != list(range(len(bars))):
            remarks[REPEATS] += 1
        played = _in_order(bars, [number for number, _ in order])
        rows += _struck(zip(played, [count for _, count in order], strict=True), remarks)
        first = first or played
    heard = [row for row in rows if 0 <= row[2] <= 127]
    if len(heard) < len(rows):
        remarks[UNHEARD] += len(rows) - len(heard)
    rows = _once(sorted(heard), remarks)

    tempos = _tempos(first)
    clock = _Clock(tempos)
    metres, upbeats = _metres(first)
    remarks[UPBEATS] += upbeats
    players = sorted({row[0] for row in rows})
    renumbered = {player: number for number, player in enumerate(players)}
    notes = Notes(
        np.array([renumbered[row[0]] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.uint8),
        np.array([row[3] for row in rows], np.uint8),
        np.array([clock.seconds(row[1]) for row in rows], np.float64),
        np.array([clock.seconds(row[4]) for row in rows], np.float64),
    )
    music = Music(
        RESOLUTION,
        [(clock.seconds(place), *metre) for place, metre in metres],
        [(clock.seconds(place), *key) for place, key in _keys(first)],
        [(clock.seconds(place), float(qpm)) for place, qpm in tempos],
        [instruments[player] for player in players],
        notes,
        NO_CONTROLS,
        NO_CONTROLS,
        tuple(Remark(what, times, what not in _SAME) for what, times in sorted(remarks.items()) if times),
        [(clock.seconds(p.start + place), chord) for p in first for place, chord in sorted(p.bar.chords)],
    )
    if music.total_time > _MOST_SECONDS:
        raise Refused(TOO_LATE, f'its last note ends after {music.total_time / 3600:,.0f} hours')
    return music


def _in_order(bars: list[Bar], order: list[int]) -> list[_Played]:
    metres, metre = [], (0, 0)
    for bar in bars:
        metre = bar.metre or metre
        metres.append(metre)
    played, place = [], Fraction(0)
    for number in order:
        played.append(_Played(place, bars[number], number, metres[number]))
        place += bars[number].length
    return played


def _struck(
    bars: 'zip[tuple[_Played, int]]', remarks: 'collections.Counter[str]'
) -> list[tuple[int, Fraction, int, int, Fraction]]:
    """The notes with their places in the piece, tied ones joined."""
    rows: list[tuple[int, Fraction, int, int, Fraction]] = []
    tied: dict[tuple[int, int], int] = {}  # player and pitch: the row of the note that is tied on
    for played, count in bars:
        for note in sorted(played.bar.notes):
            if note.passes and count not in note.passes:
                continue
            start = played.start + note.start
            end = start + note.length
            who = note.player, note.pitch
            row = tied.pop(who, None)
            if row is not None and rows[row][4] == start:
                rows[row] = (*rows[row][:4], end)
                remarks[TIES] += 1
            else:
                row = len(rows)
                rows.append((note.player, start, note.pitch, note.velocity, end))
            if note.is_tied:
                tied[who] = row
    return rows


def _once(
    rows: list[tuple[int, Fraction, int, int, Fraction]], remarks: 'collections.Counter[str]'
) -> list[tuple[int, Fraction, int, int, Fraction]]:
    """Sorted notes without those that two voices of a part strike together: the longer one sounds."""
    kept: list[tuple[int, Fraction, int, int, Fraction]] = []
    for row in rows:
        if row[4] <= row[1]:  # no length, as in files that give it in a way of their own
            continue
        if kept and kept[-1][:3] == row[:3]:
            kept[-1] = (*row[:3], max(kept[-1][3], row[3]), max(kept[-1][4], row[4]))
            remarks[DOUBLED] += 1
        else:
            kept.append(row)
    return kept


def _tempos(played: list[_Played]) -> list[tuple[Fraction, Fraction]]:
    """Places and quarters per minute; the tempo of a bar that is played again is what it was at first."""
    bars = {p.number: p.bar for p in played}
    at_start, now = {}, DEFAULT_QPM
    for number in sorted(bars):
        at_start[number] = now
        for _, qpm in sorted(bars[number].tempos, key=lambda tempo: tempo[0]):
            now = qpm
    changes: list[tuple[Fraction, Fraction]] = []
    for p in played:
        changes.append((p.start, at_start[p.number]))
        within = [(p.start + min(place, p.bar.length), qpm) for place, qpm in p.bar.tempos]
        changes += sorted(within, key=lambda tempo: tempo[0])
    return _changing(changes) or [(Fraction(0), DEFAULT_QPM)]


def _keys(played: list[_Played]) -> list[tuple[Fraction, tuple[int, int]]]:
    bars = {p.number: p.bar for p in played}
    keys: dict[int, tuple[int, int] | None] = {}
    key: tuple[int, int] | None = None
    for number in sorted(bars):
        key = keys[number] = bars[number].key or key
    return _changing([(p.start, value) for p in played if (value := keys[p.number]) is not None])


def _metres(played: list[_Played]) -> tuple[list[tuple[Fraction, tuple[int, int]]], int]:
    """Time signatures under which every bar begins where it is written, and how many that took beside the written ones.

    What is short of a bar, an upbeat at the beginning say, gets a signature of its own, but not if it makes up a bar
    with the next one, as around a repeat, and not at the end. Where a quarter of the bars and more do not fill their
    metre it is left as it is written: the bar lines are not to be trusted then.
    """
    changes, odd, short, i = [], 0, 0, 0
    while i < len(played):
        start, bar, _, metre = played[i]
        whole = _quarters(metre)
        if whole:
            changes.append((start, metre))
            rest = bar.length % whole
            last = i == len(played) - 1
            if rest and not last and bar.length < whole and played[i + 1].bar.length == whole - rest:
                i += 1
            elif rest and not last:
                odd += i > 0
                signature = _signature(rest, metre[1])
                if signature:
                    short += 1
                    changes.append((start + bar.length - rest, signature))
        i += 1
    if odd > max(1, len(played) // 4):
        changes, short = [(p.start, p.metre) for p in played if p.metre[0]], 0
    return _changing([change for change in changes if _is_written(change[1])]), short


def _is_written(metre: tuple[int, int]) -> bool:
    """Whether MIDI and NoteSequences have such a time signature."""
    return 0 < metre[0] < 256 and metre[1] & (metre[1] - 1) == 0 and metre[1] <= _MAX_DENOMINATOR


def _signature(quarters: Fraction, denominator: int) -> tuple[int, int] | None:
    while denominator <= _MAX_DENOMINATOR:
        beats = quarters * denominator / 4
        if beats.denominator == 1:
            return int(beats), denominator
        denominator *= 2
    return None


def _quarters(metre: tuple[int, int]) -> Fraction:
    return Fraction(4 * metre[0], metre[1] or 1)


def _changing(changes: list[tuple[Fraction, _Value]]) -> list[tuple[Fraction, _Value]]:
    """Those that change something; of several at one place the last one counts."""
    kept: list[tuple[Fraction, _Value]] = []
    for place, value in changes:
        if kept and kept[-1][0] == place:
            kept.pop()
        if not kept or kept[-1][1] != value:
            kept.append((place, value))
    return kept


class _Clock:
    """When a place in the music comes, in seconds: computed exactly and rounded once."""

    def __init__(self, tempos: list[tuple[Fraction, Fraction]]):
        self._places = [place for place, _ in tempos]
        self._paces = [60 / qpm for _, qpm in tempos]  # seconds a quarter
        self._times = [Fraction(0)]
        for i in range(1, len(tempos)):
            self._times.append(self._times[-1] + (self._places[i] - self._places[i - 1]) * self._paces[i - 1])
        self._known: dict[Fraction, float] = {}

    def seconds(self, place: Fraction) -> float:
        if place not in self._known:
            i = bisect.bisect_right(self._places, place) - 1
            self._known[place] = float(self._times[i] + (place - self._places[i]) * self._paces[i])
        return self._known[place]
