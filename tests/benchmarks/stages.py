"""What is measured, stage by stage. A run of a stage gives numbers by what they are, for `report.comparison`."""

import atexit
import contextlib
import dataclasses
import functools
import importlib.util
import json
import math
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import limits
import material
import measure
import numpy as np
import reading
from material import CONVERT, Material, hparams_flag
from measure import Side
from report import PEAK, START, WHOLE

from solferino.models import registry
from solferino.models.core.training import data

Numbers = dict[str, float]

# The machine itself, beside ours and Magenta.
MACHINE = Side('This machine', Path(sys.executable).parent)
FALLBACKS = 'read with note-seq, share of files'
# What a manifest calls them.
WITH_NOTE_SEQ = 'odd MIDI files read by note-seq'
RECORD_BYTES = 'size of a record, bytes'
EVENTS, STEPS, PADDING = 'events/s', 'steps/s', 'padding, share'
PYTHON, PYTHON_NUMPY = 'Python alone, s', 'Python with NumPy, s'
OUTPUTS = 1000
# Configs to train, and for how many steps: the first is not counted, as TensorFlow compiles in it.
TRAINED = {'drum_kit': 4, 'attention_rnn': 8, 'basic_rnn': 31, 'lookback_rnn': 31}
BFLOAT16 = 'precision=bfloat16'
HALF_PRECISION = ('drum_kit', 'attention_rnn')  # those of them that this is measured for, too
# On tracks of all lengths: the least steps of ours that count, in whole epochs after the first, and those of Magenta.
REAL = {'drum_kit': (20, 10), 'attention_rnn': (30, 20)}
DATASETS = ('drum_kit', 'attention_rnn')
# Readers of MIDI beside ours, and pieces whose metrics are measured.
READERS = (reading.CONVERTED, reading.ARRAYS, reading.NOTE_SEQ, reading.SYMUSIC)
MEASURED, MUSPY = 100, 'MusPy'
ANSWERING = (CONVERT, 'drums_rnn_create_dataset', 'drums_rnn_train', 'drums_rnn_generate')
QUESTIONS = ('--help', '--no_such_flag=1')


@dataclasses.dataclass(frozen=True)
class Stage:
    """Something that is measured.

    Attributes:
      name: of its entry in the results.
      group: what --only calls it.
      work: what is done, for people.
      measure: one run.
      sides: who takes part.
      on: what it is done on, for people.
      runs: how often, if not as often as all others.
    """

    name: str
    group: str
    work: str
    measure: Callable[[Side, Material], Numbers]
    sides: tuple[Side, ...]
    on: Callable[[Material], str] | None = None
    runs: int | None = None

    def title(self, music: Material) -> str:
        """For people."""
        return f'{self.work}: {self.on(music)}' if self.on else self.work


def all_stages(sides: tuple[Side, ...]) -> list[Stage]:
    """The stages for ours, which comes first, and Magenta if it is there."""
    ours = sides[:1]
    found = [
        Stage('machine', 'machine', 'The machine at most', machine, (MACHINE,)),
        Stage('convert', 'convert', 'Convert MIDI files', convert(1), sides, _files('drum_kit')),
        Stage('convert 2', 'convert', 'The same with --num_workers=2', convert(2), ours),
    ]
    for config in DATASETS:
        folder = material.FOLDERS[registry.family_of_config(config).spec.name]
        work = f'Read the MIDI files of {folder}, by seconds of CPU'
        found.append(Stage(f'read {folder}', 'reading', work, read(config), _installed(*READERS)))
        work = f'Fourteen metrics of {MEASURED} pieces of {folder}, by seconds of CPU'
        found.append(Stage(f'metrics {folder}', 'metrics', work, metrics(config), _installed(reading.CONVERTED, MUSPY)))
    for config in DATASETS:
        work, measure_it = f'Create the {config} dataset', create_dataset(config)
        found.append(Stage(f'dataset {config}', 'datasets', work, measure_it, sides, _files(config)))
    for config in TRAINED:
        found.append(Stage(f'train {config}', 'training', f'Train {config}', train(config), sides, _batch(config)))
        if config in HALF_PRECISION:
            name, work = f'train {config} bfloat16', f'The same with --hparams={BFLOAT16}'
            found.append(Stage(name, 'training', work, train(config, BFLOAT16), ours))
    for config in REAL:
        work, measure_it = f'Train {config} on tracks of all lengths', train_on_all_lengths(config)
        found.append(Stage(f'real {config}', 'real', work, measure_it, sides, _tracks(config), runs=1))
    return [
        *found,
        Stage('generate', 'generation', 'Generate 10 tracks of 128 steps with drum_kit', generate(10), sides),
        Stage('generate many', 'generation', f'Generate {OUTPUTS:,} such tracks', generate(OUTPUTS), ours),
        Stage('answers', 'answers', 'Seconds until a command has answered', answer, sides),
    ]


