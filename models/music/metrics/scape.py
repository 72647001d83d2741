"""The fitness scape plot: how well each stretch of music explains the rest by its repetitions.

Müller, Grosche and Jiang, "A segment-based fitness measure for capturing repetitive structures of music recordings",
ISMIR 2011; Müller, "Fundamentals of music processing", 2015, section 4.3. N frames.
"""

import numpy as np

_SMOOTHING = 4  # frames along the diagonals
_KEPT = 0.2  # of the similarities; the rest counts against a path
_PENALTY = -2.0


def similarity(chroma: np.ndarray) -> np.ndarray:
    """Returns the self-similarity [N, N] of chroma [N, 12]: 1 on the diagonal; all but the highest are _PENALTY."""
    norms = np.linalg.norm(chroma, axis=1, keepdims=True)
    unit = np.divide(chroma, norms, out=np.full_like(chroma, 1 / np.sqrt(chroma.shape[1])), where=norms > 0)
    plain = unit @ unit.T
    number = len(plain)
    total, count = np.zeros_like(plain), np.zeros_like(plain)
    for k in range(min(_SMOOTHING, number)):
        total[: number - k, : number - k] += plain[k:, k:]
        count[: number - k, : number - k] += 1
    smooth = total / count
    least = np.quantile(smooth, 1 - _KEPT)
    scaled = (smooth - least) / max(1 - least, 1e-9)
    result = np.where(smooth >= least, scaled, _PENALTY)
    np.fill_diagonal(result, 1.0)
    return result


def fitness(similarities: np.ndarray) -> np.ndarray:
    """Returns the fitness [N, N] of the stretch of so many frames, less one, that begins at each frame; else 0.

    Of each stretch the family of paths with the highest score over all of the music is found, each path a repetition of
    the whole stretch in from half to twice its time. Fitness is the harmonic mean of the family's score and coverage,
    both without what the stretch has of itself.
    """
    number = len(similarities)
    result = np.zeros((number, number))
    for size in range(1, number + 1):
        starts = np.arange(number - size + 1)
        columns = starts[:, None] + np.arange(size)
        score, length, covered = _families(similarities[:, columns])
        score = (score - size) / np.maximum(length, 1)
        coverage = (covered - size) / number
        both = (score > 0) & (coverage > 0)
        result[size - 1, : len(starts)] = np.where(
            both, 2 * score * coverage / np.where(both, score + coverage, 1.0), 0.0
        )
    return result


def _families(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of similarities [N, stretches, size], for each stretch its best family's score, path length and rows covered.

    Steps of a path are (1, 1), (2, 1) and (1, 2). `idle` is the state between paths, before a row.
    """
    number, stretches, size = values.shape
    lowest = -1e18
    idle = np.zeros((3, stretches))  # score, length, rows covered
    # Of paths that have come to each frame of the stretch in the last row and in the one before it.
    last = np.full((3, stretches, size), 0.0)
    last[0] = lowest
    before = last.copy()
    for row in range(number):
        now = np.empty_like(last)
        options = np.full((4, 3, stretches, size), 0.0)
        options[:, 0] = lowest
        options[0, :, :, 0] = idle  # a path begins
        options[0, 2, :, 0] += 1
        options[1, :, :, 1:] = last[:, :, :-1]
        options[1, 2, :, 1:] += 1
        options[2, :, :, 1:] = before[:, :, :-1]
        options[2, 2, :, 1:] += 2
        options[3, :, :, 2:] = last[:, :, :-2]
        options[3, 2, :, 2:] += 1
        best = options[:, 0].argmax(axis=0)
        now[:] = np.take_along_axis(options, best[None, None], axis=0)[0]
        now[0] += values[row]
        now[1] += 1
        ended = now[:, :, -1]
        idle = np.where(ended[0] > idle[0], ended, idle)
        before, last = last, now
    return idle[0], idle[1], idle[2]
