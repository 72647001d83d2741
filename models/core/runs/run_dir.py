"""What a run directory says about its run: `<run_dir>/run.json`, written when training first starts.

It holds the family, the config with its values, the seed and the dataset. It belongs to that run for good: a later
command takes the values from it, and one that contradicts it is refused.
"""

import dataclasses
import importlib.metadata
import json
import logging
import os
import platform
import time
from collections.abc import Iterable
from typing import Any, TypedDict

from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import Config, FamilySpec
from solferino.models.core import settings
from solferino.models.core.magenta import magenta_models
from solferino.models.core.storage import checkpoints, provenance, schemas
from solferino.models.core.storage.files import atomic_write
from solferino.models.core.warm_start import WarmStart

DEFAULT_SEED = 0
_log = logging.getLogger(__name__)


class Examples(TypedDict, total=False):
    """What a run says of its dataset, see `data.Dataset.describe`."""

    path: str
    examples: schemas.Count
    fingerprint: str


class Record(schemas.Settings, provenance.Provenance, total=False):
    """What the file holds."""

    seed: schemas.Seed
    dataset: Examples | None
    generator: dict[str, str] | None
    warm_start: dict[str, str] | None
    created: str | None
    versions: dict[str, str | None] | None


@dataclasses.dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
      path: the run directory.
      config: with the hparams and extraction in force.
      seed: of the initial weights, of dropout and of the order of examples.
      dataset: where the training examples are and their fingerprint ('path', 'examples', 'fingerprint').
      generator: id and description for its bundle, where they are not the config's ('id', 'description').
      warm_start: the model that it began with ('path', 'fingerprint'), empty for random weights.
    """

    path: str
    config: Config
    seed: int
    dataset: dict[str, Any] = dataclasses.field(default_factory=dict)
    generator: dict[str, str] = dataclasses.field(default_factory=dict)
    warm_start: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def train_dir(self) -> str:
        """Holds the checkpoints, and TensorBoard's events of training."""
        return os.path.join(self.path, 'train')

    @property
    def eval_dir(self) -> str:
        """Holds TensorBoard's events of evaluation."""
        return os.path.join(self.path, 'eval')


def run_path(run_dir: str) -> str:
    """Where the description of a run is."""
    return os.path.join(run_dir, 'run.json')


def read(run_dir: str, spec: FamilySpec) -> Run | None:
    """Returns the run in `run_dir`, None if there is none yet.

    Raises:
      SolferinoError: it is of another family, it is damaged, or the directory is something else.
    """
    path = run_path(run_dir)
    if os.path.exists(run_dir) and not os.path.isdir(run_dir):
        raise SolferinoError(f'--run_dir={run_dir} is a file. Name a directory.')
    record = settings.read_json(path, Record)
    if record is None:
        if checkpoints.paths(os.path.join(run_dir, 'train')):
            raise SolferinoError(f'{run_dir} has checkpoints but no run.json. Name a complete or a new --run_dir.')
        return None
    config = settings.config_of(spec, record, path)
    return Run(
        run_dir,
        config,
        record.get('seed', DEFAULT_SEED),
        record.get('dataset') or {},
        record.get('generator') or {},
        record.get('warm_start') or {},
    )


def load(run_dir: str, spec: FamilySpec) -> Run:
    """As `read`, but raises SolferinoError if there is no run."""
    run = read(run_dir, spec)
    if run is None:
        raise SolferinoError(f'{run_dir} is no run directory of {spec.name}: it has no run.json. Check --run_dir.')
    return run


def write(run: Run, spec: FamilySpec, inputs: Iterable[str] = ()) -> None:
    """Writes the description of a new run; `inputs` are the files that it learns from, or begins with."""
    path = run_path(run.path)
    record = {
        **checkpoint_metadata(run, spec),
        **provenance.of(path, inputs, seed=run.seed),
        'dataset': run.dataset,
        'warm_start': run.warm_start,
        'created': time.strftime('%Y-%m-%dT%H:%M:%S%z'),
        'versions': {'python': platform.python_version()} | {name: _version(name) for name in _PACKAGES},
    }
    atomic_write(path, json.dumps(record, indent=1) + '\n')


def checkpoint_metadata(run: Run, spec: FamilySpec) -> dict[str, Any]:
    """What each checkpoint says of its run."""
    return {**settings.record_of(spec, run.config), 'seed': run.seed, 'generator': run.generator}


def choose(
    spec: FamilySpec,
    run_dir: str,
    given: settings.Given,
    seed: int | None,
    dataset_paths: list[str],
    warm_start: WarmStart | None = None,
) -> Run:
    """Returns the run of a training command: the one in `run_dir`, or a new one from the dataset and the flags.

    Args:
      spec: of the family.
      run_dir: may be missing or empty.
      given: the command line's config and hparams.
      seed: `--seed`, None if it was not given.
      dataset_paths: files with the training examples.
      warm_start: the model that a new run begins with.

    Raises:
      SolferinoError: the run, the dataset and the flags contradict each other.
    """
    run = read(run_dir, spec)
    of_dataset = settings.dataset_config(spec, dataset_paths)
    if run is None or not checkpoints.paths(run.train_dir):  # one that never began binds nobody
        if magenta_models.find(run_dir):
            raise SolferinoError(
                f'{run_dir} holds a run of Magenta. To train on from it, name a new --run_dir and '
                f'--warm_start_bundle_file={run_dir}.'
            )
        seed = DEFAULT_SEED if seed is None else seed
        if warm_start:
            config = settings.start_from(spec, given, warm_start.config, warm_start.source, of_dataset)
            return Run(run_dir, config, seed, warm_start=warm_start.describe())
        config = settings.adapt(spec, given, *of_dataset) if of_dataset else settings.choose(spec, given)
        return Run(run_dir, config, seed)
    path = run_path(run_dir)
    if warm_start:
        _require_begun_with(run, warm_start)
    config = settings.keep(spec, given, run.config, path)
    if of_dataset:
        require_same_config(config, *of_dataset, path)
    if seed is not None and seed != run.seed:
        raise SolferinoError(f'--seed is {seed} but {path} has {run.seed}. Leave --seed out or name another --run_dir.')
    return run


def require_same_config(config: Config, of_dataset: Config, sidecar: str, source: str) -> None:
    """Raises SolferinoError if a dataset was made with another config than a run's."""
    if config.name != of_dataset.name:
        raise SolferinoError(
            f'{sidecar} says that the examples are for {of_dataset.name}, but {source} has {config.name}. Name '
            f'examples for {config.name}{" or another --run_dir" if source.endswith(".json") else ""}.'
        )


def _require_begun_with(run: Run, warm_start: WarmStart) -> None:
    if run.warm_start.get('fingerprint') != warm_start.describe()['fingerprint']:
        raise SolferinoError(
            f'{run.path} is a run that began with {run.warm_start.get("path", "random weights")}, not with '
            f'{warm_start.source}. Leave --warm_start_bundle_file out to go on with it, or name a new --run_dir.'
        )
    _log.info('The run goes on from its own checkpoint; %s was its beginning.', warm_start.source)


def warn_of_other_examples(run: Run, dataset: dict[str, Any]) -> None:
    """Warns if a run goes on with other examples than it began with."""
    if run.dataset.get('fingerprint') not in (None, dataset['fingerprint']):
        _log.warning(
            'The run began with other examples (%s of %s). It goes on with %s of %s.',
            run.dataset.get('examples'),
            run.dataset.get('path'),
            dataset['examples'],
            dataset['path'],
        )


_PACKAGES = ('solferino', 'numpy', 'keras', 'tensorflow', 'tensorflow-cpu')


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