def _installed(*names: str) -> tuple[Side, ...]:
    """Libraries that work in this process, without those that are not installed."""
    return tuple(
        Side(name, MACHINE.bin)
        for name in names
        if name not in (reading.SYMUSIC, MUSPY) or importlib.util.find_spec(name.lower())
    )


def _files(config: str) -> Callable[[Material], str]:
    return lambda music: music.corpus(config).describe()


def _batch(config: str) -> Callable[[Material], str]:
    return lambda music: str(music.training(config))


def _tracks(config: str) -> Callable[[Material], str]:
    return lambda music: f'{len(music.examples(config))} tracks'


def skipped(stage: Stage) -> str:
    """Why a stage cannot be measured with this version, or ''."""
    if stage.name.endswith('bfloat16') and not hasattr(
        registry.get('drums_rnn').spec.config(None).hparams, 'precision'
    ):
        return f'--hparams={BFLOAT16} is not known to this version.'
    if stage.group == 'metrics' and len(stage.sides) == 1:
        return 'MusPy is not installed.'
    return ''


def machine(side: Side, music: Material) -> Numbers:
    """What the machine can do at most."""
    command = [sys.executable, limits.__file__, str(music.corpus('drum_kit').sequences)]
    found = json.loads(measure.run(command, measure.TIMEOUT_S).output.splitlines()[-1])
    for name, code in ((PYTHON, 'pass'), (PYTHON_NUMPY, 'import numpy')):
        found[name] = measure.run([sys.executable, '-c', code], measure.TIMEOUT_S).seconds
    return found


def convert(workers: int) -> Callable[[Side, Material], Numbers]:
    """Files to NoteSequences."""

    def run(side: Side, music: Material) -> Numbers:
        corpus = music.corpus('drum_kit')
        flags = {'num_workers': workers} if workers > 1 else {}
        path = music.out(side) / 'notes.tfrecord'
        one = side.run(CONVERT, input_dir=corpus.one_file, output_file=music.out(side) / 'one.tfrecord', **flags)
        whole = side.run(CONVERT, input_dir=corpus.folder_of(side), recursive=True, output_file=path, **flags)
        files, notes = material.count_notes(path)
        numbers = {START: one.seconds, WHOLE: whole.seconds, PEAK: whole.peak_mb, 'files': files, 'notes': notes}
        return numbers | _fallbacks(path, files)

    return run


def _fallbacks(path: Path, files: int) -> Numbers:
    """How many files were read in the slower way, if a manifest tells."""
    manifest = path.with_suffix('.manifest.json')
    told = json.loads(manifest.read_text(encoding='utf-8'))['converted'] if manifest.exists() else {}
    return {FALLBACKS: told[WITH_NOTE_SEQ] / files} if WITH_NOTE_SEQ in told else {}


@functools.cache
def _readers() -> dict[str, reading.Reader]:
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return reading.midi_readers(stack)


def read(config: str) -> Callable[[Side, Material], Numbers]:
    """MIDI files to notes, in this process and what it starts."""

    def run(side: Side, music: Material) -> Numbers:
        _, files = reading.spread(music.corpus(config).folder, ['midi'], sys.maxsize)
        found = reading.measure(_readers()[side.name], files)
        return {'files/s': len(files) / found.seconds, 'notes/s': found.notes / found.seconds}

    return run


def metrics(config: str) -> Callable[[Side, Material], Numbers]:
    """The metrics that MusPy has, too."""

    def run(side: Side, music: Material) -> Numbers:
        import beside_muspy

        _, files = reading.spread(music.corpus(config).folder, ['midi'], MEASURED)
        with contextlib.ExitStack() as stack:
            return beside_muspy.measure(beside_muspy.sides(files, stack)[side.name], len(files))

    return run


def create_dataset(config: str) -> Callable[[Side, Material], Numbers]:
    """NoteSequences to examples."""

    def run(side: Side, music: Material) -> Numbers:
        corpus = music.corpus(config)
        command = f'{registry.family_of_config(config).spec.name}_create_dataset'
        folder = music.out(side) / f'dataset_{config}'
        flags = {'config': config, 'eval_ratio': 0.0}
        one = side.run(command, input=corpus.one_sequence, output_dir=music.out(side) / f'one_{config}', **flags)
        whole = side.run(command, input=corpus.sequences_of(side), output_dir=folder, **flags)
        examples, size = material.count_examples(folder)
        _, notes = material.count_notes(corpus.sequences_of(side))
        return {
            START: one.seconds,
            WHOLE: whole.seconds,
            PEAK: whole.peak_mb,
            RECORD_BYTES: size / examples,
            'records': examples,
            'notes': notes,
        }

    return run


