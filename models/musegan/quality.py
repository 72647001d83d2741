"""What Dong et al. 2018 measure of music with several voices, section 5 (arXiv:1709.06298).

Of voices in a grid of 16ths all notes are longer than a 32nd, so that all are 'qualified' as the paper has it; here a
note is if it is an 8th or longer. Tonal distance is that of `models/music/metrics/tonal.py`,
of two voices' steps by half bars.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from solferino.hparams.musegan import STEPS_PER_BAR
from solferino.models.music.metrics import tonal
from solferino.models.music.pieces import voices as music

TITLES = {
    'empty_bars': 'Share of bars without a note (EB)',
    'used_pitches': 'Pitch classes in a bar that is not empty (UPC)',
    'long_notes': 'Share of notes that are an 8th or longer (QN)',
    'tonal_distance': 'Tonal distance between voices (TD)',
}
_LEAST = 0.05  # of a measure; below it a distance is as if it were this
_QUALIFIED = 2  # steps
_HALF = STEPS_PER_BAR // 2


def sums(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """Returns of voices [steps, tracks] the sum of each measure and the number of its parts, float32 [measures, 2]."""
    found = np.array([_of_piece(piece) for piece in pieces])
    return found.sum(axis=0).astype(np.float32)


def measures(pieces: Sequence[np.ndarray]) -> dict[str, float]:
    """Returns the measures by name; nan where there is nothing to measure."""
    with np.errstate(invalid='ignore', divide='ignore'):
        totals = sums(pieces).astype(float)
        return dict(zip(TITLES, (totals[:, 0] / totals[:, 1]).tolist(), strict=True))


def distance(data: Sequence[float], made: Sequence[float]) -> float:
    """How far the measures of generated music are from those of the music, each as a share of it, on average."""
    pairs = zip(data, made, strict=True)
    return float(np.mean([abs(one - other) / max(abs(one), _LEAST) for one, other in pairs]))


def _of_piece(voices: np.ndarray) -> np.ndarray:
    pitches = music.sounding(voices)
    bars = pitches.reshape(-1, STEPS_PER_BAR, pitches.shape[1])
    empty = (bars < 0).all(axis=1)  # (bars, tracks)
    used = [len({p % 12 for p in column if p >= 0}) for bar in bars for column in bar.T]
    lengths = [end - start for column in voices.T for start, end, _ in music.notes(column)]
    distances = list(_tonal_distances(pitches))
    return np.array(
        [
            (empty.sum(), empty.size),
            (sum(used), (~empty).sum()),
            (sum(length >= _QUALIFIED for length in lengths), len(lengths)),
            (sum(distances), len(distances)),
        ],
        np.float64,
    )


def _tonal_distances(pitches: np.ndarray) -> Iterator[float]:
    halves = pitches.reshape(-1, _HALF, pitches.shape[1])
    for half in halves:
        centroids = []
        for column in half.T:
            heard = column[column >= 0] % 12
            centroids.append(tonal.centroid(np.bincount(heard, minlength=12)) if len(heard) else None)
        for i, one in enumerate(centroids):
            for other in centroids[i + 1 :]:
                if one is not None and other is not None:
                    yield float(np.linalg.norm(one - other))
