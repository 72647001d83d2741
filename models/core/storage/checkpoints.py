"""Checkpoints: all that training needs to go on, and generation to start, as safetensors files.

    <run_dir>/train/model.ckpt-<step>.safetensors     the newest ones
    <run_dir>/train/best.ckpt-<step>.safetensors      the one with the lowest evaluation loss so far

A checkpoint holds tensors 'weights/<name>' and 'optimizer/<name>', and as JSON the step, the settings and the
evaluation loss if it is known. Reading one needs no TensorFlow.
"""

import dataclasses
import glob
import logging
import os
import re
from collections.abc import Mapping
from typing import Any, Required

import numpy as np

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import schemas, tensors
from solferino.models.core.storage.files import atomic_write

MODEL = 'model'
BEST, NEWEST = 'best', 'newest'
SUFFIX = '.safetensors'
_MOST_RUNS = 5  # that a message lists
_NAME = re.compile(r'ckpt-(\d+)' + re.escape(SUFFIX) + '$')
_MAX_BYTES = 1 << 33  # a file above this is refused before it is read
_log = logging.getLogger(__name__)


class Metadata(schemas.Settings, total=False):
    """What the header of the file holds."""

    step: Required[schemas.Count]
    seed: schemas.Seed
    generator: dict[str, str] | None
    eval_loss: float | None
    eval_set: str | None
    recommended_temperature: schemas.Temperature | None
    held_out_music: schemas.Means | None
    calibrated: str | None


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A model at a step.

    Attributes:
      step: training steps done.
      weights: the model's weights by name.
      optimizer: the optimizer's variables by name.
      metadata: the settings (`settings.record_of`), the seed and what else is known of the run.
      eval_loss: nats; None if it was not evaluated.
      eval_set: fingerprint of the examples that it was evaluated on.
      path: where it was read from.
    """

    step: int
    weights: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray]
    metadata: dict[str, Any]
    eval_loss: float | None = None
    eval_set: str | None = None
    path: str = ''


def capture(model: Any, metadata: dict[str, Any]) -> Checkpoint:
    """Returns the present state of a Trainable."""
    return Checkpoint(
        step=int(model.optimizer.iterations.numpy()),
        weights={name: np.array(v.numpy()) for name, v in model.named_weights().items()},
        optimizer={name: np.array(v.numpy()) for name, v in model.named_optimizer_state().items()},
        metadata=metadata,
    )


def restore(model: Any, checkpoint: Checkpoint) -> None:
    """Puts a checkpoint into a Trainable. Raises SolferinoError if it is of another model or not finite."""
    try:
        tensors.require_finite(checkpoint.optimizer)
    except ValueError as error:
        raise SolferinoError(f'Checkpoint {checkpoint.path} {error}. Delete it to go on from the one before.') from None
    assign(model.named_weights(), checkpoint.weights, 'weights', checkpoint.path)
    assign(model.named_optimizer_state(), checkpoint.optimizer, 'optimizer', checkpoint.path)


def assign(variables: Mapping[str, Any], stored: Mapping[str, np.ndarray], kind: str, source: str) -> None:
    """Gives a model's variables their `stored` values. Raises SolferinoError, naming `source`, if these do not fit."""
    has = {name: (array.shape, str(array.dtype)) for name, array in stored.items()}
    wanted = {name: (tuple(v.shape), str(v.dtype)) for name, v in variables.items()}
    require_fit(has, wanted, kind, source)
    for name, variable in variables.items():
        variable.assign(stored[name])


def require_fit(has: Mapping[str, Any], wanted: Mapping[str, Any], kind: str, source: str) -> None:
    """Raises SolferinoError, naming `source`, if arrays' names with their shapes and types are not those `wanted`."""
    different = sorted(n for n in has.keys() | wanted.keys() if has.get(n) != wanted.get(n))
    if different:
        raise SolferinoError(
            f'{source} does not fit this model: {kind} {", ".join(different[:5])} are missing, too many, or have '
            'another shape or type. It is damaged, or another version wrote it: name another file or --run_dir.'
        )


def require_weights(weights: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], source: str) -> None:
    """Raises SolferinoError, naming `source`, if weights do not have the names and `shapes` of a model's."""
    has = {name: (array.shape, str(array.dtype)) for name, array in weights.items()}
    require_fit(has, {name: (shape, 'float32') for name, shape in shapes.items()}, 'weights', source)


