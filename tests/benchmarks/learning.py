"""What has a model learned after so many steps, and how far does chance take it? Ours beside Magenta's.

    .venv/bin/python tests/benchmarks/learning.py --magenta=DIR/bin [--only=drum_kit,...] [--seeds=5] [--jobs=2]

Both train on the same examples with the same hyperparameters, each with several seeds (Magenta draws its own), by the
commands that users type, in stages: to 100 steps, then on to 200, and so on. Each run has a core to itself. The
weights of each stage are evaluated by one program, without dropout, on music that no side of the training knows:
presets.py says how it is split. Hyperparameters were chosen on its second side; where a checkpoint is chosen, it is by
one part of the third side, and the other part tells its loss: each part once. `quick` is Magenta's hyperparameters and
QUICK_START; `preset` is --preset=two_minutes, which has a smaller network and a higher, falling learning rate.
bench/learning.md, .json and .png tell all that has been measured so far; what is there is not measured again, and runs
go on if more steps are asked for. Seconds are those that a core was busy.

Where Magenta cannot be beside this machine's commands, `--sides=` names those to measure.
"""

import argparse
import dataclasses
import itertools
import json
import os
import queue
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import measure
import numpy as np
import presets
import report
from matplotlib.figure import Figure

from solferino.hparams.networks.event_rnn import QUICK_START
from solferino.hparams.presets import TWO_MINUTES, Preset
from solferino.models import registry

MAGENTA, SAME, QUICK, PRESET = 'Magenta', 'Solferino', 'Solferino, quick', 'Solferino, preset'
SIDES = (MAGENTA, SAME, QUICK, PRESET)
_COLORS = {MAGENTA: 'C1', SAME: 'C0', QUICK: 'C2', PRESET: 'C3'}


@dataclasses.dataclass(frozen=True)
class Setting:
    """A config and what is set for both sides."""

    family: str
    config: str
    hparams: str = 'batch_size=16,rnn_layer_sizes=[128,128]'


SETTINGS = {
    config: Setting(family, config)
    for family, config in (('drums_rnn', 'drum_kit'), ('melody_rnn', 'attention_rnn'), ('melody_rnn', 'lookback_rnn'))
}


@dataclasses.dataclass(frozen=True)
class Run:
    """One training."""

    setting: Setting
    side: str
    seed: int

    @property
    def name(self) -> str:
        """For files and results."""
        return f'{self.setting.config}-{self.side.replace(", ", "-")}-{self.seed}'

    def stages(self, steps: Sequence[int]) -> tuple[int, ...]:
        """The steps at which it is looked at: `steps`, or for a preset parts of its own."""
        if self.side == PRESET:
            return tuple(self._preset.num_steps // part for part in (8, 4, 2, 1))
        return tuple(steps)

    @property
    def hparams(self) -> str:
        """What is set of its hyperparameters."""
        if self.side == PRESET:
            return self._preset.hparams
        return self.setting.hparams + (f',{QUICK_START}' if self.side == QUICK else '')

    @property
    def _preset(self) -> Preset:
        return registry.get(self.setting.family).spec.presets[self.setting.config][TWO_MINUTES]


def main() -> None:
    """Measures what has not been measured."""
    args = _arguments()
    path = args.work / 'learning'
    results: dict[str, Any] = json.loads(_read(path.with_suffix('.json')) or '{}')
    files = {config: _files(SETTINGS[config], args) for config in args.only}
    runs = [
        Run(SETTINGS[config], side, seed) for seed in range(args.seeds) for config in args.only for side in args.sides
    ]
    cores: queue.Queue[int] = queue.Queue()
    for core in sorted(os.sched_getaffinity(0))[: args.jobs]:
        cores.put(core)

    def measured(run: Run) -> None:
        core = cores.get()
        os.sched_setaffinity(0, {core})  # of this thread, and of the commands that it starts
        try:
            results[run.name] = train(run, files[run.setting.config], args, results.get(run.name, []))
        except measure.Failed as error:  # a training that diverges costs the others nothing
            print(error, flush=True)
            return
        finally:
            cores.put(core)
        report.write(path, results, markdown(results))

    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(measured, [run for run in runs if not _is_measured(results.get(run.name, []), run, args)]))
    draw(path.with_suffix('.png'), results)
    print(markdown(results))


