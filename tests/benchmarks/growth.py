"""Measures how time, CPU time and memory grow with the number of files: MIDI files to a drum_kit dataset, and
what training does once for each of its examples, which it checks and keeps in memory.

    .venv/bin/python tests/benchmarks/growth.py [--data=FOLDER] [--sizes=1,10,100,1000,10000]

The files are those of FOLDER again and again under other names, or small ones made for the purpose. Training is one
step of a tiny network, so that what grows is the loading of the examples; generating reads no corpus. Memory is that of
all processes of a command at its greatest, each page counted once, however many share it (proportional set size, Linux
only), beside the peak of each kind of process. bench/growth.json, .md and .png say what was measured.
"""

import argparse
import collections
import contextlib
import dataclasses
import itertools
import math
import os
import random
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import material
import report
from matplotlib.figure import Figure
from measure import Side

ROOT = Path(__file__).parent.parent.parent
_FILES_PER_FOLDER = 1000
_SAMPLE_SECONDS = 0.1
_TICKS = os.sysconf('SC_CLK_TCK')
# What a process is known by, if it is not the command itself.
_KINDS = {'solferino.pipelines.parse_child': 'reader', 'solferino.pipelines.engine.workers': 'worker'}
# What is drawn, and its unit.
_SECONDS, _CPU, _MEMORY = 'seconds', 'CPU seconds', 'memory of all processes, MB'


class Footprint(threading.Thread):
    """Watches all processes below this one; a context manager.

    Attributes:
      memory_mb: the greatest sum of their proportional set sizes.
      peaks_mb: the greatest resident set of a process of each kind.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.memory_mb = 0.0
        self.peaks_mb: dict[str, float] = collections.defaultdict(float)
        self._processor: dict[int, float] = {}
        self._ended = threading.Event()

    def __enter__(self) -> 'Footprint':
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    @property
    def processor_seconds(self) -> float:
        """CPU time of all, as last seen of each."""
        return sum(self._processor.values())

    def run(self) -> None:
        """Looks until the block ends."""
        while not self._ended.wait(_SAMPLE_SECONDS):
            total = 0.0
            for pid in list(_descendants(os.getpid())):
                with contextlib.suppress(OSError):  # it has ended
                    total += self._look(pid)
            self.memory_mb = max(self.memory_mb, total)

    def _look(self, pid: int) -> float:
        command = Path(f'/proc/{pid}/cmdline').read_bytes()
        if command == Path('/proc/self/cmdline').read_bytes():
            return 0.0  # it is being started, and still shares this process's memory
        words = command.decode(errors='replace').split('\0')
        kind = next((kind for module, kind in _KINDS.items() if module in words), 'command')
        fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')')[-1].split()
        self._processor[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
        sizes = dict(line.split(':') for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()[1:])
        self.peaks_mb[kind] = max(self.peaks_mb[kind], _megabytes(sizes['Rss']))
        return _megabytes(sizes['Pss'])


def _megabytes(size: str) -> float:
    """'  1024 kB' -> 1.05"""
    return int(size.split()[0]) * 1024 / 1e6


def _descendants(pid: int) -> Iterator[int]:
    for path in Path('/proc', str(pid), 'task').glob('*/children'):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text().split()):
                yield child
                yield from _descendants(child)


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a command took for some files."""

    files: int
    numbers: dict[str, float]
    peaks_mb: dict[str, float]


def main() -> None:
    """Makes the files, runs the commands, reports after each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, help='folder of drum MIDI files; without it, files are made')
    parser.add_argument('--sizes', default='1,10,100,1000,10000', help='numbers of files, with commas')
    parser.add_argument('--workers', default='1,2', help='values of --num_workers, with commas')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for all that is written')
    args = parser.parse_args()
    sizes, workers = ([int(n) for n in text.split(',')] for text in (args.sizes, args.workers))
    if args.data and not any(args.data.rglob('*.mid')):
        parser.error(f'--data: there are no .mid files in {args.data}')
    machine = report.machine()
    ours = Side('Solferino', Path(sys.executable).parent)
    costs: dict[str, list[Cost]] = collections.defaultdict(list)
    with material.scratch(args.work.resolve() / 'growth') as music:
        _measured(ours, music, min(sizes), workers, args.data)  # in which programs come from the disk, and are compiled
        for size in sorted(sizes):
            for name, cost in _measured(ours, music, size, workers, args.data).items():
                costs[name].append(cost)
            text = '\n\n'.join([machine, _table(costs)])
            print(text, flush=True)
            found = {name: list(map(dataclasses.asdict, line)) for name, line in costs.items()}
            report.write(args.work / 'growth', found, text)
            draw(args.work / 'growth.png', costs)


def _measured(side: Side, music: Path, size: int, workers: Sequence[int], data: Path | None) -> dict[str, Cost]:
    """What each stage takes for so many files."""
    _lay_out(music / 'midi', size, data)
    return {name: _cost(side, size, command, **flags) for name, command, flags in _stages(music, workers)}


def _stages(music: Path, workers: Sequence[int]) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yields what is measured, each with its command and flags; what one writes the next one reads."""
    notes, data = music / 'notes.tfrecord', music / 'data'
    pipelines: dict[str, dict[str, object]] = {
        'convert_dir_to_note_sequences': {'input_dir': music / 'midi', 'recursive': True, 'output_file': notes},
        'drums_rnn_create_dataset': {'input': notes, 'output_dir': data, 'eval_ratio': 0.0, 'min_bars': 1},
    }
    for (command, flags), number in itertools.product(pipelines.items(), workers):
        yield f'{command}, {number} worker{"s" * (number > 1)}', command, {**flags, 'num_workers': number}
    yield (
        'drums_rnn_train, one step',
        'drums_rnn_train',
        {
            'sequence_example_file': data / 'training_drum_tracks.tfrecord',
            'run_dir': material.fresh(music / 'run'),
            'num_training_steps': 1,
            'hparams': 'rnn_layer_sizes=[2],attn_length=0',
        },
    )


