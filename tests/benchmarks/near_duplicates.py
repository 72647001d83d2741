"""How often the search for near-duplicates and copies errs, on collections of NoteSequences.

    .venv/bin/python tests/benchmarks/near_duplicates.py lieder.tfrecord drums.tfrecord ...

Of each collection: all pairs that are found, to be looked at; the share of copies that are found after so many notes of
them were changed; and the longest runs that a fifth of the pieces, chosen at random, has of the others.
"""

import argparse
import dataclasses
from collections.abc import Sequence

import numpy as np

from solferino.models.core.storage import records
from solferino.models.music.originality import copies, leaks, signatures
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece

_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
_SHORTEST = 20  # notes of a piece that is copied
_MOST = 230  # pieces that are copied
_DRUMS = (36, 38, 42, 46, 49, 51)


def main() -> None:
    """Prints what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('notes', nargs='+', help='TFRecord files of NoteSequences')
    for path in parser.parse_args().notes:
        music = [piece.read(data) for data in records.read(path)]
        music = [one for one in music if len(one.notes) and not piece.flaw(one)]
        print(f'\n## {path}: {len(music)} pieces')
        _pairs(music)
        for name, share in recall(music, np.random.default_rng(0)).items():
            print(f'{name}: {100 * share:.1f} % found')
        _held_out(music)


def _pairs(music: Sequence[Piece]) -> None:
    table = np.array([signatures.signature(one) for one in music])
    alike = np.array([signatures.similarity(row, table) for row in table])
    ones, others = np.triu_indices(len(music), 1)
    found = np.flatnonzero(alike[ones, others] >= signatures.ALIKE)
    print(f'{len(found)} of {len(ones)} pairs')
    for k in found:
        one, other = music[ones[k]], music[others[k]]
        likeness = leaks.compare(one, other)
        print(f'    {one.filename} | {other.filename}: {", ".join(likeness.kinds)}, {100 * likeness.shared:.0f} %')


def recall(music: Sequence[Piece], rng: np.random.Generator) -> dict[str, float]:
    """Returns the share of copies that are found, by what was done to them."""
    music = [one for one in music if len(one.notes) >= _SHORTEST][:_MOST]
    known = [signatures.signature(one) for one in music]

    def found(copied: Sequence[np.ndarray]) -> float:
        made = [signatures.signature(dataclasses.replace(one, notes=n)) for one, n in zip(music, copied, strict=True)]
        pairs = zip(known, made, strict=True)
        return float(np.mean([signatures.similarity(*pair) >= signatures.ALIKE for pair in pairs]))

    shares = {f'{share:.0%} of notes changed': found([_changed(one, share, rng) for one in music]) for share in _SHARES}
    halves = [one.notes[one.notes['start'] < np.median(one.notes['start'])] for one in music]
    return shares | {'half of the piece': found(halves), '10 ms off': found([_unsteady(one, rng) for one in music])}


def _changed(music: Piece, share: float, rng: np.random.Generator) -> np.ndarray:
    """The notes two semitones higher and 1.25 times as slow, some of them replaced."""
    notes = music.notes.copy()
    number = max(1, round(share * len(notes)))
    which = rng.choice(len(notes), number, replace=False)
    moved = notes['pitch'][which] + rng.choice([-3, -2, -1, 1, 2, 3], number)
    notes['pitch'][which] = np.where(notes['is_drum'][which], rng.choice(_DRUMS, number), moved)
    notes['pitch'] = np.where(notes['is_drum'], notes['pitch'], notes['pitch'] + 2).clip(0, 127)
    notes['start'] *= 1.25
    notes['end'] *= 1.25
    return notes


def _unsteady(music: Piece, rng: np.random.Generator) -> np.ndarray:
    notes = music.notes.copy()
    notes['start'] = np.maximum(notes['start'] + rng.uniform(-0.01, 0.01, len(notes)), 0)
    return notes


def _held_out(music: Sequence[Piece]) -> None:
    order = np.random.default_rng(0).permutation(len(music))
    made, known = order[: len(music) // 5], order[len(music) // 5 :]
    found = copies.compare([music[k] for k in made], [music[k] for k in known])
    for name, side in (('training', found.training), ('held out', found.generated)):
        runs, share = [one.notes for one in side], np.mean([one.share for one in side])
        print(
            f'{name}: {len(side)} pieces, longest run {np.median(runs):.1f} notes in the median, '
            f'{np.quantile(runs, 0.95):.0f} in 95 of 100; {100 * share:.1f} % of notes in runs of {copies.NOTES}'
        )
    print(f'held out beyond {found.usual} notes: {len(found.too_long)} of {len(made)}')


if __name__ == '__main__':
    main()