def _is_measured(stages: Sequence[Mapping[str, Any]], run: Run, args: Any) -> bool:
    return len(stages) >= len(run.stages(args.steps)) and all('parts' in stage for stage in stages)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--magenta', type=Path, help="folder of Magenta's commands")
    parser.add_argument('--data', type=Path, default=presets.ROOT / '../shared/data', help='folder with drums, ...')
    parser.add_argument('--only', default=','.join(SETTINGS), type=lambda text: text.split(','))
    parser.add_argument('--sides', default=';'.join(SIDES), type=lambda text: text.split(';'), help='with semicolons')
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--steps', default='100,200,400,800', help='the stages, with commas')
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time, each on a core')
    parser.add_argument('--work', type=Path, default=presets.ROOT / 'bench', help='folder for data, runs and results')
    args = parser.parse_args()
    args.steps = [int(step) for step in args.steps.split(',')]
    if MAGENTA in args.sides and not args.magenta:
        parser.error('--magenta: name the folder of its commands, or other --sides')
    return args


def _files(setting: Setting, args: Any) -> dict[str, Path]:
    """The examples by side and part; those that Magenta reads are 'dense'."""
    where = setting.family, setting.config
    work = args.work / 'presets'
    sides = 'training', 'validation', *presets.TEST_PARTS
    files = {side: presets.examples(*where, side, args.data, work) for side in sides}
    return files | {'dense': presets.examples(*where, 'training', args.data, work, 'dense')}


