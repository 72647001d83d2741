"""Measures the whole road in whole commands, as a user types them: `make bench`.

    .venv/bin/python tests/benchmarks/road.py [--data=FOLDER] [--reference=ENVIRONMENT OF MAGENTA 2.1.4]

With --reference, each command is run in turn with Magenta's of the same name, on the same music. A command's start-up,
which is measured on one file, is reported apart from what it does afterwards. bench/results.md and .json say the
medians and all that was measured.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import material
import measure
import report
from measure import Side
from report import PEAK, START, WHOLE

ROOT = Path(__file__).parent.parent.parent
# Training steps: the first is not counted, as TensorFlow compiles in it.
STEPS = {'drum_kit': 4, 'one_drum': 31}

# What one run of a stage gives: numbers by what they are.
Numbers = dict[str, float]
Stage = Callable[[Side, material.Material], Numbers]


def convert(side: Side, music: material.Material) -> Numbers:
    """Files to NoteSequences."""
    one = side.run('convert_dir_to_note_sequences', input_dir=music.one_file, output_file=music.out / 'one.tfrecord')
    path = music.out / 'notes.tfrecord'
    whole = side.run('convert_dir_to_note_sequences', input_dir=music.folder, recursive=True, output_file=path)
    files, notes = material.count_notes(path)
    return {START: one.seconds, WHOLE: whole.seconds, PEAK: whole.peak_mb, 'files': files, 'notes': notes}


def convert_in_two(side: Side, music: material.Material) -> Numbers:
    """The same in two processes."""
    path = music.out / 'two.tfrecord'
    flags = {'input_dir': music.folder, 'recursive': True, 'output_file': path, 'num_workers': 2}
    whole = side.run('convert_dir_to_note_sequences', **flags)
    files, notes = material.count_notes(path)
    return {WHOLE: whole.seconds, PEAK: whole.peak_mb, 'files': files, 'notes': notes}


def create_dataset(side: Side, music: material.Material) -> Numbers:
    """NoteSequences to examples."""
    folder = music.out / 'dataset'
    one = side.run('drums_rnn_create_dataset', input=music.one_sequence, output_dir=music.out / 'one', eval_ratio=0.0)
    whole = side.run('drums_rnn_create_dataset', input=music.sequences, output_dir=folder, eval_ratio=0.0)
    examples, size = material.count_examples(folder)
    return {
        START: one.seconds,
        WHOLE: whole.seconds,
        PEAK: whole.peak_mb,
        'size on disk, MB': size / 1e6,
        'records': examples,
    }


def train(config: str) -> Stage:
    """Returns the stage that trains a config with its defaults; every batch holds all examples."""

    def stage(side: Side, music: material.Material) -> Numbers:
        examples = music.training[config]
        run_dir = material.fresh(music.out / f'run_{config}')
        whole = side.run(
            'drums_rnn_train',
            config=config,
            **({'hparams': music.hparams} if music.hparams else {}),
            sequence_example_file=examples.compact if side.is_ours else examples.dense,
            run_dir=run_dir,
            num_training_steps=STEPS[config],
            summary_frequency=1,
        )
        losses = measure.scalars(run_dir / 'train')['loss']
        steady = losses[-1].time - losses[0].time
        steps = losses[-1].step - losses[0].step
        return {
            'start-up, first step and end, s': whole.seconds - steady,
            PEAK: whole.peak_mb,
            'events/s': examples.events * steps / steady,
        }

    return stage


def generate(side: Side, music: material.Material) -> Numbers:
    """New drum tracks with the model that was just trained."""
    flags = {'config': 'drum_kit', 'run_dir': music.out / 'run_drum_kit', 'output_dir': music.out / 'midi'}
    if music.hparams:
        flags['hparams'] = music.hparams
    one = side.run('drums_rnn_generate', **flags, num_outputs=1, num_steps=2)
    whole = side.run('drums_rnn_generate', **flags, num_outputs=10, num_steps=128)
    return {START: one.seconds, WHOLE: whole.seconds, PEAK: whole.peak_mb}


def main() -> None:
    """Prepares the material, measures stage after stage, reports after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--data', type=Path, default=ROOT / '../shared/data/drums/groove', help='folder of drum MIDI files'
    )
    parser.add_argument('--reference', type=Path, help="Magenta's environment, made by ../shared/reference/setup.sh")
    parser.add_argument('--runs', type=int, default=3, help='how often each command is measured')
    parser.add_argument('--max_steps', type=int, default=512, help='length of the longest track to train on')
    parser.add_argument('--hparams', default='', help='smaller models, to try the tool out')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for all that is written')
    args = parser.parse_args()
    if not args.data.is_dir():
        parser.error(f'--data: there is no folder {args.data}; solferino_write_grooves can write one')
    if args.reference and not (args.reference / 'bin/drums_rnn_train').exists():
        parser.error(f'--reference: there is no Magenta in {args.reference}')
    ours = Side('Solferino', Path(sys.executable).parent, is_ours=True)
    sides = [ours] + ([Side('Magenta', args.reference / 'bin', is_ours=False)] if args.reference else [])
    machine = report.machine()  # before the load is our own
    music = material.prepare(ours, args.data.resolve(), args.work.resolve() / 'road', args.max_steps, args.hparams)
    stages: list[tuple[str, Stage, list[Side]]] = [
        (f'Convert {music.files} MIDI files with {music.notes:,} notes', convert, sides),
        ('The same with --num_workers=2', convert_in_two, [ours]),
        (f'Create the drum_kit dataset of {music.files} NoteSequences', create_dataset, sides),
        *((f'Train {config}, {music.training[config]}', train(config), sides) for config in STEPS),
        ('Generate 10 tracks of 128 steps, drum_kit', generate, sides),
    ]
    pages, results = [], {}
    for title, stage, able in stages:
        print(title, flush=True)
        results[title] = _measure(stage, able, music, args.runs)
        pages += [f'**{title}**', report.comparison(results[title])]
        print(pages[-1], flush=True)
        about = [machine, *(side.versions() for side in sides), f'Medians of {args.runs} runs.', _typed(sides, music)]
        report.write(args.work / 'results', {'machine': machine, 'runs': results}, '\n\n'.join(pages + about))
    print(f'Written: {args.work / "results.md"} and .json')


def _measure(stage: Stage, sides: list[Side], music: material.Material, runs: int) -> dict[str, list[Numbers]]:
    """Runs the sides in turn, so that what else the machine does meets all alike."""
    measured: dict[str, list[Numbers]] = {side.name: [] for side in sides}
    for _ in range(runs):
        for side in sides:
            measured[side.name].append(stage(side, music.of(side)))
    return measured


def _typed(sides: list[Side], music: material.Material) -> str:
    """The command lines, with short names for folders; most are the same for both sides."""
    lines = {}
    for side in sides:
        for line in side.typed:
            line = line.replace(str(music.folder), 'DATA').replace(str(music.work / side.name), 'OUT')
            lines[line.replace(str(music.work), 'IN')] = None
    return 'Commands:\n\n' + '\n'.join(f'- `{line}`' for line in lines)


if __name__ == '__main__':
    main()
