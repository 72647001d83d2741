"""The training command of every family: `<family>_train`."""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from absl import flags

from solferino.bin import command, surroundings
from solferino.hparams import presets
from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import FamilySpec
from solferino.models import registry

if TYPE_CHECKING:
    from solferino.models.core.family import Family
    from solferino.models.core.layers.replicas import Cluster
    from solferino.models.core.training.asked import Request
    from solferino.models.core.warm_start import WarmStart

# The seeds of a model's matrices are a little above that of the model, and TensorFlow's are below 2**63.
_HIGHEST_SEED = 2**32 - 1


def run(spec: FamilySpec) -> None:
    """Runs the command of the family that `spec` describes."""
    doc = (
        f'Trains a {spec.name} model on the examples that {spec.name}_create_dataset wrote, and evaluates it.\n\n'
        f'    {spec.name}_train --sequence_example_file=data/training_{spec.records}.tfrecord \\\n'
        f'        --eval_file=data/eval_{spec.records}.tfrecord --run_dir=run --num_training_steps=1000\n\n'
        'Ctrl-C saves a checkpoint and exits with 130; the same command goes on from there. '
        '`tensorboard --logdir=run` shows the curves.'
    )
    command.run(
        doc, lambda flag_values: define(flag_values, spec), lambda flag_values: main(flag_values, spec),
        told=('num_workers',),  # processes that train together each draw numbers of their own
    )  # fmt: skip


def define(fv: flags.FlagValues, spec: FamilySpec) -> None:
    """Defines the flags; Magenta's names and defaults."""

    def text(name: str, default: str | None, help: str) -> None:
        flags.DEFINE_string(name, default, help, flag_values=fv)

    def number(name: str, default: int | None, help: str, lowest: int = 0, highest: int | None = None) -> None:
        flags.DEFINE_integer(name, default, help, lower_bound=lowest, upper_bound=highest, flag_values=fv)

    def switch(name: str, help: str) -> None:
        flags.DEFINE_bool(name, False, help, flag_values=fv)

    text(
        'config',
        spec.default_config,
        f'{spec.config_help()} If it is not given, the config that the run directory or the dataset was made with. '
        'What each reached on music held out, in which time, with --run_dir, --sequence_example_file and --eval_file '
        'beside these flags:\n\n'
        f'{spec.benchmark_help()}',
    )
    text(
        'hparams', '', 'Hyperparameters that differ from those of the config: "batch_size=64,rnn_layer_sizes=[64,64]".'
    )
    _define_preset(fv, spec)
    text('generator_id', None, "The model's id in its bundle; its config's name if not given.")
    text('generator_description', None, "The model's description in its bundle; its config's if not given.")
    text('run_dir', f'/tmp/{spec.name}/logdir/run1', 'Directory for checkpoints and TensorBoard events.')
    text(
        'sequence_example_file',
        None,
        'TFRecord file with the examples to train on, or with --eval those to evaluate on; also a pattern.',
    )
    number(
        'num_workers',
        None,
        'Processes on this machine that share each batch; if not given, one for each GPU. The environment variable '
        'TF_CONFIG, as for tf.distribute, names those of several machines.',
        lowest=1,
    )
    text(
        'warm_start_bundle_file',
        None,
        'A bundle (.mag) of this config, ours or one of Magenta: a new run begins with its weights and layers.',
    )
    text('eval_file', None, 'TFRecord file with held-out examples: training evaluates on them, keeps the best model.')
    number('num_training_steps', 0, 'Training ends at this step, counted from the very first; 0 for no end.')
    number('num_eval_examples', 0, 'Evaluate on this many examples; 0 for all.')
    number('summary_frequency', 10, 'Steps from one summary to the next.', lowest=1)
    number('num_checkpoints', 10, 'How many of the newest checkpoints to keep; 0 for all.')
    flags.DEFINE_float(
        'checkpoint_seconds', 60.0, 'Seconds from one checkpoint to the next.', lower_bound=0, flag_values=fv
    )
    number('eval_frequency', 0, 'Steps from one evaluation on --eval_file to the next; 0 evaluates at each checkpoint.')
    switch('eval', 'Evaluate each new checkpoint of a run that trains at the same time; ends when training has.')
    switch('eval_once', 'Evaluate one checkpoint and end.')
    flags.DEFINE_enum(
        'checkpoint', 'newest', ['newest', 'best'], 'Which checkpoint --eval_once evaluates.', flag_values=fv
    )
    switch(
        'find_temperature',
        'Find the temperature at which the best checkpoint makes music most like the held-out examples, write it into '
        'the checkpoint and end; training with --eval_file does that when it ends.',
    )
    number(
        'seed', None, 'The same seed trains the same model on the same machine; 0 if not given.', highest=_HIGHEST_SEED
    )


