"""Does a model learn more than how often each event comes, and what follows what?

    .venv/bin/python tests/benchmarks/quality.py [--data=FOLDER] [--only=styles-drum_kit,...]

For each experiment, with the real commands: files to NoteSequences to examples, a fifth of the files set aside;
training on the others; and the loss on the fifth, in nats per step, beside that of the baselines on the same events.
Learning curves and their numbers are written, and every best checkpoint's loss is computed anew, track by track,
without TensorFlow.
"""

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import curves
import measure
import numpy as np
import report

from solferino.models import load, registry
from solferino.models.core.events import event_sampling
from solferino.models.core.events.event_forward import Forward
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import baselines, data

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
OURS = measure.Side('Solferino', Path(sys.executable).parent)
EVAL_RATIO = 0.2
# Two ways to add up float32 numbers may differ by this much, in nats per step.
TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is trained, by the recipe of this name in hparams/recipes.

    Attributes:
      music: 'groove', real performances, 'melodies', real songs (both in --data), or 'styles', songs of the styles
        that the project carries.
      family, config: the model.
      steps: of training, if not those of the recipe.
    """

    music: str
    family: str
    config: str
    steps: int | None = None

    @property
    def name(self) -> str:
        """'styles-drum_kit'"""
        return f'{self.music}-{self.config}'

    @property
    def recipe(self) -> Path:
        """Its flags for training."""
        return ROOT / f'hparams/recipes/{self.name}.flags'

    def flag(self, name: str) -> str:
        """The value of one of them."""
        lines = self.recipe.read_text().splitlines()
        return next(line.partition('=')[2] for line in lines if line.startswith(f'--{name}='))

    @property
    def title(self) -> str:
        """For people."""
        return f'{self.config} on {MUSIC[self.music]}'


# Where the music is in --data, and what it is.
FOLDERS = {'groove': 'drums/groove', 'melodies': 'melodies'}
MUSIC = {
    'groove': 'real performances',
    'styles': 'songs of the carried styles',
    'melodies': 'voices of songs and hymns',
}
EXPERIMENTS = (
    Experiment('groove', 'drums_rnn', 'drum_kit'),
    Experiment('groove', 'drums_rnn', 'one_drum'),
    Experiment('styles', 'drums_rnn', 'drum_kit'),
    Experiment('styles', 'drums_rnn', 'one_drum'),
    *(
        Experiment('melodies', 'melody_rnn', config)
        for config in ('basic_rnn', 'mono_rnn', 'lookback_rnn', 'attention_rnn')
    ),
)


@dataclasses.dataclass(frozen=True)
class Result:
    """What came out of an experiment: losses in nats per step on the held-out side."""

    experiment: Experiment
    training_tracks: int
    held_out_tracks: int
    held_out_events: int
    unigram: float
    markov: float
    trained: float
    trained_numpy: float
    best_step: int
    at_the_end: float
    seconds: float
    smoothing: dict[str, baselines.Smoothing]

    def row(self) -> list[str]:
        """A row of the table."""
        e = self.experiment
        return [
            MUSIC[e.music],
            e.config,
            f'{self.training_tracks} / {self.held_out_tracks}',
            f'{self.unigram:.3f}',
            f'{self.markov:.3f}',
            f'**{self.trained:.3f}**',
            f'{self.unigram - self.trained:.3f} ({1 - self.trained / self.unigram:.0%})',
            f'{self.markov - self.trained:.3f} ({1 - self.trained / self.markov:.0%})',
            f'{self.best_step} of {e.steps or e.flag("num_training_steps")}',
            f'{self.at_the_end:.3f}',
            f'{self.seconds / 60:.1f} min',
        ]


HEADER = (
    'music', 'config', 'tracks trained on / held out', 'unigram', 'Markov', 'trained', 'below unigram', 'below Markov',
    'best step', 'at the end', 'training',
)  # fmt: skip


def main() -> None:
    """Runs the experiments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--data', type=Path, default=ROOT / '../shared/data', help='folder with drums/groove and melodies in it'
    )
    parser.add_argument('--only', default='', help='experiments to run, with commas; all if not given')
    parser.add_argument('--steps', type=int, help='training steps, to try the tool out')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench/quality', help='folder for data and runs; emptied')
    parser.add_argument('--curves', type=Path, default=HERE / 'curves', help='folder for the PNGs')
    args = parser.parse_args()
    names = args.only.split(',') if args.only else [e.name for e in EXPERIMENTS]
    chosen = [e for e in EXPERIMENTS if e.name in names]
    if len(chosen) < len(names):
        parser.error(f'--only: the experiments are {", ".join(e.name for e in EXPERIMENTS)}')
    for folder in {FOLDERS[e.music] for e in chosen if e.music in FOLDERS}:
        if not (args.data / folder).is_dir():
            parser.error(f'--data: there is no folder {args.data / folder}; --only=styles-drum_kit needs none')
    shutil.rmtree(args.work, ignore_errors=True)
    results: list[Result] = []
    machine = report.machine()  # before the load is our own
    for experiment in chosen:
        if args.steps:
            experiment = dataclasses.replace(experiment, steps=args.steps)
        results.append(run(experiment, args.data, args.work, args.curves))
        report.write(args.work / 'quality', [dataclasses.asdict(r) for r in results], markdown(results, machine))
    print(markdown(results, machine))


