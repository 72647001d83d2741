"""A config with its values in force: how it is stored beside datasets, in run directories, checkpoints and bundles.

Later commands take the stored values, so nothing has to be repeated. What is repeated is compared: a contradiction is
an error and never wins silently.
"""

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import Any

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import Config, FamilySpec
from solferino.models.core.storage import files, provenance, schemas

_SHARD = re.compile(r'-\d{5,}-of-\d{5,}$')
_MAX_JSON_BYTES = 1 << 29  # the manifest of a million files has half of it


class Sidecar(schemas.Settings, provenance.Provenance, total=False):
    """What create_dataset says of a dataset."""

    steps_per_quarter: float
    encoding: dict[str, Any]
    format: str
    seed: int
    eval_ratio: float
    split: str
    input: str
    counts: dict[str, float]
    left_out: dict[str, schemas.Tally]


@dataclasses.dataclass(frozen=True)
class Given:
    """What the command line says.

    Attributes:
      config: `--config`, None if it was not given.
      hparams: the text of `--hparams`.
      flag: which flag the hparams are of, for messages.
    """

    config: str | None = None
    hparams: str = ''
    flag: str = '--hparams'


def record_of(spec: FamilySpec, config: Config) -> dict[str, Any]:
    """Returns `config` as JSON types; `config_of` reads it."""
    return {
        'family': spec.name,
        'config': config.name,
        'hparams': overrides.as_dict(config.hparams),
        'extraction': overrides.as_dict(config.extraction),
        **({} if config.learned is None else {'learned': overrides.as_dict(config.learned)}),
        **({'dynamics': overrides.as_dict(config.dynamics)} if config.dynamics.curves else {}),
    }


def config_of(spec: FamilySpec, record: Mapping[str, Any], source: str) -> Config:
    """Returns the config that `record` describes; `source` says where it is from.

    Raises:
      SolferinoError: it is of another family, or not a description that this version understands.
    """
    family, name = record.get('family'), record.get('config')
    if family != spec.name:
        if not isinstance(family, str):
            raise SolferinoError(f'{source} does not say which model it belongs to: it is damaged or not ours.')
        raise SolferinoError(f'{source} belongs to {family}, not to {spec.name}. Use the commands of {family} for it.')
    if not isinstance(name, str) or name not in spec.configs:
        raise SolferinoError(f'{source} has the config {name!r}. {spec.name} has only: {", ".join(spec.configs)}.')
    config = spec.configs[name]
    parts = {
        part: overrides.replace(
            getattr(config, part), _unsaid(getattr(config, part)) | _values(record, part, source), source
        )
        for part in ('hparams', 'extraction', 'learned', 'dynamics')
        if getattr(config, part) is not None
    }
    try:
        return dataclasses.replace(config, **parts)
    except ValueError as error:  # raised by __post_init__, which checks whether they fit each other
        raise SolferinoError(f'{source}: {error}') from error


def choose(spec: FamilySpec, given: Given) -> Config:
    """Returns the config of the command line alone.

    Raises:
      SolferinoError: there is no such config or hparam, or the config needs what is learned of a dataset.
    """
    config = spec.config(given.config)
    if config.learned is not None:
        raise SolferinoError(
            f'--config={config.name} needs what {spec.name}_create_dataset learned: {spec.records}.json '
            'must be in the folder of the examples.'
        )
    return dataclasses.replace(config, hparams=overrides.parse(config.hparams, given.hparams))


def keep(spec: FamilySpec, given: Given, stored: Config, source: str) -> Config:
    """Returns `stored`: a run directory's values hold for good.

    Raises:
      SolferinoError: the command line contradicts it.
    """
    return _merge(spec, given, stored, source, [field.name for field in dataclasses.fields(stored.hparams)])


def adapt(spec: FamilySpec, given: Given, stored: Config, source: str) -> Config:
    """Returns `stored`, the config that a dataset was made with, with the hparams of the command line put in.

    A hyperparameter that was chosen when the dataset was made stays; one that was left at its default does not bind.

    Raises:
      SolferinoError: the command line contradicts what was chosen.
    """
    return _merge(spec, given, stored, source, _chosen(spec, stored))