def save(directory: str, checkpoint: Checkpoint, kind: str = MODEL) -> str:
    """Writes a checkpoint, whole or not at all, and returns its path. Raises SolferinoError if it cannot be written."""
    path = os.path.join(directory, f'{kind}.ckpt-{checkpoint.step}{SUFFIX}')
    arrays = {f'weights/{name}': array for name, array in checkpoint.weights.items()}
    arrays |= {f'optimizer/{name}': array for name, array in checkpoint.optimizer.items()}
    metadata = {
        **checkpoint.metadata,
        'step': checkpoint.step,
        'eval_loss': checkpoint.eval_loss,
        'eval_set': checkpoint.eval_set,
    }
    try:
        atomic_write(path, tensors.dump(arrays, metadata))
    except OSError as error:
        raise SolferinoError(
            f'{path} cannot be written: {error.strerror}. {system_errors.advice(error)} The same command goes on from '
            'the checkpoint before.'
        ) from error
    return path


def amend(path: str, metadata: Mapping[str, Any]) -> None:
    """Rewrites a checkpoint with more metadata, whole or not at all. Raises SolferinoError if it cannot be done."""
    checkpoint = load(path)
    kind = os.path.basename(path).split('.')[0]
    save(os.path.dirname(path), dataclasses.replace(checkpoint, metadata={**checkpoint.metadata, **metadata}), kind)


def load(path: str) -> Checkpoint:
    """Reads a checkpoint.

    Raises SolferinoError, naming it, if it is missing, damaged, no checkpoint, or has weights that are not finite.
    """
    try:
        with open(path, 'rb') as file:
            if os.fstat(file.fileno()).st_size > _MAX_BYTES:
                raise ValueError('is larger than any')
            arrays, metadata = tensors.parse(file.read(), Metadata)
        groups = _groups(arrays)
        if not groups['weights']:
            raise ValueError('holds no weights')
        tensors.require_finite(groups['weights'])
    except OSError as error:
        raise SolferinoError(f'Checkpoint {path} cannot be read: {error.strerror}.') from error
    except ValueError as error:
        raise SolferinoError(f'Checkpoint {path} {error}. Name another one, or delete it.') from error
    step = metadata.pop('step')
    eval_loss, eval_set = metadata.pop('eval_loss', None), metadata.pop('eval_set', None)
    return Checkpoint(step, groups['weights'], groups['optimizer'], metadata, eval_loss, eval_set, path)