def _define_preset(fv: flags.FlagValues, spec: FamilySpec) -> None:
    flags.DEFINE_enum(
        'preset',
        None,
        list(presets.NAMES),
        'Settings for a training of about this length on two cores: --num_training_steps, --eval_frequency and '
        '--hparams, where these flags do not say otherwise. What each reached on music held out: the loss, that of a '
        'table of what usually follows what, the music, and the time.\n\n' + presets.describe(spec.presets),
        flag_values=fv,
    )


def main(fv: flags.FlagValues, spec: FamilySpec) -> None:
    """Trains or evaluates."""
    from solferino.models.core import settings
    from solferino.models.core.training import evaluating, jobs
    from solferino.models.core.training.asked import Request
    from solferino.models.core.training.together import launching

    jobs_but_training: dict[str, Callable[[Family, Request], int | None]] = {
        'eval': evaluating.evaluate,
        'eval_once': evaluating.evaluate_once,
        'find_temperature': jobs.find_temperature,
    }
    asked = [name for name in jobs_but_training if fv[name].value]
    if len(asked) > 1:
        raise SolferinoError(f'--{" and --".join(asked)} exclude each other. Leave one out.')
    if fv.warm_start_bundle_file and asked:
        raise SolferinoError('--warm_start_bundle_file begins a training run. Leave it out to evaluate one.')
    if fv.num_workers and asked:
        raise SolferinoError(f'--num_workers={fv.num_workers} is for training. Leave it out with --{asked[0]}.')
    if fv['checkpoint'].present and not fv.eval_once:
        raise SolferinoError(f'--checkpoint={fv.checkpoint} is for --eval_once. Leave it out, or give both.')
    config = fv.config if fv['config'].present else None
    generator = {'id': fv.generator_id, 'description': fv.generator_description}
    request = Request(
        run_dir=os.path.expanduser(fv.run_dir),
        given=settings.Given(config, fv.hparams),
        examples=fv.sequence_example_file or '',
        eval_examples=fv.eval_file or '',
        num_eval_examples=fv.num_eval_examples,
        seed=fv.seed,
        generator={name: value for name, value in generator.items() if value},
        checkpoint=fv.checkpoint,
        warm_start=_warm_start(fv.warm_start_bundle_file, config, spec) if fv.warm_start_bundle_file else None,
        preset=fv.preset,
        num_steps=fv.num_training_steps,
        summary_frequency=fv.summary_frequency,
        num_checkpoints=fv.num_checkpoints,
        checkpoint_seconds=fv.checkpoint_seconds,
        eval_frequency=fv.eval_frequency,
    )
    family = registry.get(spec.name)
    if asked:
        signal_number = jobs_but_training[asked[0]](family, request)
    else:
        with launching.others(fv.num_workers or max(1, launching.num_gpus())) as cluster:
            signal_number = _train(family, request, cluster)
    if signal_number:
        surroundings.stopped_by(signal_number)


def _train(family: 'Family', request: 'Request', cluster: 'Cluster | None') -> int | None:
    """Trains. Where other machines take part and one of them is lost, this process begins again and waits for it."""
    from solferino.models.core.layers import replicas
    from solferino.models.core.training import jobs

    try:
        return jobs.train(family, request, cluster)
    except replicas.LostError as error:
        if cluster is None or not cluster.rejoins:
            raise
        logging.warning('%s This process begins again and waits.', error)
        raise command.StartAgain from None


def _warm_start(path: str, config: str | None, spec: FamilySpec) -> 'WarmStart':
    from solferino.models import loading  # note-seq takes a second
    from solferino.models.core.warm_start import WarmStart

    model = loading.load(path, config)
    if model.family.spec.name != spec.name:
        raise SolferinoError(
            f'--warm_start_bundle_file={path} holds a model of {model.family.spec.name}; use '
            f'{model.family.spec.name}_train.'
        )
    return WarmStart(path, model.source, model.config, model.weights)
