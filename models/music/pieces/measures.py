"""What a musician notices in music: bars that come back, the backbeat, how dense it is, how far a voice leaps.

Most of the measures depend on how long a piece is, repetition above all, so that only pieces of as many bars compare:
`Score.cut` makes them.

Sources: scale consistency, O. Mogren, C-RNN-GAN, 2016, as MusPy defines it (H.-W. Dong et al., ISMIR 2020); music
compared by the distributions of its measures, L.-C. Yang and A. Lerch, On the evaluation of generative models in
music, Neural Computing and Applications 32, 2020.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from solferino.models.music.pieces.score import Score

# What each measure is called in tables; shares are from 0 to 1.
TITLES = {
    'repetition': 'bars heard before',
    'likeness': 'likeness of neighbouring bars',
    'backbeat': 'snare on 2 and 4',
    'notes_per_second': 'notes a second',
    'notes_per_bar': 'notes a bar',
    'leap': 'mean interval, semitones',
    'wide_leaps': 'intervals above an octave',
    'in_scale': 'notes in the scale',
    'polyphony': 'keys at once',
    'clash': 'pairs a semitone apart',
}
_OCTAVE = 12
_SNARE = 1  # the bit of DRUM_KIT
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
# Of distances: what a piece without a value is taken to be away, and the least unit.
_UNDEFINED, _LEAST_UNIT = 3.0, 0.01


@dataclasses.dataclass(frozen=True)
class Measures:
    """Of one score. What there is nothing to measure by is nan; in silence only the numbers of notes are not.

    Attributes:
      repetition: of the bars after the first, share of those that have the same onsets as one before. Silent bars do
        not count, here and below.
      likeness: of two neighbouring bars, the share of onsets that both have, of those that either has (Jaccard); its
        mean over all neighbours of which one is not silent.
      backbeat: share of the second and fourth beats of bars of 4/4 on which a snare is hit.
      notes_per_second, notes_per_bar: onsets, silent bars included.
      leap: distance in semitones from one onset to the next, where several begin together from the highest; the mean.
      wide_leaps: share of these distances that are more than an octave.
      in_scale: share of the onsets in that major or natural minor scale that holds most of them (scale consistency).
      polyphony: how many keys sound at once, while any sounds.
      clash: share of the pairs of keys sounding together that are a semitone apart, octaves aside.
    """

    repetition: float
    likeness: float
    backbeat: float
    notes_per_second: float
    notes_per_bar: float
    leap: float = math.nan
    wide_leaps: float = math.nan
    in_scale: float = math.nan
    polyphony: float = math.nan
    clash: float = math.nan


def of(score: Score) -> Measures:
    """Returns the measures of a score. Raises ValueError if its steps are more than a piano roll can hold."""
    bars = score.onsets()
    number = sum(map(len, bars))
    seconds = float(score.seconds[-1])
    return Measures(
        repetition=_repetition(bars),
        likeness=_likeness(bars),
        backbeat=_backbeat(score, bars) if score.is_drums else math.nan,
        notes_per_second=number / seconds if number else 0.0,
        notes_per_bar=number / len(bars) if number else 0.0,
        **({} if score.is_drums or not number else _of_pitches(score, bars)),
    )


def means(measured: Sequence[Measures]) -> dict[str, float]:
    """Returns the mean of each measure over the scores in which it has a value; nan if it has none."""
    return {name: _mean([getattr(one, name) for one in measured]) for name in TITLES}


def shared(one: Score, other: Score) -> float:
    """Returns the share of the bars of one that the other has, too; silent ones do not count; nan if all are silent."""
    bars, known = [bar for bar in one.onsets() if bar], set(other.onsets())
    return sum(bar in known for bar in bars) / len(bars) if bars else math.nan


def distances(music: Sequence[Measures], reference: Sequence[Measures], names: Iterable[str]) -> dict[str, float]:
    """Returns how far music is from a reference by each of the measures `names`.

    It is how far the values of the one must be moved on average to be distributed as those of the other (the
    Wasserstein distance: pieces that are all alike are far from music of many kinds), in standard deviations of the
    reference, or tenths of its mean where these are larger. Where a measure has no value in more of the music than of
    the reference, these pieces count as 3 away.

    Args:
      music, reference: one score each at least.
      names: those that have no value in the reference are left out.
    """
    found = {}
    for name in names:
        ours, theirs = (np.array([getattr(one, name) for one in side]) for side in (music, reference))
        missing = max(0.0, float(np.isnan(ours).mean() - np.isnan(theirs).mean()))
        ours, theirs = ours[~np.isnan(ours)], theirs[~np.isnan(theirs)]
        if not len(theirs):
            continue
        apart = _UNDEFINED
        if len(ours):
            unit = max(float(theirs.std()), abs(float(theirs.mean())) / 10, _LEAST_UNIT)
            apart = _wasserstein(ours, theirs) / unit
        found[name] = (1 - missing) * apart + missing * _UNDEFINED
    return found


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _wasserstein(one: np.ndarray, other: np.ndarray) -> float:
    """The area between the distribution functions of two samples."""
    places = np.sort(np.concatenate([one, other]))
    below = [np.sort(sample).searchsorted(places[:-1], side='right') / len(sample) for sample in (one, other)]
    return float(abs(below[0] - below[1]) @ np.diff(places))


def _repetition(bars: Sequence[frozenset[tuple[int, int]]]) -> float:
    sounding = [bar for bar in bars if bar]
    if len(sounding) < 2:
        return math.nan
    return (len(sounding) - len(set(sounding))) / (len(sounding) - 1)


def _likeness(bars: Sequence[frozenset[tuple[int, int]]]) -> float:
    return _mean([len(one & other) / len(one | other) for one, other in itertools.pairwise(bars) if one or other])


def _backbeat(score: Score, bars: Sequence[frozenset[tuple[int, int]]]) -> float:
    beats = [round(score.steps_per_quarter * beat) for beat in (1, 3)]
    counted = [bar for bar, in_four in zip(bars, score.in_four, strict=True) if bar and in_four]
    return _mean([float((beat, _SNARE) in bar) for bar in counted for beat in beats])


def _of_pitches(score: Score, bars: Sequence[frozenset[tuple[int, int]]]) -> dict[str, float]:
    begins = score.bars[:-1].tolist()
    onsets = [(begin + step, pitch) for begin, bar in zip(begins, bars, strict=True) for step, pitch in bar]
    steps, pitches = np.array(sorted(onsets)).T
    highest = pitches[np.append(steps[1:] != steps[:-1], True)]
    intervals = abs(np.diff(highest))
    classes = np.bincount(pitches % _OCTAVE, minlength=_OCTAVE)
    in_scale = max(int(np.roll(classes, -root)[list(_MAJOR)].sum()) for root in range(_OCTAVE))
    sounding = score.sounding()
    keys = sounding.sum(axis=1)
    by_class = np.stack([sounding[:, k::_OCTAVE].sum(axis=1) for k in range(_OCTAVE)], axis=1)
    pairs = int((keys * (keys - 1)).sum()) // 2
    clashes = int((by_class * np.roll(by_class, -1, axis=1)).sum())
    return {
        'leap': float(intervals.mean()) if len(intervals) else math.nan,
        'wide_leaps': float((intervals > _OCTAVE).mean()) if len(intervals) else math.nan,
        'in_scale': in_scale / len(pitches),
        'polyphony': float(keys[keys > 0].mean()),
        'clash': clashes / pairs if pairs else math.nan,
    }