def train(config: str, *hparams: str) -> Callable[[Side, Material], Numbers]:
    """Training with the config's defaults; every batch holds all examples."""

    def run(side: Side, music: Material) -> Numbers:
        examples = music.training(config)
        usage, run_dir = _train(side, music, config, examples.of(side), TRAINED[config], *hparams)
        losses = measure.scalars(run_dir / 'train')['loss']
        steady = losses[-1].time - losses[0].time
        steps = losses[-1].step - losses[0].step
        return {
            'start-up, first step and end, s': usage.seconds - steady,
            PEAK: usage.peak_mb,
            STEPS: steps / steady,
            EVENTS: examples.events * steps / steady,
        }

    return run


def train_on_all_lengths(config: str) -> Callable[[Side, Material], Numbers]:
    """Training with the config's defaults on tracks as they come; events that are padding do not count."""

    def run(side: Side, music: Material) -> Numbers:
        everything, batch_size = music.examples(config), music.config(config).hparams.batch_size
        ours, theirs = REAL[config]
        before, counted = 1, theirs
        if side.is_ours:
            before = data.Batches(everything, batch_size, seed=0).per_epoch
            counted = before * math.ceil(ours / before)
        usage, run_dir = _train(side, music, config, music.dataset(config, side), before + counted)
        written = measure.scalars(run_dir / 'train')
        losses = [point for point in written['loss'] if point.step >= before]
        seconds = losses[-1].time - losses[0].time
        if side.is_ours:
            speeds = zip(written['events_per_second'], written['global_step/sec'], strict=True)
            events = sum(e.value / s.value for e, s in speeds if e.step > losses[0].step)
        else:  # its queue goes round and round: a batch has as many events as others in the mean
            events = (losses[-1].step - losses[0].step) * batch_size * float(everything.lengths.mean())
        padding = _padding(everything, batch_size, side)
        return {PEAK: usage.peak_mb, PADDING: padding, EVENTS: events / seconds}

    return run


def _padding(dataset: data.Dataset, batch_size: int, side: Side) -> float:
    """The share of padding, the mean of many epochs: ours has batches of similar length, Magenta shuffles alone."""
    if side.is_ours:
        batches = data.Batches(dataset, batch_size, seed=0)
        return statistics.mean(batches.padding(epoch) for epoch in range(100))
    rng = np.random.default_rng(0)
    shuffled = np.concatenate([rng.permutation(len(dataset)) for _ in range(100)])
    whole = len(shuffled) // batch_size * batch_size
    return data.padding(dataset, list(shuffled[:whole].reshape(-1, batch_size)))


def _train(
    side: Side, music: Material, config: str, examples: Path, steps: int, *hparams: str
) -> tuple[measure.Usage, Path]:
    run_dir = material.fresh(music.out(side) / f'run_{config}')
    usage = side.run(
        f'{registry.family_of_config(config).spec.name}_train',
        config=config,
        **hparams_flag(music.hparams, *hparams),
        sequence_example_file=examples,
        run_dir=run_dir,
        num_training_steps=steps,
        summary_frequency=1,
    )
    return usage, run_dir


def generate(outputs: int) -> Callable[[Side, Material], Numbers]:
    """New drum tracks of 128 steps."""

    def run(side: Side, music: Material) -> Numbers:
        output = music.out(side) / 'midi'
        flags = {'run_dir': music.trained('drum_kit', side), 'output_dir': output, **hparams_flag(music.hparams)}

        def make(**what: int) -> measure.Usage:
            material.fresh(output)
            return side.run('drums_rnn_generate', config='drum_kit', **what, **flags)

        # Ours is done in so little time that single runs would say little.
        times = 5 if side.is_ours and outputs < OUTPUTS else 1
        start = statistics.median(make(num_outputs=1, num_steps=2).seconds for _ in range(times))
        whole = [make(num_outputs=outputs, num_steps=128) for _ in range(times)]
        seconds = statistics.median(usage.seconds for usage in whole)
        return {START: start, WHOLE: seconds, PEAK: whole[0].peak_mb, 'outputs': len(list(output.glob('*.mid')))}

    return run


def answer(side: Side, music: Material) -> Numbers:
    """Seconds to an answer for each command and question."""
    return {
        f'{command} {question}, s': side.ask(command, question).seconds
        for command in ANSWERING
        for question in QUESTIONS
    }