def run(experiment: Experiment, folder: Path, work: Path, pictures: Path) -> Result:
    """Runs an experiment from the MIDI files to the learning curve."""
    family = registry.get(experiment.family)
    config = family.spec.config(experiment.config)
    examples = work / experiment.name / 'data'
    run_dir = work / experiment.name / 'run'
    OURS.run(
        f'{experiment.family}_create_dataset',
        config=experiment.config,
        input=_sequences(experiment.music, folder, work),
        output_dir=examples,
        eval_ratio=EVAL_RATIO,
        seed=0,
    )
    shorter = {}
    if experiment.steps:
        shorter = {'num_training_steps': experiment.steps, 'eval_frequency': max(1, experiment.steps // 4)}
    usage = OURS.run(
        f'{experiment.family}_train',
        flagfile=experiment.recipe,
        sequence_example_file=examples / f'training_{family.spec.records}.tfrecord',
        eval_file=examples / f'eval_{family.spec.records}.tfrecord',
        run_dir=run_dir,
        summary_frequency=10,
        seed=0,
        **shorter,
    )
    training, held_out = (
        [example['events'] for example in data.load(family, config, str(path)).examples]
        for path in (examples / f'{side}_{family.spec.records}.tfrecord' for side in ('training', 'eval'))
    )
    fitted = baselines.fit(training, family.encoding(config).num_events)
    losses = [baseline.loss(held_out) for baseline in fitted]
    curve = measure.scalars(run_dir / 'eval')['loss']
    best = min(curve, key=lambda point: point.value)
    curves.draw(
        pictures / f'{experiment.name}.png',
        experiment.title,
        measure.scalars(run_dir / 'train')['loss'],
        curve,
        list(zip(fitted, losses, strict=True)),
    )
    result = Result(
        experiment=experiment,
        training_tracks=len(training),
        held_out_tracks=len(held_out),
        held_out_events=sum(len(track) - 1 for track in held_out),
        unigram=losses[0],
        markov=losses[1],
        trained=best.value,
        trained_numpy=_loss_in_numpy(run_dir, held_out),
        best_step=best.step,
        at_the_end=curve[-1].value,
        seconds=usage.seconds,
        smoothing={baseline.name: baseline.smoothing for baseline in fitted},
    )
    if abs(result.trained - result.trained_numpy) > TOLERANCE:
        raise SystemExit(f'{experiment.name}: TensorBoard says {result.trained}, NumPy says {result.trained_numpy}.')
    return result


def markdown(results: Sequence[Result], machine: str) -> str:
    """The results as a page."""
    settings_used = [f'- {r.experiment.name}: `{r.experiment.flag("hparams")}`' for r in results]
    return '\n'.join(
        [
            'Loss on held-out files in nats per step; lower is better.',
            '',
            report.table(HEADER, [r.row() for r in results]),
            '',
            'Hyperparameters that differ from the configs:',
            *settings_used,
            '',
            machine,
            OURS.versions(),
        ]
    )


def _sequences(music: str, folder: Path, work: Path) -> Path:
    """Returns the NoteSequences of a kind of music, made when they are first asked for."""
    path = work / f'{music}.tfrecord'
    if path.exists():
        return path
    if music in FOLDERS:
        folder = folder / FOLDERS[music]
    else:
        folder = work / 'midi'
        OURS.run('solferino_write_grooves', output_dir=folder, num_files=200, seed=0)
    OURS.run('convert_dir_to_note_sequences', input_dir=folder, recursive=True, output_file=path)
    return path


def _loss_in_numpy(run_dir: Path, tracks: Sequence[np.ndarray]) -> float:
    """The best checkpoint's loss, from the likelihood of each whole track, as `Model.log_likelihood` computes it."""
    best = checkpoints.best(str(run_dir / 'train'))
    assert best, f'{run_dir} has no best checkpoint'
    model = load(best)
    hparams = model.config.hparams
    forward = Forward(model.weights, hparams.attn_length, hparams.residual_connections)
    encoding = model.family.encoding(model.config)
    likelihoods = [event_sampling.log_likelihood(forward, encoding, classes) for classes in tracks]
    return -sum(likelihoods) / sum(len(track) - 1 for track in tracks)


if __name__ == '__main__':
    main()
