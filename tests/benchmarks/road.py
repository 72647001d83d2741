"""Measures the whole road in whole commands, as a user types them: `make bench`.

    .venv/bin/python tests/benchmarks/road.py [--data=FOLDER] [--reference=ENVIRONMENT OF MAGENTA 2.1.4]
        [--only=convert,training] [--runs=5]

With --reference, each command is run in turn with Magenta's of the same name, on the same music. A command's start-up,
which is measured on one file, is reported apart from what it does afterwards. After each stage bench/results.md tells
the medians, beside what was wanted, and bench/results.json all that was measured; with --only, they keep what they told
of the other stages.
"""

import argparse
import datetime
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import material
import report
import stages
import summary
from material import Material
from measure import Side
from stages import Numbers, Stage

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Measures stage after stage, and reports after each."""
    args = _arguments()
    ours = Side(summary.OURS, Path(sys.executable).parent, is_ours=True)
    sides = (ours, Side(summary.THEIRS, args.reference / 'bin', is_ours=False)) if args.reference else (ours,)
    music = Material(ours, args.data.resolve(), args.work.resolve() / 'road', args.repeat, args.max_steps, args.hparams)
    path = args.work / 'results.json'
    results: dict[str, Any] = json.loads(path.read_text(encoding='utf-8')) if args.only and path.exists() else {}
    versions = [side.versions() for side in sides]
    for stage in stages.all_stages(sides):
        if args.only and stage.group not in args.only:
            continue
        reason = stages.skipped(stage)
        if reason:
            print(f'{stage.name} is left out: {reason}', flush=True)
            results.pop(stage.name, None)
            continue
        results[stage.name] = _entry(stage, music, min(args.runs, stage.runs or args.runs))
        configs = {name: music.config(name) for name in stages.TRAINED}
        report.write(args.work / 'results', results, _page(results, configs, versions))
        print(f'{results[stage.name]["title"]}\n{report.comparison(results[stage.name]["measured"])}', flush=True)
    print(f'Written: {args.work / "results.md"} and .json')


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folders = ' and '.join(material.FOLDERS.values())
    parser.add_argument('--data', type=Path, default=ROOT / '../shared/data', help=f'folder with {folders} in it')
    parser.add_argument('--reference', type=Path, help="Magenta's environment, made by ../shared/reference/setup.sh")
    groups = list(dict.fromkeys(stage.group for stage in stages.all_stages(())))
    parser.add_argument('--only', default='', help=f'stages to measure, with commas, of {", ".join(groups)}')
    parser.add_argument('--runs', type=int, default=5, help='how often each command is measured')
    parser.add_argument('--repeat', type=int, default=20, help='how often our commands are given each file')
    parser.add_argument('--max_steps', type=int, default=128, help='length of the tracks to train on')
    parser.add_argument('--hparams', default='', help='smaller models, to try the tool out')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for all that is written')
    args = parser.parse_args()
    args.only = [group for group in args.only.split(',') if group]
    if not set(args.only) <= set(groups):
        parser.error(f'--only: the stages are {", ".join(groups)}')
    for folder in material.FOLDERS.values():
        if not (args.data / folder).is_dir():
            parser.error(f'--data: there is no folder {args.data / folder}')
    if args.reference and not (args.reference / 'bin/drums_rnn_train').exists():
        parser.error(f'--reference: there is no Magenta in {args.reference}')
    return args


def _entry(stage: Stage, music: Material, runs: int) -> dict[str, Any]:
    """Measures a stage: its entry in the results. The sides take turns, as the machine may do other work beside."""
    title = stage.title(music)  # makes what the stage needs
    for side in stage.sides:
        side.typed.clear()
    entry: dict[str, Any] = {
        'title': title,
        'begun': f'{datetime.datetime.now():%Y-%m-%d %H:%M}',
        'machine': report.machine(),
    }
    measured: dict[str, list[Numbers]] = {side.name: [] for side in stage.sides}
    for _ in range(runs):
        for side in stage.sides:
            measured[side.name].append(stage.measure(side, music))
    return {
        **entry,
        'measured': measured,
        'commands': [_short(line, music) for side in stage.sides for line in side.typed],
    }


def _short(line: str, music: Material) -> str:
    """A command line with short names for folders."""
    return line.replace(str(music.work), 'WORK').replace(str(music.folder), 'DATA')


def _page(results: Mapping[str, Any], configs: Mapping[str, Any], versions: list[str]) -> str:
    order = [stage.name for stage in stages.all_stages(()) if stage.name in results]
    medians = {name: report.medians(results[name]['measured']) for name in order}
    parts = [summary.markdown(medians, configs), *versions]
    for name in order:
        entry = results[name]
        runs = max(map(len, entry['measured'].values()))
        about = f'{entry["begun"]}, {runs} runs. {entry["machine"]}'
        commands = '\n'.join(f'- `{line}`' for line in dict.fromkeys(entry['commands']))
        parts += [f'**{entry["title"]}**', report.comparison(entry['measured']), about, commands]
    return '\n\n'.join(part for part in parts if part)


if __name__ == '__main__':
    main()
