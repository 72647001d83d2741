"""What do the presets cost, what do they reach, and what does their music sound like?

    .venv/bin/python tests/benchmarks/presets.py [--data=FOLDER] [--only=drum_kit-two_minutes,...]

Each preset trains on real music with the commands that users type. The music is split three ways, by drummer, by
composer or by work, so that no side knows another: the model learns from one side, its best checkpoint is chosen on the
second, and the figures are of the third. The loss stands beside that of a table of what usually follows what, made of
the first side. Ten outputs at the model's own temperature, and at 1.0, are held beside the music trained on, as the
model sees it. bench/presets.md and .json tell all presets measured so far.
"""

import argparse
import csv
import dataclasses
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import measure
import music
import report
from generated import midi_pieces

from solferino.models import registry
from solferino.models.music.pieces import measures

ROOT = Path(__file__).parent.parent.parent
OURS = measure.Side('Solferino', Path(sys.executable).parent)
SIDES = ('training', 'validation', 'test')
# The third side in two: of what was chosen by one part the other tells how good it is.
TEST_PARTS = ('test_a', 'test_b')
# Groove's drummers on the second and on the third side; the others play on the first.
_DRUMMERS = {'drummer6': 'validation', 'drummer9': 'test_a', 'drummer10': 'test_b'}
# By event, or the loss itself where an event has but one name.
_LOSS = re.compile(r'^  metrics/loss_of_events +(-?[\d.]+)|^  loss +(-?[\d.]+)', re.MULTILINE)
_TABLE = re.compile(r'that of (?:the|a) table.*? (-?[\d.]+);')
_NEAR = 25  # percent: the goal for what a musician notices


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Music of one kind.

    Attributes:
      title: for people.
      folders: of MIDI files, below --data.
      group: what no two sides share, by the path of a file; None for the table of Groove.
    """

    title: str
    folders: tuple[str, ...]
    group: Callable[[Path], str] | None = None


CORPORA = {
    'drums_rnn': Corpus('Groove, by drummer', ('drums/groove',)),
    'melody_rnn': Corpus(
        'songs and hymns, by composer and tune',
        ('melodies/lieder_voice', 'melodies/hymn_soprano'),
        lambda path: path.stem.split('-')[0 if path.parent.name == 'lieder_voice' else -1],
    ),
    'piano_rnn': Corpus('Mutopia, by work', ('piano/mutopia',), lambda path: '_'.join(path.stem.split('_')[:2])),
    'rbm': Corpus('chorales, by piece', ('chorales/jsb_midi',), lambda path: path.stem),
}


def main() -> None:
    """Measures the presets that are asked for."""
    args = _arguments()
    path = args.work / 'presets'
    results: dict[str, Any] = (
        json.loads(path.with_suffix('.json').read_text()) if path.with_suffix('.json').exists() else {}
    )
    for family, config, name in args.chosen:
        results[f'{config}-{name}'] = run(family, config, name, args.data, path)
        report.write(path, results, markdown(results))
    print(markdown(results))


def _arguments() -> argparse.Namespace:
    there = [
        (family, config, name)
        for family in registry.FAMILIES
        for config, of_config in registry.get(family).spec.presets.items()
        for name in of_config
    ]
    names = [f'{config}-{name}' for _, config, name in there]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, default=ROOT / '../shared/data', help='folder with drums, melodies, ...')
    parser.add_argument('--only', default='', help='presets to measure, with commas; all if not given')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for data, runs and results')
    args = parser.parse_args()
    only = args.only.split(',') if args.only else names
    if not set(only) <= set(names):
        parser.error(f'--only: the presets are {", ".join(names)}')
    args.chosen = [one for one, name in zip(there, names, strict=True) if name in only]
    return args


def run(family: str, config: str, name: str, data: Path, work: Path) -> dict[str, Any]:
    """Trains one preset, from the MIDI files to generated music; returns what was measured."""
    spec = registry.get(family).spec
    files = {side: examples(family, config, side, data, work) for side in SIDES}
    folder = work / f'{config}-{name}'
    shutil.rmtree(folder, ignore_errors=True)
    trained = OURS.run(
        f'{family}_train',
        preset=name,
        run_dir=folder / 'run',
        sequence_example_file=files['training'],
        eval_file=files['validation'],
        seed=0,
    )
    told = OURS.run(
        f'{family}_train',
        run_dir=folder / 'run',
        sequence_example_file=files['test'],
        eval_once='true',
        checkpoint='best',
    ).output
    table, best = _TABLE.search(told), next((folder / 'run/train').glob('best.ckpt-*'))
    losses = [one or other for one, other in _LOSS.findall(told)]
    assert losses, told
    said = re.search(r'At temperature ([\d.]+)', trained.output)
    known, grid = music.of_examples(files['training'])
    outputs = {}
    for title, temperature in (('auto', 'auto'), ('1.0', '1.0')):
        OURS.run(
            f'{family}_generate', run_dir=folder / 'run', output_dir=folder / title, temperature=temperature,
            num_outputs=10, seed=0,
        )  # fmt: skip
        outputs[title] = list(midi_pieces(sorted((folder / title).glob('*.mid'))))
    sides = music.compare(known, outputs, steps_per_quarter=grid)
    music.draw(folder / 'music.png', f'{config}, {name}', sides)
    return {
        'family': family,
        'config': config,
        'preset': name,
        'steps': spec.presets[config][name].num_steps,
        'best_step': int(re.findall(r'\d+', best.name)[-1]),
        'seconds': trained.seconds,
        'processor_seconds': trained.processor_seconds,
        'loss': float(losses[-1]),
        'table': float(table[1]) if table else None,
        'temperature': float(said[1]) if said else None,
        'music': {title: measures.means(side.measured) for title, side in sides.items()},
    }


def markdown(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The results as a page."""
    rows = []
    for r in results.values():
        below = f'{1 - r["loss"] / r["table"]:.0%}' if r['table'] else '-'
        rows.append(
            [
                r['config'], r['preset'], CORPORA[r['family']].title, f'{r["best_step"]} of {r["steps"]}',
                f'{r["seconds"]:.0f} s ({r["processor_seconds"]:.0f})', f'{r["loss"]:.3f}',
                f'{r["table"]:.3f}' if r['table'] else '-', below, f'{r["temperature"] or 1.0:.1f}',
            ]
        )  # fmt: skip
    header = (
        'config', 'preset', 'music', 'best step', 'time (of all cores)', 'loss', 'table', 'below it', 'temperature'
    )  # fmt: skip
    heard = []
    for r in results.values():
        data, auto, plain = (r['music'][title] for title in (music.DATA, 'auto', '1.0'))
        for key, known in data.items():
            far = music.percent(auto[key], known)
            if abs(far) >= 0:  # it can be said
                near = 'yes' if abs(far) <= _NEAR else 'no'
                values = [f'{value:.2f}' for value in (known, plain[key], auto[key])]
                heard.append([r['config'], r['preset'], measures.TITLES[key], *values, f'{far:+.0f} %', near])
    of_music = ('config', 'preset', '', 'data', 'at 1.0', 'at auto', 'auto from data', f'within {_NEAR} %')
    return f'{report.table(header, rows)}\n\n{report.table(of_music, heard)}'


