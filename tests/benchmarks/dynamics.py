"""Is generated music played as loud as music that the model did not learn from? Distances of velocity histograms.

    .venv/bin/python tests/benchmarks/dynamics.py --model=run --notes=notes.tfrecord --examples=data

The model generates the same music with --velocity=flat, with --accents and with --velocity=learned. Their velocities
are held beside those of the pieces on the evaluation side of the split, and so are those of the training side: no
curve can be expected to come closer. The distance of two histograms is the mean number of velocities by which the notes
of one would have to become louder or softer to be those of the other (Wasserstein's, of order 1). It is taken of all
notes at once, and of the notes of each kind at each step of the bar, where both have ten at least, weighted by how many
notes the held-out music has there.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from solferino.models import load
from solferino.models.core.storage import records
from solferino.models.music.originality import signatures
from solferino.models.music.pieces import dynamics, piece
from solferino.pipelines import split

_FEWEST = 10  # notes
_VELOCITIES = np.arange(128)

# Velocities by place, kind and metre: how many notes have each.
Places = Mapping[str, np.ndarray]


def main() -> None:
    """Generates and measures."""
    args = _arguments()
    model = load(args.model)
    [sidecar] = args.examples.glob('*.json')
    dataset = json.loads(sidecar.read_text())
    sides = _sides([piece.read(data) for data in records.read(str(args.notes))], dataset)
    held_out = _places(model, sides[split.EVAL])
    options = {'num_outputs': args.num_outputs, 'num_bars': 8, 'temperature': 'auto', 'seed': args.seed}
    made = {
        'the training side': sides[split.TRAINING],
        '`--velocity=flat`': _pieces(model.generate(**options, velocity='flat')),
        '`--accents`': _pieces(model.generate(**options, accents=True)),
        '`--velocity=learned`': _pieces(model.generate(**options)),
    }
    print('| | notes | mean | deviation | distance, all notes | distance, by place and kind |')
    print('| --- | --- | --- | --- | --- | --- |')
    print(row('held out', held_out, held_out))
    for name, music in made.items():
        print(row(name, _places(model, music), held_out))


def _sides(pieces: Sequence[Any], dataset: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
    """The music on either side, as the command that made the dataset has split it."""
    keys = [split.key(music) for music in pieces]
    leaders: Mapping[str, str] = {}
    if dataset['split'] == split.BY_CONTENT:
        signed = (
            bytes.fromhex(key) + signatures.signature(music).astype('<u4').tobytes()
            for key, music in zip(keys, pieces, strict=True)
        )
        leaders, _ = split.leaders(signed)
    sides: dict[str, list[Any]] = {split.TRAINING: [], split.EVAL: []}
    for key, music in zip(keys, pieces, strict=True):
        sides[split.side(leaders.get(key, key), dataset['eval_ratio'], dataset['seed'])].append(music)
    return sides


def row(name: str, places: Places, held_out: Places) -> str:
    """A row of the table."""
    whole = np.sum(list(places.values()), axis=0)
    mean = float((whole * _VELOCITIES).sum() / whole.sum())
    deviation = float(np.sqrt((whole * (_VELOCITIES - mean) ** 2).sum() / whole.sum()))
    numbers = f'{whole.sum():,} | {mean:.0f} | {deviation:.0f}'
    if places is held_out:
        return f'| {name} | {numbers} | | |'
    all_notes = distance(whole, np.sum(list(held_out.values()), axis=0))
    return f'| {name} | {numbers} | {all_notes:.1f} | {by_place(places, held_out):.1f} |'


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Wasserstein's distance of order 1 between two histograms [128]."""
    shares = [np.cumsum(histogram / histogram.sum()) for histogram in (first, second)]
    return float(np.abs(shares[0] - shares[1]).sum())


def by_place(places: Places, held_out: Places) -> float:
    """The mean of the distances at each place, weighted by the notes of `held_out`."""
    common = [p for p in held_out if p in places and min(held_out[p].sum(), places[p].sum()) >= _FEWEST]
    weights = [held_out[place].sum() for place in common]
    return float(np.average([distance(places[place], held_out[place]) for place in common], weights=weights))


def _places(model: Any, music: Iterable[Any]) -> Places:
    counts: Counter[str] = Counter()
    for one in music:
        chosen = model.family.chosen(one, model.config)
        kinds = model.family.loudness_kinds(chosen.notes, model.config)
        counts.update(dynamics.count(chosen, np.arange(len(chosen.notes)), kinds))
    histograms: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(128, np.int64))
    for name, number in counts.items():
        place, _, velocity = name.rpartition(' ')
        histograms[place][int(velocity)] += number
    return histograms


def _pieces(sequences: Iterable[Any]) -> list[Any]:
    return [piece.of(sequence) for sequence in sequences if sequence.notes]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', required=True, help='A run directory or a bundle.')
    parser.add_argument('--notes', type=Path, required=True, help='The NoteSequences that its examples were made of.')
    parser.add_argument('--examples', type=Path, required=True, help='The folder of the examples.')
    parser.add_argument('--num_outputs', type=int, default=100)
    parser.add_argument('--seed', type=int, default=1)
    return parser.parse_args()


if __name__ == '__main__':
    main()
