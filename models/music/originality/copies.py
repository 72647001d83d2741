"""How much generated music copies: the longest runs of notes that stand in the training music, too.

Music is read as lines of notes on a grid: of each instrument the highest notes and, where it plays chords, the lowest;
of drums what is hit at each step. A run is copied where the intervals and the times from onset to onset are the same,
in any key and at any place of the bar. Beside it stands what training pieces have of each other: pieces of one style
share runs, and only longer ones speak of copying (Yin, Reuben, Stepney and Collins, "Measuring when a music generation
algorithm copies too much", SN Computer Science 3, 2022).

All lines are one text, whose suffix array says of every note how long a run begins there that another piece has, too.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numba
import numpy as np

from solferino.models.music.originality import signatures
from solferino.models.music.pieces import score
from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.score import Score

NOTES = 8  # of a run that counts as copied in `Copying.share`
_LOOKBACK = 16  # onsets before a note among which a higher one may still sound
_LONGEST = 1023  # steps from onset to onset that are told apart
_SEPARATOR = 0  # ends each line of the text


@dataclasses.dataclass(frozen=True)
class Run:
    """Notes on end that stand in a training piece, too.

    Attributes:
      notes: how many they are; of drums, at how many steps something is hit.
      bars, seconds: how long they last, up to the end of the last one.
      bar: in which bar they begin, from 1.
      other: the number of the training piece.
      other_bar: in which of its bars they begin there.
      semitones: how much higher they are here.
    """

    notes: int
    bars: float
    seconds: float
    bar: int
    other: int
    other_bar: int
    semitones: int


@dataclasses.dataclass(frozen=True)
class Copying:
    """What a piece has of the training pieces.

    Attributes:
      longest: the longest run; None if not two notes are alike.
      share: of its notes, those in runs of NOTES or more.
    """

    longest: Run | None
    share: float

    @property
    def notes(self) -> int:
        """Of the longest run; 0 if there is none."""
        return self.longest.notes if self.longest else 0


@dataclasses.dataclass(frozen=True)
class Originality:
    """What pieces have of the training pieces, and what these have of each other, but for near-duplicates."""

    generated: tuple[Copying, ...]
    training: tuple[Copying, ...]

    @property
    def usual(self) -> int:
        """The notes of the longest run that 95 of 100 training pieces do not exceed."""
        return int(np.quantile([one.notes for one in self.training], 0.95, method='inverted_cdf'))

    @property
    def too_long(self) -> list[int]:
        """Which generated pieces copy more notes on end than `usual`."""
        return [place for place, one in enumerate(self.generated) if one.notes > self.usual]


@dataclasses.dataclass(frozen=True)
class _Line:
    """Notes one after the other.

    Attributes:
      tokens: int64 [notes - 1], above 0: the interval to the next note, or what is hit there, and the time until then.
      starts, ends: int64 [notes], steps.
      pitches: int64 [notes]; 0 for drums.
      grid: where its bars are.
    """

    tokens: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray
    grid: Score


def compare(generated: Sequence[Piece], training: Sequence[Piece], steps_per_quarter: float = 4) -> Originality:
    """Returns what generated pieces have of training pieces. No piece has a flaw (`piece.flaw`).

    Args:
      generated, training: unquantized pieces.
      steps_per_quarter: of the grid that all of them are put on.

    Raises:
      ValueError: there is no training piece.
    """
    if not training:
        raise ValueError('there is no training piece')
    kin = np.arange(len(training))  # near-duplicates are one piece
    for rows in signatures.groups(np.array([signatures.signature(music) for music in training])):
        kin[rows] = min(rows)
    lines: list[_Line] = []
    owners: list[int] = []  # of lines; generated pieces have negative numbers
    for number, music in [*enumerate(training), *((~k, music) for k, music in enumerate(generated))]:
        own = list(_lines(music, steps_per_quarter))
        lines += own
        owners += [number] * len(own)
    kinds = [int(kin[owner]) if owner >= 0 else owner for owner in owners]
    lengths, places = matches([line.tokens for line in lines], kinds, [owner >= 0 for owner in owners])
    found = _by_owner(lines, owners, lengths, places)
    nothing = Copying(None, 0.0)
    return Originality(
        tuple(found.get(~number, nothing) for number in range(len(generated))),
        tuple(found.get(number, nothing) for number in range(len(training))),
    )


def matches(lines: Sequence[np.ndarray], owners: Sequence[int], known: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Returns of each token of all lines how many from there on stand in a known line of another owner, and where.

    Args:
      lines: int64 [tokens] each, above 0.
      owners: of the lines.
      known: whether a line is one of those to be found.

    Returns:
      int64 [tokens of all lines] lengths and places, which count through all lines, each followed by one place that is
      none of its tokens.
    """
    text = np.concatenate([np.append(line, _SEPARATOR) for line in lines]) if lines else np.zeros(0, np.int64)
    if not len(text):
        return text, text
    suffixes, common = _suffix_array(text)
    sizes = np.array([len(line) + 1 for line in lines])
    left = np.repeat(sizes.cumsum(), sizes) - np.arange(len(text)) - 1  # tokens until the line's end
    owner, is_known = np.repeat(np.array(owners, np.int64), sizes), np.repeat(np.array(known, bool), sizes)
    lengths, places = np.zeros(len(text), np.int64), np.full(len(text), -1, np.int64)
    _scan(suffixes, common, owner, is_known, lengths, places, 1)
    _scan(suffixes, common, owner, is_known, lengths, places, -1)
    return np.minimum(lengths, left), places


