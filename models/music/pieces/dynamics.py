"""How loud notes are played at each place of the bar, measured in music and given to music whose notes are all alike.

What is measured is how the velocities are spread at each place: by the kind of note (a kind of drum, or any note) and
the step of the bar. Where that is too little music, places of the same level stand in: the first beat of a bar, other
beats, halves of beats (thirds, in 6/8), and the rest.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from statistics import NormalDist

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams.dynamics import SHARES, Dynamics
from solferino.models.music.pieces import bars, sections
from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.timeline import DEFAULT_QPM

STEPS_PER_QUARTER = 4
_FEWEST = 30  # notes at a place; below it others stand in
_ALIKE = 0.95  # share of notes of one velocity from which on no one has played the music
_IN_COMMON = 0.18  # of the variance of ranks: how much a piece is louder as a whole; of the Groove dataset's drummers
_NORMAL = NormalDist()


def count(piece: Piece, rows: np.ndarray, kinds: np.ndarray) -> Mapping[str, int]:
    """Returns how often each velocity occurs at each place, as '4/4 1 3 64': kind 1, step 3, velocity 64.

    Args:
      piece: unquantized.
      rows: which of its notes.
      kinds: int [rows], what they are; below 0 for notes that do not count.
    """
    of_row = np.full(len(piece.notes), -1, np.int64)
    of_row[rows] = kinds
    counts: Counter[str] = Counter()
    for section in sections.quantized_sections(
        piece, STEPS_PER_QUARTER, lambda reason: None, np.flatnonzero(of_row >= 0)
    ):
        steps, velocities = section.starts % section.steps_per_bar, section.notes('velocity')
        places = np.stack([of_row[section.rows], steps, velocities], axis=1)
        found, times = np.unique(places[(velocities > 0) & (velocities < 128)], axis=0, return_counts=True)
        for (kind, step, velocity), number in zip(found.tolist(), times.tolist(), strict=True):
            counts[f'{section.metre.name} {kind} {step} {velocity}'] += number
    return counts


def learn(counts: Mapping[str, int]) -> Dynamics:
    """Returns the curves of all that `count` counted; none if the music is all alike, or there is too little of it."""
    spread: defaultdict[str, Counter[int]] = defaultdict(Counter)
    velocities: Counter[int] = Counter()
    for name, number in counts.items():
        metre, kind, step, velocity = name.split(' ')
        level = _level(metre, int(step))
        for place in (f'{metre} {kind} {step}', f'level {kind} {level}', f'all {kind}'):
            spread[place][int(velocity)] += number
        velocities[int(velocity)] += number
    total = velocities.total()
    if total < _FEWEST or max(velocities.values()) >= _ALIKE * total:
        return Dynamics()
    return Dynamics(
        tuple(f'{place}:{_quantiles(found)}' for place, found in sorted(spread.items()) if found.total() >= _FEWEST)
    )


def apply(
    sequence: music_pb2.NoteSequence, kinds: np.ndarray, dynamics: Dynamics, seed: tuple[int, int], begin: float = 0.0
) -> None:
    """Changes the velocities of an unquantized sequence of one tempo and metre (4/4 if it names none).

    Each note is given a velocity of those at its place, by chance; a part of the chance is the same for all notes. A
    note of a kind of which nothing is known stays as it is.

    Args:
      sequence: changed in place.
      kinds: int [notes], as for `count`.
      dynamics: what `learn` returned.
      seed: the same seed gives the same velocities.
      begin: seconds from the beginning of a bar to that of the sequence.
    """
    known = {place: np.array(values.split(), float) for place, values in (c.split(':') for c in dynamics.curves)}
    signature = sequence.time_signatures[0] if sequence.time_signatures else None
    metre = f'{signature.numerator}/{signature.denominator}' if signature else '4/4'
    steps_per_second = (sequence.tempos[0].qpm if sequence.tempos else DEFAULT_QPM) / 60 * STEPS_PER_QUARTER
    bar = _metre(metre).bar
    together = np.random.default_rng(seed).standard_normal()
    for note, kind in zip(sequence.notes, kinds.tolist(), strict=True):
        at = round((begin + note.start_time) * steps_per_second)
        step = round(at % bar)
        places = (f'{metre} {kind} {step}', f'level {kind} {_level(metre, step)}', f'all {kind}')
        curve = next((known[place] for place in places if place in known), None)
        if curve is None:
            continue
        # By its own place, so that it is the same note in a sequence that begins later.
        alone = np.random.default_rng((*seed, at, note.pitch)).standard_normal()
        rank = _NORMAL.cdf(math.sqrt(_IN_COMMON) * together + math.sqrt(1 - _IN_COMMON) * alone)
        note.velocity = min(127, max(1, round(float(np.interp(100 * rank, SHARES, curve)))))


def restore(sequence: music_pb2.NoteSequence, rows: Iterable[int], starts: np.ndarray, given: np.ndarray) -> None:
    """Gives notes of an unquantized sequence back the velocities that they have in the music that they are from.

    Each is taken for the nearest of the given notes of its pitch, if one is less than an eighth away.

    Args:
      sequence: changed in place.
      rows: which of its notes.
      starts: [notes], when the given notes begin, in seconds of the sequence.
      given: piece.NOTE [notes]; those of velocity 0 are no notes.
    """
    near = 30 / (sequence.tempos[0].qpm if sequence.tempos else DEFAULT_QPM)
    heard = given['velocity'] > 0
    starts, pitches, velocities = starts[heard], given['pitch'][heard], given['velocity'][heard]
    order = np.argsort(-velocities, kind='stable')  # of two in one place the louder
    of_pitch = {pitch: order[pitches[order] == pitch] for pitch in set(pitches.tolist())}
    for note in (sequence.notes[row] for row in rows):
        alike = of_pitch.get(note.pitch)
        if alike is None:
            continue
        away = abs(starts[alike] - note.start_time)
        if away.min() < near:
            note.velocity = int(velocities[alike[away.argmin()]])


def _metre(name: str) -> bars.Metre:
    numerator, denominator = map(int, name.split('/'))
    return bars.metre(numerator, denominator, STEPS_PER_QUARTER)


def _level(metre: str, step: int) -> int:
    """0 for the first beat of a bar, 1 for other beats, 2 for the parts of beats, 3 for what is between."""
    found = _metre(metre)
    unit = 4 * STEPS_PER_QUARTER / int(metre.split('/')[1])
    part = unit if found.beat > unit else found.beat / 2
    return next((level for level, length in enumerate((found.bar, found.beat, part)) if step % length == 0), 3)


def _quantiles(found: Mapping[int, int]) -> str:
    velocities = sorted(found)
    below = np.cumsum([found[velocity] for velocity in velocities])
    ranks = np.array(SHARES) / 100 * below[-1]
    return ''.join(f' {velocities[k]}' for k in np.searchsorted(below, ranks).tolist())
