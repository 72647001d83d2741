"""How the cost of training grows with the length of the tracks and with the batch.

    .venv/bin/python tests/benchmarks/growth_training.py [--configs=drum_kit,basic_rnn] [--runs=3]

The train command is run on tracks of random events, all of one length, a batch of them. Time is that of a step after
the first, memory the peak of the process. Where a step's time is proportional to the work, the slope of the line in
the log-log plot is 1 and the time of an event stays the same; a slope below 1 says that larger is cheaper. Of the
memory, that of training on a single event is taken off first: most of it is TensorFlow itself.
"""

import argparse
import dataclasses
import json
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import material
import measure
import numpy as np
import report
from matplotlib.figure import Figure

from solferino.models import registry
from solferino.models.core.storage import sequence_examples

HERE = Path(__file__).parent
OURS = measure.Side('Solferino', Path(sys.executable).parent)
LENGTHS = (64, 128, 256, 512)
BATCHES = (16, 32, 64, 128, 256)
# What the other is while one is varied: the configs' batch, and eight bars of 16ths.
LENGTH, BATCH = 128, 128
# Steps that are not counted, as TensorFlow compiles in the first, and steps that are.
WARM, COUNTED = 1, 4


@dataclasses.dataclass(frozen=True)
class Point:
    """What training took.

    Attributes:
      config: its name.
      varied: 'length', 'batch' or '', the least there can be.
      length: events that are predicted of each track.
      batch: tracks.
      seconds: of a step.
      peak_mb: memory of the process.
    """

    config: str
    varied: str
    length: int
    batch: int
    seconds: float
    peak_mb: float

    @property
    def at(self) -> int:
        """What is varied."""
        return self.length if self.varied == 'length' else self.batch

    @property
    def microseconds(self) -> float:
        """Of an event."""
        return 1e6 * self.seconds / (self.length * self.batch)


def main() -> None:
    """Measures, prints and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--configs', default='drum_kit,basic_rnn', help='with commas')
    parser.add_argument('--hparams', default='', help='smaller models, to try the tool out')
    parser.add_argument('--lengths', default=_text(LENGTHS), help='of tracks, with commas')
    parser.add_argument('--batches', default=_text(BATCHES), help='tracks in a batch, with commas')
    parser.add_argument('--runs', type=int, default=3, help='how often each point is measured')
    parser.add_argument('--work', type=Path, default=HERE.parent.parent / 'bench', help='folder for data and results')
    parser.add_argument('--picture', type=Path, default=HERE / 'curves/growth-training.png', help='the plot')
    args = parser.parse_args()
    machine = report.machine()
    points: list[Point] = []
    with material.scratch(args.work / 'growth_training') as work:
        for config in args.configs.split(','):
            for varied, length, batch in _grid(_numbers(args.lengths), _numbers(args.batches)):
                points.append(point(config, varied, length, batch, args.hparams, work, args.runs))
                results = [dataclasses.asdict(p) for p in points]
                found = {'machine': machine, 'runs': args.runs, 'points': results, 'slopes': slopes(points)}
                (args.work / 'growth_training.json').write_text(json.dumps(found, indent=1) + '\n', encoding='utf-8')
    draw(points, args.picture)
    print(tables(points), machine, sep='\n\n')


def tables(points: Sequence[Point]) -> str:
    """The points and the slopes in words."""
    rows = [
        [p.config, str(p.length), str(p.batch), *map(report.number, (p.seconds, p.microseconds, p.peak_mb))]
        for p in points
    ]
    lines = [[s['config'], s['by'], f'{s["seconds"]:.2f}', f'{s["peak_mb"]:.2f}'] for s in slopes(points)]
    return '\n\n'.join(
        [
            report.table(('config', 'length', 'batch', 's a step', 'µs an event', 'peak memory, MB'), rows),
            report.table(('config', 'by', 'slope of time', 'slope of memory'), lines),
        ]
    )


def point(config: str, varied: str, length: int, batch: int, hparams: str, work: Path, runs: int) -> Point:
    """Measures one point."""
    family = registry.family_of_config(config)
    events = family.encoding(family.spec.configs[config]).num_events
    tracks = np.random.default_rng(0).integers(events, size=(batch, length + 1))
    path = work / 'tracks.tfrecord'
    material.write(path, [sequence_examples.serialize({'events': track}) for track in tracks])
    seconds, memory = [], []
    for _ in range(runs):
        usage = OURS.run(
            f'{family.spec.name}_train',
            config=config,
            **material.hparams_flag(hparams, f'batch_size={batch}'),
            sequence_example_file=path,
            run_dir=material.fresh(work / 'run'),
            num_training_steps=WARM + COUNTED,
            summary_frequency=1,
        )
        losses = measure.scalars(work / 'run/train')['loss']
        seconds.append((losses[-1].time - losses[WARM - 1].time) / COUNTED)
        memory.append(usage.peak_mb)
    return Point(config, varied, length, batch, statistics.median(seconds), statistics.median(memory))


def slopes(points: Sequence[Point]) -> list[dict[str, str | float]]:
    """Returns the slopes of the straight lines through the logarithms; nothing for a line with one point."""
    found: list[dict[str, str | float]] = []
    for config, varied, line in _lines(points):
        base = next(p.peak_mb for p in points if p.config == config and not p.varied)
        if len(line) > 1:
            time = _slope([p.at for p in line], [p.seconds for p in line])
            memory = _slope([p.at for p in line], [p.peak_mb - base for p in line])
            found.append({'config': config, 'by': varied, 'seconds': time, 'peak_mb': memory})
    return found


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Of the straight line through the logarithms; nan if there is nothing to see but scatter."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0]) if min(ys) > 0 else math.nan


def draw(points: Sequence[Point], path: Path) -> None:
    """Writes a PNG: time and memory by length and by batch."""
    figure = Figure(figsize=(9, 6), dpi=100, layout='constrained')
    axes = figure.subplots(2, 2, sharex='col', sharey='row', squeeze=False)
    for config, varied, line in _lines(points):
        column = ('length', 'batch').index(varied)
        for row, (what, text) in enumerate((('seconds', 'seconds a step'), ('peak_mb', 'peak memory, MB'))):
            axes[row][column].loglog([p.at for p in line], [getattr(p, what) for p in line], 'o-', label=config)
            axes[row][0].set_ylabel(text)
    for column, text in enumerate((f'length of {BATCH} tracks', f'tracks of {LENGTH} events')):
        axes[1][column].set_xlabel(text)
        ticks = sorted({p.at for p in points if p.varied == ('length', 'batch')[column]})
        axes[1][column].set_xticks(ticks, map(str, ticks))
        axes[1][column].minorticks_off()
    for one in axes.flat:
        one.grid(alpha=0.3, which='both')
    axes[0][0].legend(fontsize='small')
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _grid(lengths: Sequence[int], batches: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    yield '', 1, 1
    yield from (('length', length, BATCH) for length in lengths)
    yield from (('batch', LENGTH, batch) for batch in batches)


def _lines(points: Sequence[Point]) -> Iterator[tuple[str, str, list[Point]]]:
    """Yields the points of each line of the plot."""
    for config, varied in dict.fromkeys((p.config, p.varied) for p in points if p.varied):
        yield config, varied, [p for p in points if (p.config, p.varied) == (config, varied)]


def _text(numbers: Sequence[int]) -> str:
    return ','.join(map(str, numbers))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(',')]


if __name__ == '__main__':
    main()
