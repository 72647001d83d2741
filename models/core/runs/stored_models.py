"""A trained model as it lies on disk: what the file is, and what it says, before anything of it is believed.

Four kinds of file hold one: bundles and checkpoints, each of ours or of Magenta. Whose it is decides how it is read;
from here on they are alike. `solferino.models.loading` holds what they say against the configs there are.
"""

import dataclasses
import os
import pathlib
from typing import Any

from solferino.hparams.errors import SolferinoError
from solferino.models.core.family import Weights
from solferino.models.core.magenta import magenta_models
from solferino.models.core.runs import bundles
from solferino.models.core.storage import checkpoints


@dataclasses.dataclass(frozen=True)
class StoredModel:
    """What a file holds.

    Attributes:
      source: the file.
      record: the family and the config, as `settings.record_of` writes them; of a model of Magenta only those 'hparams'
        that its checkpoint tells.
      weights: by name; finite.
      by_magenta: whether Magenta saved it.
      generator_id, generator_description: what the model calls itself, if it does.
      description: what its maker wrote about it.
      checkpoint: the file in words, if it is a checkpoint of ours: with its step and held-out loss.
      step: training steps done, if that is known.
    """

    source: str
    record: dict[str, Any]
    weights: Weights
    by_magenta: bool
    generator_id: str | None = None
    generator_description: str | None = None
    description: str = ''
    checkpoint: str = ''
    step: int | None = None


def read(path: str, choice: str | None = None) -> StoredModel:
    """Finds out what `path` is, and reads it.

    Args:
      path: a bundle, a run directory, or a checkpoint.
      choice: which checkpoint of a run directory, 'newest' or 'best'; None for the best where there is one.

    Raises:
      SolferinoError: there is no model, or it is damaged; the message names the file.
    """
    path = os.path.expanduser(path)
    if path.endswith('.mag') or (
        os.path.isfile(path) and not path.endswith(checkpoints.SUFFIX) and not magenta_models.find(path)
    ):
        if choice:
            raise SolferinoError(f'--checkpoint={choice}: {path} is one model, and no run directory.')
        return read_bundle(path)
    return read_checkpoint(path, choice)


def read_bundle(path: str | pathlib.Path) -> StoredModel:
    """Reads a bundle, ours or Magenta's. See `read`."""
    bundle = bundles.read(path)
    return StoredModel(
        str(path),
        bundle.settings,
        bundle.weights,
        bundle.by_magenta,
        bundle.generator_id,
        bundle.generator_description,
        bundle.description,
    )


def read_checkpoint(path: str | pathlib.Path, choice: str | None = None) -> StoredModel:
    """Reads a checkpoint, or one of a run directory, ours or Magenta's. See `read`."""
    prefix = magenta_models.find(str(path))
    return _read_magenta(prefix, choice, str(path)) if prefix else _read_ours(str(path), choice)


def _read_magenta(prefix: str, choice: str | None, path: str) -> StoredModel:
    if choice == checkpoints.BEST:
        raise SolferinoError(f'--checkpoint={choice}: {path} is a run of Magenta, which keeps none. Leave it out.')
    trained = magenta_models.read(prefix)
    step = magenta_models.step(prefix)
    return StoredModel(prefix, {'hparams': trained.hparams}, trained.weights, by_magenta=True, step=step)


def _read_ours(path: str, choice: str | None) -> StoredModel:
    if choice not in (None, checkpoints.NEWEST, checkpoints.BEST):
        raise SolferinoError(f'checkpoint={choice!r} must be {checkpoints.NEWEST!r} or {checkpoints.BEST!r}.')
    checkpoint = checkpoints.resolve(path, choice)
    names = checkpoint.metadata.get('generator') or {}
    return StoredModel(
        checkpoint.path,
        checkpoint.metadata,
        checkpoint.weights,
        by_magenta=False,
        generator_id=names.get('id'),
        generator_description=names.get('description'),
        checkpoint=checkpoints.describe(checkpoint),
        step=checkpoint.step,
    )
