"""Trains on more examples than are held in memory: the memory and time of the command, the cost of a step beside
examples that are held, and how well batches mix pieces of music.

    .venv/bin/python tests/benchmarks/large_corpus.py [--files=170000] [--steps=40] [--rounds=5]

The examples are random drum tracks of 7 bars to the 512 steps that are the most, five for each piece of music, in
shards, pieces in order as create_dataset writes them. The train command is run on all of them twice: to its end, and
stopped in the middle and started again, which must give the same weights. Then steps on a part of the corpus that can
be held are timed in turn, with the examples in memory and in their files. Network: two layers of 64 (a step of seconds
would hide what reading costs).
"""

import argparse
import dataclasses
import hashlib
import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import material
import numpy as np
import report
from growth import Footprint
from measure import Side

from solferino.hparams import overrides
from solferino.hparams.spec import Config
from solferino.models import registry
from solferino.models.core.storage import records, sequence_examples
from solferino.models.core.training import data, runtime

ROOT = Path(__file__).parent.parent.parent
FAMILY, CONFIG, HPARAMS = 'drums_rnn', 'drum_kit', 'rnn_layer_sizes=[64,64],attn_length=0,batch_size=128'
A_PIECE = 5  # examples
SHORTEST, LONGEST = 112, 512  # steps
DIFFERENT = 2000  # tracks, which come again and again: to make a million of them takes an hour
SHARDS = 16
HELD_FILES = 4000  # of the part that is timed in memory, too


def main() -> None:
    """Generates, trains, prints, writes bench/large_corpus.json and .md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--files', type=int, default=170_000, help='pieces of music, each of which is five examples')
    parser.add_argument('--steps', type=int, default=40, help='training steps of the command, and of a measurement')
    parser.add_argument('--rounds', type=int, default=5, help='measurements of each way to have examples')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for all that is written')
    args = parser.parse_args()
    machine = report.machine()
    with material.scratch(args.work.resolve() / 'large_corpus') as work:
        runtime.set_up()
        timed = _timed(str(generate(work / 'part', min(args.files, HELD_FILES))), args.steps, args.rounds)
        pattern = generate(work / 'all', args.files)
        trained = _trained(pattern, work, args.steps)
        mixed = _mixed(args.files * A_PIECE)
    text = '\n\n'.join([_of_command(trained), _of_steps(timed), _of_mixing(mixed), machine])
    report.write(args.work / 'large_corpus', {'command': trained, 'steps': timed, 'mixing': mixed}, text)
    print(text)


def generate(folder: Path, files: int) -> Path:
    """Writes the examples of so many pieces; returns the pattern of the shards."""
    pattern = folder / f'training_drum_tracks@{SHARDS}.tfrecord'
    frames = itertools.cycle(records.frame(track) for track in _tracks())
    total = files * A_PIECE
    folder.mkdir(parents=True)
    for shard, path in enumerate(records.shard_paths(str(pattern))):
        number = total * (shard + 1) // SHARDS - total * shard // SHARDS
        with open(path, 'wb', buffering=1 << 20) as file:
            file.writelines(itertools.islice(frames, number))
    return pattern


def _tracks() -> list[bytes]:
    rng = np.random.default_rng(0)
    classes = registry.get(FAMILY).encoding(_config()).num_events  # type: ignore[attr-defined]  # of drums
    lengths = rng.integers(SHORTEST, LONGEST + 1, DIFFERENT)
    return [sequence_examples.serialize({'events': rng.integers(classes, size=length)}) for length in lengths]


def _config() -> Config:
    config = registry.get(FAMILY).spec.configs[CONFIG]
    return dataclasses.replace(config, hparams=overrides.parse(config.hparams, HPARAMS))


def _trained(pattern: Path, work: Path, steps: int) -> dict[str, Any]:
    """Runs the command to its end, and in two parts."""
    side = Side('Solferino', Path(sys.executable).parent)
    runs: dict[str, list[dict[str, float]]] = {'whole': [], 'parts': []}
    for name, parts in (('whole', [steps]), ('parts', [steps // 2, steps])):
        for end in parts:
            with Footprint() as footprint:
                usage = side.run(
                    f'{FAMILY}_train',
                    config=CONFIG,
                    hparams=HPARAMS,
                    sequence_example_file=pattern,
                    run_dir=work / name,
                    num_training_steps=end,
                )
            runs[name].append({'seconds': usage.seconds, 'peak_mb': max(footprint.memory_mb, usage.peak_mb)})
            said = 'stay in their files' in usage.output
    final = [work / name / f'train/model.ckpt-{steps}.safetensors' for name in runs]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in final]
    paths = records.expand(str(pattern))
    return {
        'examples': sum(records.count(path) for path in paths),
        'bytes': sum(Path(path).stat().st_size for path in paths),
        'runs': runs,
        'in files': said,
        'same weights': digests[0] == digests[1],
    }


def _timed(pattern: str, steps: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of a step with examples in memory and in their files, in turn; and of making a batch alone."""
    import concurrent.futures

    from solferino.models.core.training import steps as training_steps

    family, config = registry.get(FAMILY), _config()
    ways = {'held': 1 << 40, 'in files': 0}
    batches = {
        way: data.Batches(data.load(family, config, pattern, most_held=most), config.hparams.batch_size, 0)
        for way, most in ways.items()
    }
    model = family.model(config, seed=0)
    train_step = training_steps.compiled(model.train_step, family, config)
    found: dict[str, list[float]] = {f'{way}, {what}': [] for way in ways for what in ('a step', 'its batch alone')}
    done = 0
    with concurrent.futures.ThreadPoolExecutor(1) as ahead:  # as the trainer does
        train_step(batches['held'].batch(0))
        for way in [*ways] * rounds:
            of_way = batches[way]
            started, first = time.perf_counter(), done // (2 * steps) * steps
            following = ahead.submit(of_way.batch, first)
            for number in range(first, first + steps):
                batch = following.result()
                following = ahead.submit(of_way.batch, number + 1)
                train_step(batch)
            found[f'{way}, a step'].append((time.perf_counter() - started) / steps)
            following.result()
            started = time.perf_counter()
            for number in range(first, first + steps):
                of_way.batch(number)
            found[f'{way}, its batch alone'].append((time.perf_counter() - started) / steps)
            done += steps
    return found


