"""Measures the models of piano rolls on the field's benchmark: `make benchmark-pianoroll`.

    .venv/bin/python tests/benchmarks/pianoroll.py --data=FOLDER [--quick] [--only=rnn_rbm:jsb,gru_nade] [--jobs=2]

Negative log-likelihood in nats per time step, summed over the 88 keys, averaged over all steps of all test sequences,
their first steps included. Each model is trained on each data set in a process of its own, an hour at most; the test
data are looked at once, after the best weights have been chosen by the validation data. bench/pianoroll.md tells the
results beside the published ones, bench/pianoroll.json all settings and learning curves. With --only, the results of
the other runs are kept. --quick takes about five minutes in all, and predicts validation data instead of test data.
"""

import argparse
import concurrent.futures
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pianoroll_baselines as baselines
import report
from pianoroll_data import DATA_SETS, TEST, TRAIN, VALID, DataSet, Unreadable
from pianoroll_settings import SETTINGS

from solferino.hparams import cores

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
# By data set, in the order of DATA_SETS; see the benchmark's README. None: not published.
PUBLISHED: Mapping[str, Sequence[float | None]] = {
    'note 1-gram': (11.061, 10.252, 11.046),
    'Markov': (10.49, 5.16, 8.27),
    'RBM': (7.43, 5.25, 10.17),
    'LSTM': (8.33, 3.25, 7.54),
    'TCN': (8.10, 3.07, None),
    'RNN-RBM': (6.27, 2.39, 7.09),
    'RNN-NADE': (5.56, 2.31, 7.05),
}
# Our models: what they are, and the published figure to compare with.
MODELS = {
    'frame': ('`frame` RBM', 'RBM'),
    'lstm': ('plain LSTM, independent keys', 'LSTM'),
    'rnn_rbm': ('`rnn_rbm`', 'RNN-RBM'),
    'gru_nade': ('`gru_nade`', 'RNN-NADE'),
}
CELLS = [f'{model}:{data_set}' for model in MODELS for data_set in DATA_SETS if (model, data_set) in SETTINGS]
# What --quick takes in all, and what each of its runs takes besides training.
_QUICK_SECONDS, _BESIDES = 290.0, 25.0