def part_of(group: str) -> str:
    """Deals groups out to the sides by their names: seven tenths, and the rest in two, the last in parts."""
    place = int(hashlib.sha1(group.encode()).hexdigest(), 16) % 100
    return SIDES[0] if place < 70 else SIDES[1] if place < 85 else TEST_PARTS[place >= 92]


def _files(family: str, data: Path) -> Mapping[Path, str]:
    """The side of each MIDI file of a corpus, of the third side its part."""
    corpus = CORPORA[family]
    if corpus.group is None:
        groove = data / corpus.folders[0]
        with open(groove / 'info.csv', newline='') as table:
            return {groove / r['midi_filename']: _DRUMMERS.get(r['drummer'], SIDES[0]) for r in csv.DictReader(table)}
    paths = [path for folder in corpus.folders for path in sorted((data / folder).glob('*.mid'))]
    return {path: part_of(corpus.group(path)) for path in paths}


def _notes(family: str, side: str, data: Path, work: Path) -> Path:
    """The NoteSequences of a side, or of a part of the third, made when they are first asked for."""
    path = work / family / f'{side}.tfrecord'
    if not path.exists():
        folder = work / family / side
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for number, (file, part) in enumerate(_files(family, data).items()):
            if part == side or (side == SIDES[2] and part in TEST_PARTS):
                shutil.copy(file, folder / f'{number:04d}_{file.name}')
        OURS.run('convert_dir_to_note_sequences', input_dir=folder, output_file=path)
    return path


def examples(family: str, config: str, side: str, data: Path, work: Path, layout: str = 'compact') -> Path:
    """The examples of a side, made when they are first asked for; `layout` is a --format of create_dataset."""
    folder = work / family / (config if layout == 'compact' else f'{config}-{layout}') / side
    path = folder / f'training_{registry.get(family).spec.records}.tfrecord'
    if not path.exists():
        OURS.run(
            f'{family}_create_dataset', config=config, input=_notes(family, side, data, work), output_dir=folder,
            eval_ratio=0, format=layout,
        )  # fmt: skip
    return path


if __name__ == '__main__':
    main()