def train(run: Run, files: dict[str, Path], args: Any, done: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Trains in stages, and returns for each its steps, seconds, and its losses on the second and on the third side.

    'parts' are the sum of the losses and the number of events of each part of the third side.

    Those that are `done` are not repeated.
    """
    setting, folder = run.setting, args.work / 'learning' / run.name
    side = measure.Side(MAGENTA, args.magenta, is_ours=False) if run.side == MAGENTA else presets.OURS
    mine = {} if run.side == MAGENTA else {'seed': run.seed}
    ends = run.stages(args.steps)
    stages = [{'steps': stage['steps'], 'seconds': stage['seconds']} for stage in done]
    for before, steps in list(itertools.pairwise((0, *ends)))[len(stages) :]:
        used = side.run(
            f'{setting.family}_train', config=setting.config, hparams=run.hparams, run_dir=folder,
            sequence_example_file=files['dense' if run.side == MAGENTA else 'training'], num_checkpoints=1000,
            # Magenta counts its steps from where it goes on.
            num_training_steps=steps - before if run.side == MAGENTA else steps, **mine,
        )  # fmt: skip
        stages.append({'steps': steps, 'seconds': used.processor_seconds})
    known = ','.join(str(files[side]) for side in ('validation', *presets.TEST_PARTS))
    words = [setting.family, setting.config, folder, known, *ends]
    script = [sys.executable, Path(__file__).parent / 'learned.py']
    found = subprocess.run([*map(str, [*script, *words])], stdout=subprocess.PIPE, check=True)
    losses = json.loads(found.stdout.splitlines()[-1])
    return [
        stage | {'validation': total / count, 'test': _mean(parts), 'parts': parts}
        for stage, ((total, count), *parts) in zip(stages, losses, strict=True)
    ]


def _mean(parts: Sequence[tuple[float, float]]) -> float:
    """The mean loss of several parts, of their sums and counts."""
    total, count = np.sum(parts, axis=0)
    return float(total / count)


def times(stages: Sequence[dict[str, float]]) -> list[float]:
    """Seconds from the start to the end of each stage, had the run not been interrupted.

    Each stage's command started anew: start-up and seconds a step are fitted to what the stages took.
    """
    ends = [stage['steps'] for stage in stages]
    made = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    rate, start = statistics.linear_regression(made, [stage['seconds'] for stage in stages])
    return [start + rate * end for end in ends]


def markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    rows = []
    for config in SETTINGS:
        for side in SIDES:
            runs = _runs(results, config, side)
            for i, stage in enumerate(max(runs, key=len, default=[])):
                there = [run for run in runs if len(run) > i]  # the others have not gone so far
                losses = [run[i]['test'] for run in there]
                spread = statistics.stdev(losses) if len(losses) > 1 else 0
                seconds = statistics.mean(times(run)[i] for run in there)
                rows.append(
                    [config, side, str(len(there)), f'{stage["steps"]:.0f}', f'{seconds:.0f}']
                    + [f'{value:.3f}' for value in (statistics.mean(losses), min(losses), max(losses), spread)]
                )
    header = ('config', 'side', 'runs', 'steps', 'seconds', 'mean loss', 'least', 'most', 'standard deviation')
    return f'{report.table(header, rows)}\n\n{_at_equal_times(results)}'


def _at_equal_times(results: dict[str, Any]) -> str:
    """Of ours the weights that one part of the third side prefers, and their loss on the other part.

    They are of those that are there when Magenta has made its steps. Both parts choose once.
    """
    rows = []
    for config in SETTINGS:
        theirs = _runs(results, config, MAGENTA)
        for side in SIDES[1:] if theirs else ():
            for i, stage in enumerate(min(theirs, key=len)):
                limit = statistics.mean(times(run)[i] for run in theirs)
                mean = statistics.mean(run[i]['test'] for run in theirs)
                best = [_chosen(run, limit) for run in _runs(results, config, side)]
                if best and None not in best:
                    ours = statistics.mean(loss for loss in best if loss is not None)
                    row = [config, side, f'{limit:.0f}', f'{mean:.3f} ({stage["steps"]:.0f} steps)', f'{ours:.3f}']
                    rows.append([*row, f'{ours / mean - 1:+.0%}'])
    return report.table(('config', 'side', 'seconds', "Magenta's mean loss", 'mean loss', ''), rows)


def _chosen(stages: Sequence[dict[str, Any]], seconds: float) -> float | None:
    """The loss on each part of the stage that the other part prefers, as one mean; None if no stage was in time."""
    there = [s['parts'] for s, time in zip(stages, times(stages), strict=True) if time <= seconds and s.get('parts')]
    if not there:
        return None
    return _mean([min(there, key=lambda parts, by=1 - part: parts[by][0])[part] for part in (0, 1)])


def _runs(results: dict[str, Any], config: str, side: str) -> list[Any]:
    prefix = Run(SETTINGS[config], side, 0).name[:-1]
    return [
        stages for name, stages in sorted(results.items()) if name.startswith(prefix) and name[len(prefix) :].isdigit()
    ]


def draw(path: Path, results: dict[str, Any]) -> None:
    """Draws the test loss of each run against its steps, and the means thicker."""
    figure = Figure(figsize=(5 * len(SETTINGS), 4), layout='constrained')
    for axes, config in zip(figure.subplots(1, len(SETTINGS)), SETTINGS, strict=True):
        for side in SIDES:
            runs = _runs(results, config, side)
            for run in runs:
                axes.plot([s['steps'] for s in run], [s['test'] for s in run], color=_COLORS[side], lw=0.6, alpha=0.6)
            if runs:
                axes.plot(*_means(runs), color=_COLORS[side], lw=2.2, label=side)
        axes.set(title=config, xscale='log', xlabel='steps', ylabel='loss on the test part, nats')
        axes.legend()
    figure.savefig(path, dpi=110)


def _means(runs: Iterable[Any]) -> tuple[list[float], list[float]]:
    stages = list(zip(*runs, strict=False))  # those that all have reached
    return [of[0]['steps'] for of in stages], [statistics.mean(s['test'] for s in of) for of in stages]


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ''


if __name__ == '__main__':
    main()