def longest_repeat(line: np.ndarray) -> int:
    """Returns the most tokens on end that stand at two places of a line, int64 [tokens]; the two may overlap."""
    return int(_suffix_array(line)[1].max(initial=0)) if len(line) else 0


def _suffix_array(text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the suffixes of a text begin, in order; and how much each has in common with the next one."""
    import pydivsufsort

    values, dense = np.unique(text, return_inverse=True)
    dense = dense.astype(np.uint16 if len(values) <= 1 << 16 else np.uint32)
    suffixes = pydivsufsort.divsufsort(dense)
    return suffixes, pydivsufsort.kasai(dense, suffixes)


@numba.njit(cache=True)
def _scan(
    suffixes: np.ndarray, common: np.ndarray, owner: np.ndarray, known: np.ndarray, lengths: np.ndarray,
    places: np.ndarray, way: int,
) -> None:  # fmt: skip
    """Goes through the suffix array, down (1) or up (-1), with the nearest known suffixes of the last two owners."""
    last = len(suffixes) - 1
    first_owner, first_length, first_place = -(1 << 62), 0, -1
    second_length, second_place = 0, -1
    for k in range(last + 1):
        rank = k if way > 0 else last - k
        if k:
            shared = common[rank - 1] if way > 0 else common[rank]
            first_length, second_length = min(first_length, shared), min(second_length, shared)
        place = suffixes[rank]
        own = owner[place] == first_owner
        length, other = (second_length, second_place) if own else (first_length, first_place)
        if length > lengths[place]:
            lengths[place], places[place] = length, other
        if known[place]:
            if not own:
                second_length, second_place = first_length, first_place
            first_owner, first_length, first_place = owner[place], 1 << 40, place


def _by_owner(
    lines: Sequence[_Line], owners: Sequence[int], lengths: np.ndarray, places: np.ndarray
) -> dict[int, Copying]:
    begins = np.cumsum([0, *(len(line.tokens) + 1 for line in lines)])
    best: dict[int, tuple[int, int, int]] = {}  # by owner: tokens, line, token of it
    counted: dict[int, list[int]] = {}  # notes, and those of them that are copied
    for number, (line, owner) in enumerate(zip(lines, owners, strict=True)):
        found = lengths[begins[number] : begins[number + 1] - 1]
        at = int(found.argmax())
        if found[at] > best.get(owner, (0, 0, 0))[0]:
            best[owner] = int(found[at]), number, at
        long = np.flatnonzero(found >= NOTES - 1)
        changes = np.zeros(len(line.starts) + 1, np.int64)
        np.add.at(changes, long, 1)
        np.add.at(changes, long + found[long] + 1, -1)
        counts = counted.setdefault(owner, [0, 0])
        counts[0] += len(line.starts)
        counts[1] += int((changes.cumsum() > 0).sum())
    made = {}
    for owner, (notes, copied) in counted.items():
        longest = None
        if owner in best:
            tokens, number, at = best[owner]
            place = places[begins[number] + at]
            other = int(begins.searchsorted(place, side='right')) - 1
            longest = _run(lines[number], at, tokens + 1, lines[other], int(place - begins[other]), owners[other])
        made[owner] = Copying(longest, copied / notes)
    return made


def _run(line: _Line, at: int, notes: int, other: _Line, there: int, owner: int) -> Run:
    begin, end = line.starts[at], line.ends[at + notes - 1]
    bars = np.interp([begin, end], line.grid.bars, np.arange(len(line.grid.bars)))
    seconds = np.interp([begin, end], line.grid.bars, line.grid.seconds)
    return Run(
        notes=notes,
        bars=float(bars[1] - bars[0]),
        seconds=float(seconds[1] - seconds[0]),
        bar=int(line.grid.bars.searchsorted(begin, side='right')),
        other=owner,
        other_bar=int(other.grid.bars.searchsorted(other.starts[there], side='right')),
        semitones=int(line.pitches[at] - other.pitches[there]),
    )


def _lines(music: Piece, steps_per_quarter: float) -> Iterator[_Line]:
    """Yields the lines of a piece that have two notes or more."""
    notes = music.notes
    tracks = np.unique(np.stack([notes['is_drum'], notes['instrument'] * ~notes['is_drum']]), axis=1)
    for is_drum, instrument in tracks.T.tolist():
        taken = notes['is_drum'] == bool(is_drum)
        if not is_drum:
            taken &= notes['instrument'] == instrument
        try:
            grid = score.read(dataclasses.replace(music, notes=notes[taken]), bool(is_drum), steps_per_quarter)
        except ValueError:  # more bars than can be
            continue
        found = [_hits(grid)] if is_drum else [_edge(grid, 1), _edge(grid, -1)]
        if not is_drum and len(found[0].starts) == len(grid.starts):
            found = found[:1]  # one note at a time: the lowest are the highest
        yield from (line for line in found if len(line.starts) > 1)


def _hits(grid: Score) -> _Line:
    steps, firsts = np.unique(grid.starts, return_index=True)
    hit = np.bitwise_or.reduceat(1 << grid.keys, firsts) if len(steps) else steps
    tokens = (hit[1:] << 10 | _times(steps)) + (1 << 20)
    return _Line(tokens, steps, steps + 1, np.zeros(len(steps), np.int64), grid)


def _edge(grid: Score, way: int) -> _Line:
    """The highest (1) or lowest (-1) notes: of those that begin together, if none beyond it still sounds."""
    order = np.lexsort((-way * grid.keys, grid.starts))
    starts, firsts = np.unique(grid.starts[order], return_index=True)
    taken = order[firsts]
    pitches, ends = way * grid.keys[taken], grid.ends[taken]
    covered = np.zeros(len(taken), bool)
    for back in range(1, min(_LOOKBACK, len(taken) - 1) + 1):
        covered[back:] |= (pitches[:-back] > pitches[back:]) & (ends[:-back] > starts[back:])
    taken, starts = taken[~covered], starts[~covered]
    pitches = grid.keys[taken]
    tokens = (np.diff(pitches) + 128) << 10 | _times(starts)
    return _Line(tokens, starts, grid.ends[taken], pitches, grid)


def _times(steps: np.ndarray) -> np.ndarray:
    return np.diff(steps).clip(0, _LONGEST)
