"""Trains for minutes and then generates again and again, all in one process, and watches its memory, its open files and
its threads: none may grow.

    taskset -c 1 nice .venv/bin/python tests/benchmarks/soak.py [--minutes=10] [--generations=1500]

Training is that of the command, with checkpoints, evaluations, pictures and sound for TensorBoard as they come, on
grooves that the project carries; it is stopped as by SIGTERM. Each generation is of two tracks of four bars, written
as MIDI. What is measured in the first quarter is warm-up; growth is what a straight line through the rest rises by.
"""

import argparse
import dataclasses
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import material
import numpy as np
import report

from solferino.models import load, registry, write_midi
from solferino.models.core.settings import Given
from solferino.models.core.storage import sequence_examples
from solferino.models.core.training import asked, jobs
from solferino.models.music.grooves import groove_library, groove_songs
from solferino.models.music.pieces import piece

ROOT = Path(__file__).parent.parent.parent
FAMILY, CONFIG, HPARAMS = 'drums_rnn', 'drum_kit', 'rnn_layer_sizes=[64],attn_length=0,batch_size=8'
MOST_MB = 20.0  # that memory may grow by: a summary's pictures come and go
_WARM = 0.25  # the share that is not counted


@dataclasses.dataclass(frozen=True)
class Sample:
    """What the process has: seconds since the start, memory (resident, MB), open files, threads."""

    seconds: float
    mb: float
    files: int
    threads: int


@dataclasses.dataclass(frozen=True)
class Growth:
    """How something changes after the warm-up.

    Attributes:
      first, last: the means of the first and the last tenth of what is counted.
      rise: of the straight line through all of it, from its beginning to its end.
    """

    first: float
    last: float
    rise: float


class Watch(threading.Thread):
    """Looks at this process from time to time; a context manager."""

    def __init__(self, every_s: float) -> None:
        super().__init__(daemon=True)
        self.samples: list[Sample] = []
        self._every_s = every_s
        self._ended = threading.Event()
        self._began = time.monotonic()

    def __enter__(self) -> 'Watch':
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Looks until the block ends."""
        while not self._ended.wait(self._every_s):
            self.samples.append(sample(self._began))


def sample(began: float) -> Sample:
    """What the process has now."""
    resident = int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6
    return Sample(
        time.monotonic() - began, resident, len(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task'))
    )


def growth(samples: Sequence[Sample], what: str) -> Growth:
    """How `what`, a field of Sample, grows after the warm-up."""
    counted = samples[int(len(samples) * _WARM) :]
    times = np.array([one.seconds for one in counted])
    values = np.array([getattr(one, what) for one in counted], float)
    tenth = max(1, len(values) // 10)
    slope = np.polyfit(times, values, 1)[0] if len(values) > 1 else 0.0
    return Growth(values[:tenth].mean(), values[-tenth:].mean(), float(slope * (times[-1] - times[0])))


def main() -> None:
    """Trains, generates, prints, writes bench/soak.json and .md; exits with 1 if something grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=30.0, help='of training')
    parser.add_argument('--generations', type=int, default=5000, help='calls of generate')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for all that is written')
    args = parser.parse_args()
    machine = report.machine()
    with material.scratch(args.work.resolve() / 'soak') as work:
        training, steps = _train(work, 60 * args.minutes)
        generating = _generate(work, args.generations)
    parts = {
        f'training, {steps:,} steps in {training[-1].seconds / 60:.1f} minutes': training,
        f'{args.generations:,} generations in {generating[-1].seconds / 60:.1f} minutes': generating,
    }
    text = f'{table(parts)}\n\n{machine}'
    report.write(args.work / 'soak', {name: list(map(dataclasses.asdict, part)) for name, part in parts.items()}, text)
    print(text)
    if any(grown(part) for part in parts.values()):
        sys.exit('Something grew.')


def grown(samples: Sequence[Sample]) -> list[str]:
    """What has grown beyond what is allowed, by name."""
    allowed = {'mb': MOST_MB, 'files': 0.5, 'threads': 0.5}
    return [
        what
        for what, most in allowed.items()
        if (found := growth(samples, what)).rise > most and found.last > found.first
    ]


def table(parts: dict[str, list[Sample]]) -> str:
    """The growth of each part."""
    rows = []
    for name, samples in parts.items():
        for what, title in (('mb', 'memory, MB'), ('files', 'open files'), ('threads', 'threads')):
            found = growth(samples, what)
            rows.append([name, title, f'{found.first:,.1f}', f'{found.last:,.1f}', f'{found.rise:+,.2f}'])
    return report.table(('', '', 'after a quarter', 'at the end', 'rise of the line'), rows)


def _train(work: Path, seconds: float) -> tuple[list[Sample], int]:
    """Trains for so long; returns what was seen, and how many steps."""
    family = registry.get(FAMILY)
    config = family.spec.configs[CONFIG]
    songs = [groove_songs.song(groove_library.style(name)) for name in groove_library.style_names()]
    examples = [
        sequence_examples.serialize(example)
        for song in songs
        for example in family.examples(piece.of(song), config, lambda reason: None)
    ]
    sides = [material.write(work / f'{side}.tfrecord', examples[k::2]) for k, side in enumerate(('training', 'eval'))]
    request = asked.Request(
        str(work / 'run'),
        Given(CONFIG, HPARAMS),
        examples=str(sides[0]),
        eval_examples=str(sides[1]),
        eval_frequency=200,
        checkpoint_seconds=30.0,
    )
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    with Watch(max(0.5, seconds / 400)) as watch:
        jobs.train(family, request)
    timer.cancel()
    return watch.samples, load(work / 'run', checkpoint='newest').step or 0


def _generate(work: Path, generations: int) -> list[Sample]:
    """Generates so many times; returns what was seen."""
    model: Any = load(work / 'run')
    found, began = [], time.monotonic()
    for number in range(generations):
        for track, sequence in enumerate(model.generate(num_outputs=2, num_bars=4, seed=number)):
            write_midi(sequence, work / f'{track}.mid')
        if number % max(1, generations // 200) == 0:
            gc.collect()
            found.append(sample(began))
    return found


if __name__ == '__main__':
    main()