def _groups(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """{'weights/x': a, 'optimizer/y': b} -> {'weights': {'x': a}, 'optimizer': {'y': b}}. Raises ValueError."""
    groups: dict[str, dict[str, np.ndarray]] = {'weights': {}, 'optimizer': {}}
    for name, array in arrays.items():
        group, _, rest = name.partition('/')
        if group not in groups:
            raise ValueError(f'holds an array that no checkpoint has: {name}')
        groups[group][rest] = array
    return groups


def paths(directory: str, kind: str = MODEL) -> dict[int, str]:
    """Returns the checkpoints in a directory by step, oldest first."""
    found = glob.glob(os.path.join(glob.escape(directory), f'{kind}.ckpt-*{SUFFIX}'))
    steps = {int(match[1]): path for path in found if (match := _NAME.search(path))}
    return dict(sorted(steps.items()))


def latest(directory: str) -> Checkpoint | None:
    """Returns the newest checkpoint that is whole, None if there is no checkpoint.

    One that a crash of the machine cut short is skipped with a warning. Raises SolferinoError if none can be read.
    """
    problem = None
    for path in reversed(paths(directory).values()):
        try:
            return load(path)
        except SolferinoError as error:
            problem = error
            _log.warning('%s The one before is used.', error)
    if problem:
        raise SolferinoError(f'No checkpoint in {directory} can be read. {problem}')
    return None


def set_aside(directory: str, step: int) -> None:
    """Renames checkpoints after `step`, the newest that is whole, so that they do not count as the newest."""
    for later, path in paths(directory).items():
        if later > step:
            os.replace(path, path + '.damaged')
            _log.warning('It is kept as %s.damaged.', path)


def best(directory: str) -> str | None:
    """Returns the path of the checkpoint with the lowest evaluation loss, None if none was evaluated."""
    found = paths(directory, BEST)
    return list(found.values())[-1] if found else None


def keep_best(directory: str, checkpoint: Checkpoint) -> str | None:
    """Keeps an evaluated checkpoint as the best if its loss is below that of the one kept so far.

    A best one that was found on other examples does not compare and gives way.

    Returns:
      Its path if it is the best now, otherwise None.
    """
    old = best(directory)
    if old:
        try:
            before = load(old)
        except SolferinoError as error:
            _log.warning('%s', error)
        else:
            if before.eval_set == checkpoint.eval_set and not _below(checkpoint.eval_loss, before.eval_loss):
                _remove_others(directory, old)
                return None
    path = save(directory, checkpoint, BEST)
    _remove_others(directory, path)
    return path


def _remove_others(directory: str, kept: str) -> None:
    """Removes all best checkpoints but one; of a run that was killed there are two."""
    for path in paths(directory, BEST).values():
        if path != kept:
            _remove(path)


def prune(directory: str, keep: int) -> None:
    """Deletes all but the newest `keep` checkpoints; 0 keeps all. The best one is not among them and stays."""
    for path in list(paths(directory).values())[:-keep] if keep else ():
        _remove(path)


def resolve(path: str, choice: str | None = None) -> Checkpoint:
    """Returns the checkpoint that is meant by what was typed.

    Args:
      path: a file, the same without '.safetensors', or a run directory or its train/.
      choice: which one of a run directory: NEWEST or BEST; None for the best where there is one, else the newest.

    Raises:
      SolferinoError: there is none, and the message lists those there are; or it cannot be read.
    """
    path = os.path.expanduser(path)
    for candidate in (path, path + SUFFIX):
        if os.path.isfile(candidate):
            if choice:
                raise SolferinoError(f'--checkpoint={choice}: {candidate} is one checkpoint. Leave --checkpoint out.')
            return load(candidate)
    for directory in (os.path.join(path, 'train'), path):
        checkpoint = choose(directory, choice)
        if checkpoint:
            return checkpoint
    if os.path.isdir(path):
        raise SolferinoError(
            f'There is no checkpoint in {path}. Name a run directory (it holds run.json and train/) that was trained.'
        )
    folder = os.path.dirname(path) or '.'
    there = [os.path.basename(p) for p in (*paths(folder).values(), *paths(folder, BEST).values())]
    if there:
        raise SolferinoError(f'There is no checkpoint {path}. {folder} has: {", ".join(there)}.')
    runs = _runs_near(folder)
    found = f'Run directories near it: {", ".join(runs)}.' if runs else 'Training makes one, with --run_dir.'
    raise SolferinoError(f'There is no run directory or checkpoint {path}. {found}')


def describe(checkpoint: Checkpoint) -> str:
    """'run/train/best.ckpt-1418 (held-out loss 1.961 at step 1418)'"""
    loss = 'at step' if checkpoint.eval_loss is None else f'held-out loss {checkpoint.eval_loss:.4g} at step'
    return f'{checkpoint.path.removesuffix(SUFFIX)} ({loss} {checkpoint.step})'


def choose(directory: str, choice: str | None = None) -> Checkpoint | None:
    """The best checkpoint of a directory or the newest, as `resolve` says; None if there is none at all."""
    path = None if choice == NEWEST else best(directory)
    if path:
        try:
            return load(path)
        except SolferinoError as error:
            if choice == BEST:
                raise
            _log.warning('%s The newest is used.', error)
    newest = latest(directory)
    if newest and choice == BEST:
        raise SolferinoError(
            f'There is no best checkpoint in {directory}: training keeps one if it has an --eval_file. '
            f'--checkpoint={NEWEST} takes {os.path.basename(newest.path)}.'
        )
    return newest


def _runs_near(folder: str) -> list[str]:
    """Run directories in a folder and in those that it holds, the latest first."""
    found = [file for depth in ('*', '*/*') for file in glob.glob(os.path.join(glob.escape(folder), depth, 'run.json'))]
    found.sort(key=os.path.getmtime, reverse=True)
    return [os.path.normpath(os.path.dirname(file)) for file in found[:_MOST_RUNS]]


def _below(loss: float | None, other: float | None) -> bool:
    return loss is not None and (other is None or loss < other)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        _log.warning('%s cannot be deleted: %s.', path, error.strerror)