def start_from(
    spec: FamilySpec, given: Given, trained: Config, source: str, of_dataset: tuple[Config, str] | None
) -> Config:
    """Returns `trained`, the config of a model to begin with, with the hparams of the command line put in.

    Args:
      spec: of the family.
      given: the command line's config and hparams.
      trained: keeps its architecture; the dataset and the command line may choose other hparams.
      source: where the model is from.
      of_dataset: what `dataset_config` returns for the examples.

    Raises:
      SolferinoError: the model, the dataset and the command line contradict each other.
    """
    fields = dataclasses.fields(trained.hparams)
    kept = [field.name for field in fields if field.metadata.get('architecture')]
    if of_dataset:
        stored, sidecar = of_dataset
        adapt(spec, given, stored, sidecar)  # the two must not contradict each other either
        if stored.name != trained.name:
            raise SolferinoError(
                f'{source} is a model of {trained.name}, but {sidecar} says that the examples are for {stored.name}. '
                'Name another bundle or other examples.'
            )
        chosen = {name: getattr(stored.hparams, name) for name in _chosen(spec, stored)}
        differing = [name for name in kept if name in chosen and chosen[name] != getattr(trained.hparams, name)]
        if differing:
            raise SolferinoError(
                f'{sidecar} says that the examples are for a model with another {" and ".join(differing)} than '
                f'{source} has. Make the examples without --hparams.'
            )
        trained = dataclasses.replace(
            trained,
            hparams=overrides.replace(trained.hparams, chosen, sidecar),
            extraction=stored.extraction,
            dynamics=stored.dynamics,
        )
    return _merge(spec, given, trained, source, kept)


def _chosen(spec: FamilySpec, stored: Config) -> list[str]:
    """The hyperparameters that are not those of the config."""
    defaults = spec.configs[stored.name].hparams
    fields = [field.name for field in dataclasses.fields(defaults)]
    return [name for name in fields if getattr(stored.hparams, name) != getattr(defaults, name)]


def _merge(spec: FamilySpec, given: Given, stored: Config, source: str, fixed: list[str]) -> Config:
    if given.config is not None and spec.config(given.config).name != stored.name:
        raise SolferinoError(
            f'--config is {given.config} but {source} has {stored.name}. Leave --config out to use {stored.name}, or '
            'name other files.'
        )
    hparams = overrides.parse(stored.hparams, given.hparams)
    names = [name for name in overrides.names_in(given.hparams) if name in fixed]
    overrides.require_equal(hparams, stored.hparams, given.flag, source, names)
    return dataclasses.replace(stored, hparams=hparams)


def _values(record: Mapping[str, Any], key: str, source: str) -> dict[str, Any]:
    values = record.get(key, {})
    if not isinstance(values, dict):
        raise SolferinoError(f'{source} is damaged: its {key} is no list of names and values.')
    return values


def _unsaid(part: Any) -> dict[str, Any]:
    """The values that hold where a description of an earlier version says none, by name."""
    values = {field.name: field.metadata.get('unsaid') for field in dataclasses.fields(part)}
    return {name: value for name, value in values.items() if value is not None}


def read_json(path: str, schema: Any = dict[str, Any]) -> Any:
    """Returns the JSON object in `path`, None if there is no such file.

    Args:
      path: of the file.
      schema: what it must be, see `schemas.require`.

    Raises:
      SolferinoError: it holds something else; the message says where.
    """
    try:
        files.require_regular(path)
        with open(path, encoding='utf-8') as file:
            text = file.read(_MAX_JSON_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SolferinoError(f'{path} cannot be read: {error.strerror}.') from error
    except ValueError:  # not in UTF-8
        text = ''
    if len(text) > _MAX_JSON_BYTES:
        raise SolferinoError(f'{path} is not ours: it is larger than any ({len(text)} bytes and more).')
    try:
        value = schemas.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SolferinoError(f'{path} is damaged or not ours: it holds no JSON object. Put it right or delete it.')
    require(value, schema, path)
    return value


def require(value: Any, schema: Any, source: str) -> None:
    """Raises SolferinoError, naming `source`, if a JSON value is not what `schema` declares."""
    try:
        schemas.require(value, schema)
    except ValueError as error:
        raise SolferinoError(f'{source} is damaged or not ours: {error}. Put it right or delete it.') from None


def sidecar_path(path: str) -> str:
    """Where the description of a dataset is: 'data/training_drum_tracks.tfrecord' -> 'data/drum_tracks.json'.

    It is the same for the training and the evaluation side, and for a single file and its shards.
    """
    folder, name = os.path.split(path)
    stem = _SHARD.sub('', os.path.splitext(name)[0])
    for prefix in ('training_', 'eval_'):
        stem = stem.removeprefix(prefix)
    return os.path.join(folder, stem + '.json')


def dataset_config(spec: FamilySpec, paths: list[str]) -> tuple[Config, str] | None:
    """Returns the config that the files `paths` were made with and where that is written; None if nowhere.

    Raises:
      SolferinoError: they were made for another family, or with different configs.
    """
    found = None
    for sidecar in sorted({sidecar_path(path) for path in paths}):
        record = read_json(sidecar, Sidecar)
        if record is None:
            continue
        config = config_of(spec, record, sidecar)
        if found and found[0] != config:
            raise SolferinoError(f'{found[1]} and {sidecar} differ: their examples cannot be used together.')
        found = (config, sidecar)
    return found