def _mixed(examples: int) -> dict[str, float]:
    """How well the first batches mix: pieces of music in a batch, and how far over the corpus they are spread."""

    class Long(Sequence[Any]):
        def __len__(self) -> int:
            return examples

        def __getitem__(self, which: Any) -> Any:
            raise NotImplementedError

    lengths = np.random.default_rng(0).integers(SHORTEST, LONGEST + 1, examples).astype(np.int32)
    config = _config()
    dataset = data.Dataset(registry.get(FAMILY), config, '', Long(), lengths, '')
    started = time.perf_counter()
    batches = data.Batches(dataset, config.hparams.batch_size, 0)
    first = batches.indices(0)
    seconds = time.perf_counter() - started
    seen = [first, *(batches.indices(step) for step in range(1, min(1000, batches.per_epoch)))]
    batch = config.hparams.batch_size
    return {
        'pieces in a batch': statistics.fmean(len(set(indices // A_PIECE)) for indices in seen),
        'examples in a batch': statistics.fmean(map(len, seen)),
        'distance of neighbours': statistics.fmean(
            float(np.abs(np.diff(indices.astype(np.int64))).mean()) / examples for indices in seen
        ),
        'distance of neighbours by chance': 1 / 3,
        'correlation of place and step': float(
            np.corrcoef(np.repeat(np.arange(len(seen)), [len(i) for i in seen]), np.concatenate(seen))[0, 1]
        ),
        'seconds for the order of an epoch': seconds,
        'batch': batch,
    }


def _of_command(found: dict[str, Any]) -> str:
    rows = [
        [f'`{FAMILY}_train`, {name}', report.number(run['seconds']), report.number(run['peak_mb'])]
        for name, run in _parts(found['runs'])
    ]
    where = 'in their files' if found['in files'] else 'in memory'
    same = 'the same weights' if found['same weights'] else 'OTHER WEIGHTS'
    return (
        f'{found["examples"]:,} examples, {found["bytes"] / 1e6:,.0f} MB, {where}; stopped and started again: {same}.'
        f'\n\n{report.table(("", "seconds", "peak memory, MB"), rows)}'
    )


def _parts(runs: dict[str, list[dict[str, float]]]) -> Iterator[tuple[str, dict[str, float]]]:
    yield 'to the end', runs['whole'][0]
    yield 'to the middle', runs['parts'][0]
    yield 'from the middle to the end', runs['parts'][1]


def _of_steps(found: dict[str, list[float]]) -> str:
    ratios = [b / a for a, b in zip(found['held, a step'], found['in files, a step'], strict=True)]
    rows = [[name, report.number(1000 * statistics.median(values))] for name, values in found.items()]
    rows.append(['in files / held, a step, median of pairs', f'{statistics.median(ratios):.3f}'])
    return report.table(('', 'ms'), rows)


def _of_mixing(found: dict[str, float]) -> str:
    return report.table(('of the first batches', ''), [[name, f'{value:.3g}'] for name, value in found.items()])


if __name__ == '__main__':
    main()
