"""What MuseGAN makes beside the music it learned from: the paper's measures, a chorale's rules, and how much is copied.

    .venv/bin/python tests/benchmarks/musegan.py --training=TRAINING.tfrecord --eval=EVAL.tfrecord RUN [RUN ...]

Rows are the training examples, the held-out ones, the training examples with their steps shuffled, each voice by itself
from a Markov chain of its steps, and as many pieces of each run, of its best checkpoint. Columns beside those of
`models/musegan/quality.py`:

    crossing    share of steps in which a voice sounds below the next one
    parallels   parallel fifths and octaves, of a hundred changes of two voices that both move
    fragments   notes of one step, of all notes
    nearest     share of steps and voices that are those of the training example most like it, over transpositions by up
                to six semitones; the mean of all pieces. Of training examples, the example itself is left out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from solferino.hparams.musegan import SPEC
from solferino.models import load, registry
from solferino.models.core.training import data
from solferino.models.musegan import quality
from solferino.models.musegan.classes import Classes
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces import sections, voices

_PIECES = 500
_SEMITONES = 6


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--training', required=True)
    parser.add_argument('--eval', required=True)
    parser.add_argument('runs', nargs='*', type=Path)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    family, config = registry.get(SPEC.name), SPEC.configs['musegan_small']
    layout = Classes.of(config.extraction)
    sides = [data.load(family, config, path).examples for path in (args.training, args.eval)]
    classes = [np.array([example['classes'] for example in side]) for side in sides]
    training, held_out = ([layout.voices(one) for one in side] for side in classes)
    sample = rng.choice(len(training), min(_PIECES, len(training)), replace=False)
    shuffled = [layout.voices(rng.permutation(classes[0][k])) for k in sample]
    rows = {
        'training music': ([training[k] for k in sample], sample.tolist()),
        'held-out music': (held_out, None),
        'its steps shuffled': (shuffled, None),
        'a Markov chain a voice': ([layout.voices(one) for one in _markov(classes[0], len(sample), rng)], None),
        **{str(run): (_made(run), None) for run in args.runs},
    }
    print('| music | pieces | EB | UPC | QN | TD | crossing | parallels | fragments | nearest |')
    print('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
    known = np.array([voices.sounding(one) for one in training])
    for name, (music, own) in rows.items():
        found = quality.measures(music)
        near = _nearest([voices.sounding(one) for one in music[:_PIECES]], known, own)
        cells = [
            f'{100 * found["empty_bars"]:.1f} %', f'{found["used_pitches"]:.2f}', f'{100 * found["long_notes"]:.1f} %',
            f'{found["tonal_distance"]:.2f}', f'{100 * _crossing(music):.1f} %', f'{_parallels(music):.1f}',
            f'{100 * _fragments(music):.1f} %', f'{100 * near:.0f} %',
        ]  # fmt: skip
        print(f'| {name} | {len(music)} | {" | ".join(cells)} |', flush=True)


def _made(run: Path) -> list[np.ndarray]:
    """As many pieces as are measured, as voices."""
    model = load(run)
    length = model.config.hparams.num_bars * 16
    programs = ','.join(str(program) for program in range(model.config.hparams.num_tracks))
    sequences = model.generate(num_outputs=_PIECES // 10, num_pieces=10, seed=1, programs=programs)
    found = []
    for sequence in sequences:
        whole = sections.quantize(pieces.of(sequence), model.config.steps_per_quarter)
        music = voices.of_section(whole, range(model.config.hparams.num_tracks), 10 * length)
        found += [voices.cut(music, start, start + length) for start in range(0, 10 * length, length)]
    return found


def _markov(classes: np.ndarray, number: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Pieces of which each voice is a first-order Markov chain of the training examples' classes."""
    made = np.empty((number, *classes.shape[1:]), np.int32)
    for track in range(classes.shape[2]):
        lines = classes[:, :, track]
        made[:, 0, track] = rng.choice(lines[:, 0], number)
        before, after = lines[:, :-1].ravel(), lines[:, 1:].ravel()
        follows = {value: after[before == value] for value in np.unique(before)}
        for step in range(1, classes.shape[1]):
            for k in range(number):
                made[k, step, track] = rng.choice(follows.get(made[k, step - 1, track], after))
    return list(made)


def _crossing(music: Sequence[np.ndarray]) -> float:
    pitches = np.concatenate([voices.sounding(one) for one in music])
    upper, lower = pitches[:, :-1], pitches[:, 1:]
    both = (upper >= 0) & (lower >= 0)
    return float((both & (upper < lower)).any(axis=1).mean())


def _parallels(music: Sequence[np.ndarray]) -> float:
    wrong = moves = 0
    for one in music:
        pitches = voices.sounding(one)
        for i in range(pitches.shape[1]):
            for j in range(i + 1, pitches.shape[1]):
                a, b = pitches[:, i], pitches[:, j]
                moved = (a[1:] != a[:-1]) & (b[1:] != b[:-1]) & (np.minimum(a[1:], b[1:]) >= 0)
                moved &= np.minimum(a[:-1], b[:-1]) >= 0
                interval = np.abs(a - b) % 12
                same = (interval[1:] == interval[:-1]) & np.isin(interval[1:], (0, 7))
                parallel = same & (np.sign(a[1:] - a[:-1]) == np.sign(b[1:] - b[:-1]))
                wrong, moves = wrong + (moved & parallel).sum(), moves + moved.sum()
    return float(100 * wrong / max(moves, 1))


def _fragments(music: Sequence[np.ndarray]) -> float:
    lengths = [end - start for one in music for column in one.T for start, end, _ in voices.notes(column)]
    return float(np.mean(np.array(lengths) == 1))


def _nearest(music: Sequence[np.ndarray], known: np.ndarray, own: list[int] | None) -> float:
    found = []
    for k, one in enumerate(music):
        best = 0.0
        for semitones in range(-_SEMITONES, _SEMITONES + 1):
            moved = np.where(one >= 0, one + semitones, one)
            alike = (known == moved).mean(axis=(1, 2))
            if own is not None and semitones == 0:
                alike[own[k]] = 0
            best = max(best, float(alike.max()))
        found.append(best)
    return float(np.mean(found))


if __name__ == '__main__':
    main()
