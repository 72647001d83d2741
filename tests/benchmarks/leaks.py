"""Near-duplicates across the standard splits of the piano-roll benchmark, and likelihoods without them.

    .venv/bin/python tests/benchmarks/leaks.py --data=FOLDER [--train=nottingham --seconds=300]

For each data set: the test and validation sequences that have a near-duplicate among the training sequences, each with
what was done to it; the similarities of all other pairs; and the longest run that a test sequence has from the training
sequences. With --train, gru_nade is trained on that data set, and predicts its test sequences with those and without.
"""

import argparse
import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pianoroll_baselines as baselines
from note_seq.protobuf import music_pb2
from pianoroll_data import DATA_SETS, LOWEST, TEST, TRAIN, VALID, DataSet
from pianoroll_settings import SETTINGS

from solferino.models.music.originality import copies, leaks, signatures
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece

_BORDERS = (0, 0.05, 0.1, 0.2, 0.3, signatures.ALIKE, 0.6, 0.8, 1.001)
_LONG_RUN = 30  # notes


def main() -> None:
    """Prints what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, required=True, help='folder with the JSON files of the three data sets')
    parser.add_argument('--train', choices=DATA_SETS, help='train gru_nade on this data set')
    parser.add_argument('--seconds', type=float, default=300, help='of training, at most')
    args = parser.parse_args()
    for data_set in DATA_SETS.values():
        found = told(data_set, args.data)
        likelihoods(data_set, args.data, found)
        if data_set.name == args.train:
            _train(data_set, args.data, found, args.seconds)


def told(data_set: DataSet, folder: Path) -> dict[str, set[int]]:
    """Prints the near-duplicates of a data set; returns which test sequences are to be left out, by why."""
    rolls = {split: data_set.read(folder, split) for split in (TRAIN, VALID, TEST)}
    music = {split: [of_roll(roll) for roll in some] for split, some in rolls.items()}
    print(f'\n## {data_set.title}: {", ".join(f"{len(some)} {split}" for split, some in music.items())}')
    leaked: set[int] = set()
    for side, other in ((VALID, TRAIN), (TEST, TRAIN), (TEST, VALID)):
        found = leaks.find(music[side], music[other])
        kinds = Counter(kind for one in found for kind in one.likeness.kinds)
        print(f'{side} in {other}: {len(found)} {dict(kinds)}')
        for one in found:
            shared = f'{100 * one.likeness.shared:.0f} % of n-grams'
            print(f'    {side} {one.place} is like {other} {one.others[0]}: {", ".join(one.likeness.kinds)}, {shared}')
        leaked |= {one.place for one in found} if side == TEST else set()
    tables = {split: np.array([signatures.signature(one) for one in some]) for split, some in music.items()}
    alike = np.array([signatures.similarity(row, tables[TRAIN]) for row in tables[TEST]])
    print(
        'similarities of test and training:',
        dict(zip(_BORDERS[1:], np.histogram(alike, _BORDERS)[0].tolist(), strict=True)),
    )
    runs = [one.notes for one in copies.compare(music[TEST], music[TRAIN]).generated]
    print(
        f'longest runs of test in training: median {np.median(runs):.0f} notes, 95 % {np.quantile(runs, 0.95):.0f}, '
        f'most {max(runs)}; {sum(run >= _LONG_RUN for run in runs)} of {_LONG_RUN} notes or more'
    )
    tunes = {number for number, run in enumerate(runs) if run >= _LONG_RUN}
    return {'near-duplicates': leaked, f'runs of {_LONG_RUN} notes': tunes}


def likelihoods(data_set: DataSet, folder: Path, leaked: dict[str, set[int]]) -> None:
    """Prints the baselines' likelihoods with the leaked sequences and without."""
    training, test = data_set.read(folder, TRAIN), data_set.read(folder, TEST)
    unigram, markov = baselines.unigram(training), baselines.markov(training)
    for name, rolls in parts(test, leaked).items():
        nats = baselines.unigram_nats(unigram, rolls), baselines.markov_nats(markov, rolls, unigram)
        print(f'{name}: {len(rolls)} sequences, unigram {nats[0]:.3f}, Markov {nats[1]:.3f} nats a step')


def parts(test: Sequence[np.ndarray], leaked: dict[str, set[int]]) -> dict[str, list[np.ndarray]]:
    """All sequences, and for each reason to leave some out, these and all but these; without what is empty."""
    found = {'all': list(test)}
    for why, numbers in leaked.items():
        found[f'only {why}'] = [roll for number, roll in enumerate(test) if number in numbers]
        found[f'no {why}'] = [roll for number, roll in enumerate(test) if number not in numbers]
    return {name: rolls for name, rolls in found.items() if rolls}


def of_roll(roll: np.ndarray) -> Piece:
    """A piano roll as a piece: a key that goes on sounding is one note."""
    sequence = music_pb2.NoteSequence(id='/id/roll')
    sequence.tempos.add(qpm=60)
    changes = np.diff(np.pad(roll.astype(int), ((1, 1), (0, 0))), axis=0)
    for key in range(roll.shape[1]):
        for start, end in zip(*(np.flatnonzero(changes[:, key] == sign) for sign in (1, -1)), strict=True):
            sequence.notes.add(pitch=key + LOWEST, velocity=80, start_time=start / 4, end_time=end / 4)
    sequence.total_time = len(roll) / 4
    return piece.of(sequence)


def _train(data_set: DataSet, folder: Path, leaked: dict[str, set[int]], seconds: float) -> None:
    import pianoroll_entrants
    import pianoroll_training

    from solferino.models.core.training import runtime

    runtime.set_up()
    settings = SETTINGS['gru_nade', data_set.name]
    schedule = dataclasses.replace(settings.schedule, seconds=seconds)
    training, validation, test = (data_set.read(folder, split) for split in (TRAIN, VALID, TEST))
    entrant = pianoroll_entrants.entrant('gru_nade', settings.hparams, training)
    trained = pianoroll_training.train(entrant, training, validation, schedule, 0, lambda line: print(line, flush=True))
    print(f'gru_nade: {trained.curve[-1].epochs:.1f} epochs, {trained.ended}')
    for name, rolls in parts(test, leaked).items():
        nats = pianoroll_training.evaluate(trained.model, entrant.whole(rolls)).nats
        print(f'gru_nade, {name}: {nats:.3f} nats a step')


if __name__ == '__main__':
    main()
