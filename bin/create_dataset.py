"""The create_dataset command of every family: `<family>_create_dataset`."""

import dataclasses

from absl import flags

from solferino.bin import command
from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import FamilySpec


def run(spec: FamilySpec) -> None:
    """Runs the command of the family that `spec` describes."""
    doc = (
        f'Makes training and evaluation examples for {spec.name} of NoteSequences.\n\n'
        f'    {spec.name}_create_dataset --input=notes.tfrecord --output_dir=data\n\n'
        'Flags of Apache Beam, such as --runner, are passed on to it.'
    )
    command.run(doc, lambda fv: define(fv, spec), lambda fv, beam_args: main(fv, beam_args, spec), beam=True)


def define(fv: flags.FlagValues, spec: FamilySpec) -> None:
    """Defines the flags; Magenta's names and defaults."""
    flags.DEFINE_string('config', spec.default_config, spec.config_help(), flag_values=fv)
    flags.DEFINE_string(
        'hparams', '', 'Hyperparameters for training, name=value with commas; stored with the dataset.', flag_values=fv
    )
    flags.DEFINE_string('generator_id', None, 'Accepted as in Magenta; a dataset does not hold it.', flag_values=fv)
    flags.DEFINE_string(
        'generator_description', None, 'Accepted as in Magenta; a dataset does not hold it.', flag_values=fv
    )
    flags.DEFINE_string(
        'input',
        None,
        'TFRecord files of NoteSequences: a path, a pattern such as "notes-*.tfrecord", several with commas, or '
        'name@8.tfrecord for shards.',
        flag_values=fv,
    )
    flags.DEFINE_string(
        'output_dir', None, 'Directory for the examples and the JSON that describes them.', flag_values=fv
    )
    flags.DEFINE_float(
        'eval_ratio',
        0.1,
        'Share of the pieces of music to set aside for evaluation; 0 trains on all.',
        flag_values=fv,
    )
    flags.DEFINE_integer('seed', 0, 'Decides which pieces are for evaluation.', flag_values=fv)
    flags.DEFINE_enum(
        'split',
        'by_content',
        ['by_content', 'by_notes', 'by_name'],
        'What keeps pieces on one side. by_content: near-duplicates stay together (in another key, tempo or metre, a '
        'few notes changed). by_notes: only copies of the very same notes do. by_name: the name of the file decides.',
        flag_values=fv,
    )
    flags.DEFINE_enum(
        'format',
        'compact',
        ['compact', 'dense'] if spec.has_dense_form else ['compact'],
        "compact: small, encoded when it is read. dense: Magenta's, for its tools, where it has such a model.",
        flag_values=fv,
    )
    flags.DEFINE_integer('num_workers', 1, 'Processes on this machine.', flag_values=fv)
    default = spec.configs[spec.default_config or next(iter(spec.configs))]
    command.define_option_flags(fv, default.extraction)


def main(fv: flags.FlagValues, beam_args: list[str], spec: FamilySpec) -> None:
    """Checks the flags, makes the examples, prints the table."""
    for name in ('input', 'output_dir'):
        if not fv[name].value:
            raise SolferinoError(
                f'--{name} is missing. Example: {spec.name}_create_dataset --input=notes.tfrecord --output_dir=data'
            )
    config = spec.config(fv.config)
    config = dataclasses.replace(
        config,
        hparams=overrides.parse(config.hparams, fv.hparams),
        extraction=command.options_from_flags(fv, config.extraction),
    )
    from solferino.pipelines.engine import workers

    with workers.begun(fv.num_workers, 'solferino.pipelines.examples'):
        from solferino.pipelines import examples

        job = examples.Job(
            family=spec.name,
            config=config,
            input=fv.input,
            output_dir=fv.output_dir,
            eval_ratio=fv.eval_ratio,
            seed=fv.seed,
            split=fv.split,
            form=fv.format,
            num_workers=fv.num_workers,
            beam_args=tuple(beam_args),
        )
        print(examples.create(job))