def main() -> None:
    """Runs what is asked for, and writes the table after each run."""
    args = _arguments()
    work = args.work / ('pianoroll_quick' if args.quick else 'pianoroll')
    simple = {data_set.name: without_training(data_set, args.data, args.quick) for data_set in DATA_SETS.values()}
    cores = itertools.cycle(sorted(os.sched_getaffinity(0))) if hasattr(os, 'sched_getaffinity') else None

    def pin() -> None:
        """Gives this thread, and so the processes that it starts, a core of its own."""
        if cores and args.jobs > 1:
            os.sched_setaffinity(0, {next(cores)})

    failed = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs, initializer=pin) as pool:
        runs = {pool.submit(_run, cell, work, args): cell for cell in args.only}
        for run in concurrent.futures.as_completed(runs):
            if not run.result():
                failed.append(runs[run])
            results = list(_results(work))
            report.write(work, {'simple': simple, 'results': results}, page(results, simple, args.quick))
    print((work.with_suffix('.md')).read_text(encoding='utf-8'))
    print(f'Written: {work}.md and .json')
    if failed:
        raise SystemExit('\n'.join(f'{cell} failed; see {_file(work, cell, ".log")}' for cell in failed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, required=True, help='folder with the JSON files of the three data sets')
    parser.add_argument('--quick', action='store_true', help='a rough table in five minutes')
    parser.add_argument(
        '--only', default='', help='runs, with commas: model:dataset, or model or dataset for all of its runs, of '
        f'{", ".join(MODELS)} and {", ".join(DATA_SETS)}'
    )  # fmt: skip
    parser.add_argument('--seconds', type=float, help='of training in each run, at most; an hour if not given')
    parser.add_argument('--jobs', type=int, default=1, help='runs side by side, on a core each')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for all that is written')
    args = parser.parse_args()
    try:
        for data_set in DATA_SETS.values():
            data_set.read(args.data, TRAIN)
    except Unreadable as error:
        parser.error(f'--data: {error}')
    if args.jobs < 1 or (args.seconds is not None and args.seconds <= 0):
        parser.error('--jobs must be at least 1, and --seconds above 0.')
    words = [word for word in args.only.split(',') if word]
    unknown = [word for word in words if not any(_means(word, cell) for cell in CELLS)]
    if unknown:
        parser.error(f'--only: there is no {unknown[0]}. The runs are {", ".join(CELLS)}.')
    args.only = [cell for cell in CELLS if not words or any(_means(word, cell) for word in words)]
    if args.quick and not args.seconds:
        args.jobs = max(args.jobs, min(2, cores.num_cores()))
        args.seconds = max(5.0, _QUICK_SECONDS / -(-len(args.only) // args.jobs) - _BESIDES)
    return args


def _means(word: str, cell: str) -> bool:
    return word == cell or word in cell.split(':')


def _run(cell: str, work: Path, args: argparse.Namespace) -> bool:
    """Runs one model on one data set to its end; False if it failed."""
    model, data_set = cell.split(':')
    command = [sys.executable, str(HERE / 'pianoroll_cell.py'), f'--data={args.data}', f'--model={model}',
               f'--data_set={data_set}', f'--output={_file(work, cell, ".json")}']  # fmt: skip
    command += [f'--seconds={args.seconds}'] * bool(args.seconds) + ['--quick'] * args.quick
    environment = dict(os.environ)
    if args.jobs > 1:
        names = 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'
        environment |= dict.fromkeys(names, '1')
    log = _file(work, cell, '.log')
    log.parent.mkdir(parents=True, exist_ok=True)
    _file(work, cell, '.json').unlink(missing_ok=True)  # of an earlier run: if this one fails, there is no result
    started = time.monotonic()
    print(f'{cell} has begun; see {log}', flush=True)
    with log.open('w', encoding='utf-8') as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment).returncode
    print(f'{cell}: {"done" if not code else "failed"} after {time.monotonic() - started:.0f} s', flush=True)
    return not code


def _file(work: Path, cell: str, ending: str) -> Path:
    return work / f'{cell.replace(":", "-")}{ending}'


def _results(work: Path) -> Iterator[dict[str, Any]]:
    """Yields what the runs that are done have written, of this command and of those before."""
    for cell in CELLS:
        path = _file(work, cell, '.json')
        if path.exists():
            yield json.loads(path.read_text(encoding='utf-8'))


def without_training(data_set: DataSet, folder: Path, quick: bool) -> dict[str, float]:
    """The rows that need no training, on test data, or on validation data for a rough table."""
    training, held_out = data_set.read(folder, TRAIN), data_set.read(folder, VALID if quick else TEST)
    probabilities, transitions = baselines.unigram(training), baselines.markov(training)
    return {
        'unigram': baselines.unigram_nats(probabilities, held_out),
        'markov': baselines.markov_nats(transitions, held_out, probabilities),
        'markov without first steps': baselines.markov_nats(transitions, held_out, None),
    }


def page(results: Sequence[Mapping[str, Any]], simple: Mapping[str, Mapping[str, float]], quick: bool) -> str:
    """All results as a Markdown page."""
    split = VALID if quick else TEST
    by_cell = {(r['model'], r['data_set']): r for r in results}
    titles = [d.title for d in DATA_SETS.values()]
    rows = []
    for name, title, published in (
        ('unigram', 'note 1-gram', 'note 1-gram'),
        ('markov', 'first-order Markov per key', ''),
        ('markov without first steps', 'the same without first steps', 'Markov'),
    ):
        rows.append([title, *(f'{simple[d][name]:.3f}' for d in DATA_SETS), *_published(published)])
    for name, (title, published) in MODELS.items():
        found = [by_cell.get((name, d)) for d in DATA_SETS]
        if any(found):
            rows.append([title, *(_score(r['scores'][split]) if r else '' for r in found), *_published(published)])
    rows.append(['TCN (published; skips the first step)', '', '', '', *_published('TCN')])
    what = f'{"validation" if quick else "test"} data'
    parts = [
        f'Negative log-likelihood of the {what}, nats per time step; lower is better.'
        + (' A rough table: models are trained for seconds, on a part of the validation data.' if quick else ''),
        report.table(['', *titles, *(f'published, {title}' for title in titles)], rows),
        report.table(_RUN_HEADER, [_run_row(r) for r in results]),
        'Settings:',
        '\n'.join(f'- {r["model"]}:{r["data_set"]}: {_settings(r["settings"])}' for r in results),
        '\n'.join(dict.fromkeys(r['machine'] for r in results)),
        'Load: how many processes wanted to run when a run began.',
    ]
    return '\n\n'.join(parts)


_RUN_HEADER = (
    'run',
    'validation',
    'best epoch',
    'epochs',
    'training',
    'in all',
    'CPU time',
    'load',
    'weights',
    'ended',
)


def _run_row(result: Mapping[str, Any]) -> list[str]:
    return [
        f'{result["model"]}:{result["data_set"]}',
        _score(result['scores'][VALID]),
        f'{result["best"]["epochs"]:.0f}',
        f'{result["epochs"]:.0f}',
        *(f'{result[name] / 60:.1f} min' for name in ('training_seconds', 'seconds', 'processor_seconds')),
        f'{result["load"]:.1f}',
        f'{result["weights"]:,}',
        result['ended'],
    ]


def _score(score: Mapping[str, float | None]) -> str:
    interval = f' [{score["low"]:.3f}, {score["high"]:.3f}]' if score['low'] is not None else ''
    return f'{score["nats"]:.3f}{interval}'


def _published(name: str) -> list[str]:
    return [f'{nats:g}' if nats else '' for nats in PUBLISHED.get(name, (None,) * len(DATA_SETS))]


def _settings(settings: Mapping[str, Any]) -> str:
    schedule = {**settings['schedule'], **settings['schedule']['cutting']}
    del schedule['cutting']
    return f'`{settings["hparams"]}`; ' + ', '.join(f'{name} {value}' for name, value in schedule.items())


if __name__ == '__main__':
    main()
