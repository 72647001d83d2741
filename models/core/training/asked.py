"""What the training command is asked for, and whether it goes with the files, and with the run that is there."""

import dataclasses
import logging
import os

from solferino.hparams import overrides, presets
from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import FamilySpec
from solferino.models.core import settings
from solferino.models.core.family import Family
from solferino.models.core.runs import run_dir
from solferino.models.core.runs.run_dir import Run
from solferino.models.core.storage import checkpoints, records
from solferino.models.core.training import data
from solferino.models.core.training.data import Dataset
from solferino.models.core.warm_start import WarmStart

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
      run_dir: `--run_dir`.
      given: `--config` and `--hparams`.
      examples: `--sequence_example_file`.
      eval_examples: `--eval_file`; '' for none.
      num_eval_examples: how many of the evaluation examples to use; 0 for all.
      seed: `--seed`, None if it was not given.
      generator: id and description for bundles, if they were given.
      preset: name of default settings; None for none.
      warm_start: the model that a new run begins with; None for random weights.
      checkpoint: which one `evaluate_once` takes: checkpoints.NEWEST or checkpoints.BEST.
      advises: whether to say at the end what the curves say, and what to change.
      num_steps, summary_frequency, num_checkpoints, checkpoint_seconds, eval_frequency: see training_loop.Options.
    """

    run_dir: str
    given: settings.Given = dataclasses.field(default_factory=settings.Given)
    examples: str = ''
    eval_examples: str = ''
    num_eval_examples: int = 0
    seed: int | None = None
    generator: dict[str, str] = dataclasses.field(default_factory=dict)
    preset: str | None = None
    warm_start: WarmStart | None = None
    checkpoint: str = checkpoints.NEWEST
    advises: bool = True
    num_steps: int = 0
    summary_frequency: int = 10
    num_checkpoints: int = 10
    checkpoint_seconds: float = 60.0
    eval_frequency: int = 0


def paths(pattern: str, kind: str) -> list[str]:
    """The files of examples. Raises SolferinoError if there are none, or none are named."""
    if not pattern:
        raise SolferinoError(
            f'--sequence_example_file is required: the examples to learn from, such as training_{kind}.tfrecord.'
        )
    return records.expand(pattern)


def with_preset(spec: FamilySpec, request: Request, paths: list[str]) -> Request:
    """Fills in the preset's settings where the request has none."""
    if request.preset is None:
        return request
    of_run, of_dataset = run_dir.read(request.run_dir, spec), settings.dataset_config(spec, paths)
    known = of_run.config if of_run else of_dataset[0] if of_dataset else None
    config = request.given.config or (known.name if known else spec.config(None).name)
    preset = presets.find(spec.presets, config, request.preset)
    hparams = preset.hparams_with(request.given.hparams, request.num_steps)
    return dataclasses.replace(
        request,
        given=settings.Given(request.given.config, hparams, f'--preset={request.preset}'),
        num_steps=request.num_steps or preset.num_steps,
        eval_frequency=request.eval_frequency or preset.eval_frequency,
    )


def held_out(family: Family, run: Run, pattern: str, request: Request) -> Dataset:
    """Loads the examples to evaluate on. Raises SolferinoError if they are made for another config than the run's."""
    of_dataset = settings.dataset_config(family.spec, paths(pattern, family.spec.records))
    if of_dataset:
        path = run_dir.run_path(run.path)
        run_dir.require_same_config(run.config, *of_dataset, path if os.path.exists(path) else request.examples)
    return data.load(family, run.config, pattern, request.num_eval_examples)


def require_held_out(family: Family, request: Request) -> None:
    """Raises SolferinoError where no examples are named to evaluate on."""
    if not request.eval_examples and not request.examples:
        raise SolferinoError(
            '--sequence_example_file is required: the examples to evaluate on, such as '
            f'eval_{family.spec.records}.tfrecord.'
        )


def require_apart(learned: list[str], held_out: list[str]) -> None:
    """Raises SolferinoError if some files to evaluate on are among those to learn from; warns if all are the same."""
    files, others = ({os.path.realpath(path) for path in paths} for paths in (learned, held_out))
    if files == others:  # as to see whether a model can learn them by heart
        _log.warning('--eval_file names what is trained on: how well it does says nothing of other music.')
        return
    for path in sorted(files & others):
        raise SolferinoError(
            f'{path} is named by --sequence_example_file and by --eval_file: how well a model does on what it has '
            'learned says little. Name training examples by the one, those that are held out by the other.'
        )


def require_going_on(run: Run, request: Request, step: int) -> None:
    """Raises SolferinoError where going on would change nothing, or names would be left as they are."""
    decay_steps = overrides.as_dict(run.config.hparams).get('decay_steps', 0)
    if 0 < decay_steps <= step and not 0 < request.num_steps <= step:
        raise SolferinoError(
            f'The learning rate of {run.path} has fallen to 0 at step {decay_steps} (decay_steps): it learns nothing '
            'more. For a longer training name a new --run_dir, with as large a decay_steps in --hparams as '
            f'--num_training_steps; --warm_start_bundle_file={run.path} begins with this model.'
        )
    for name, value in request.generator.items():
        if run.generator.get(name) != value:
            raise SolferinoError(
                f'--generator_{name}={value}: {run.path} was begun with '
                f'{run.generator.get(name) or "that of its config"}. Leave it out, or name a new --run_dir.'
            )


def inputs(request: Request) -> list[str]:
    """The files that a new run is made of."""
    held_out = records.expand(request.eval_examples) if request.eval_examples else []
    begun = [request.warm_start.file] if request.warm_start else []
    return [path for path in (*records.expand(request.examples), *held_out, *begun) if os.path.isfile(path)]