def _lay_out(folder: Path, size: int, data: Path | None) -> None:
    """Makes the files that are missing for `size` of them."""
    real = sorted(data.rglob('*.mid')) if data else []
    for number in itertools.count(sum(1 for _ in folder.glob('*/*.mid'))):
        if number >= size:
            return
        path = folder / f'{number // _FILES_PER_FOLDER:04}' / f'{number:07}.mid'
        path.parent.mkdir(parents=True, exist_ok=True)
        if real:
            path.symlink_to(real[number % len(real)].resolve())
        else:
            path.write_bytes(made(number))


def made(seed: int) -> bytes:
    """Returns a MIDI file with four bars of drums, up to 50 notes: channel 10, 480 ticks a quarter."""
    rng = random.Random(seed)
    track = bytearray()
    for _ in range(32):  # eighths
        pitches = rng.sample([36, 38, 42, 46, 49], k=rng.choice([1, 1, 2]))
        track += b''.join(bytes([0, 0x99, pitch, rng.randint(30, 110)]) for pitch in pitches)
        ends = [bytes([0, 0x89, pitch, 0]) for pitch in pitches]
        track += b'\x81\x70' + ends[0][1:] + b''.join(ends[1:])  # after 240 ticks
    track += b'\x00\xff\x2f\x00'
    return b'MThd' + struct.pack('>IHHH', 6, 0, 1, 480) + b'MTrk' + struct.pack('>I', len(track)) + track


def _cost(side: Side, size: int, command: str, **flags: object) -> Cost:
    with Footprint() as footprint:
        usage = side.run(command, **flags)
    numbers = {_SECONDS: usage.seconds, _CPU: footprint.processor_seconds, _MEMORY: footprint.memory_mb}
    return Cost(size, numbers, dict(sorted(footprint.peaks_mb.items())))


def slope(costs: Sequence[Cost], what: str) -> float:
    """The power of the number of files that a cost grows with, from the last size but one to the last."""
    if len(costs) < 2:
        return math.nan
    a, b = costs[-2:]
    return math.log(b.numbers[what] / a.numbers[what]) / math.log(b.files / a.files)


def _table(costs: dict[str, list[Cost]]) -> str:
    header = ['', 'files', _SECONDS, _CPU, 'ms of CPU a file', _MEMORY, 'largest processes, MB']
    rows = []
    for name, line in costs.items():
        for cost in line:
            marginal = (cost.numbers[_CPU] - line[0].numbers[_CPU]) / (cost.files - line[0].files or 1) * 1000
            peaks = ', '.join(f'{kind} {report.number(peak)}' for kind, peak in cost.peaks_mb.items())
            values = [cost.numbers[_SECONDS], cost.numbers[_CPU], marginal, cost.numbers[_MEMORY]]
            rows.append([name, f'{cost.files:,}', *map(report.number, values), peaks])
    return report.table(header, rows)


def draw(path: Path, costs: dict[str, list[Cost]]) -> None:
    """Writes a PNG: each cost against the number of files, both logarithmic."""
    figure = Figure(figsize=(12, 5), dpi=100, layout='constrained')
    for axes, what in zip(figure.subplots(1, 3), (_SECONDS, _CPU, _MEMORY), strict=True):
        for name, line in costs.items():
            files, values = zip(*((cost.files, cost.numbers[what]) for cost in line), strict=True)
            axes.plot(files, values, '.-', label=f'{name}: slope {slope(line, what):.2f}')
        axes.set(xscale='log', yscale='log', xlabel='files', title=what)
        axes.grid(alpha=0.3)
        axes.legend(fontsize='x-small', loc='upper center', bbox_to_anchor=(0.5, -0.15))  # below, clear of all lines
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == '__main__':
    main()
