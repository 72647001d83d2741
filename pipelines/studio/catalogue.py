"""The models that the studio offers, by ids under which the page asks for them.

A request names an id and never a path: what is here was named on the command line, or was saved by the studio.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage.files import atomic_write
from solferino.pipelines.studio.messages import Model

Stamp = tuple[int, int]


class _Remembered(msgspec.Struct):
    """What was told of models, as it is kept on disk."""

    code: int
    models: dict[str, tuple[Stamp, Model]]


class References:
    """Training music to hold against what is made.

    Args:
      paths: of files and folders that were named.
      folder: where the studio keeps what it learns from: `<name>/notes.tfrecord`.
    """

    def __init__(self, paths: Iterable[Path], folder: Path):
        self._named = [path.resolve() for path in paths]
        self._folder = folder.resolve()

    def paths(self) -> dict[str, Path]:
        """The music, by id."""
        collected = sorted(path for path in self._folder.glob('*/notes.tfrecord') if path.parent.name[0] != '.')
        return {_id(path): path for path in [*self._named, *collected]}

    def name(self, path: Path) -> str:
        """What music is called: a collection has a name that its maker gave it."""
        try:
            name = json.loads(path.with_name('collection.json').read_bytes())['name']
            return name if path.name == 'notes.tfrecord' and isinstance(name, str) else path.name
        except (OSError, ValueError, LookupError, TypeError):
            return path.name


class Catalogue:
    """Trained models.

    Args:
      paths: of bundles and run directories that were named.
      folder: where the studio saves bundles; all that are in it are offered, too.
      memory: a file that keeps what was told of models, so that many are listed at once; None for none.
    """

    def __init__(self, paths: Iterable[Path], folder: Path, memory: Path | None = None):
        self._named = [path.resolve() for path in paths]
        self._folder, self._memory = folder.resolve(), memory
        self._described: dict[str, tuple[Stamp, Any]] = _remembered(memory) if memory else {}

    def paths(self) -> dict[str, Path]:
        """The files and run directories, by id."""
        saved = sorted(self._folder.glob('*.mag'))
        return {_id(path): path for path in [*self._named, *saved]}

    def path(self, id: str) -> Path:
        """Returns where a model is. Raises SolferinoError if there is none of this id."""
        try:
            return self.paths()[id]
        except KeyError:
            raise SolferinoError('This model is not there any more. Reload the page to see those that are.') from None

    def free(self, name: str) -> Path:
        """Returns where to save a bundle of this name. Raises SolferinoError if there is one."""
        path = self._folder / f'{name}.mag'
        if path.exists():
            raise SolferinoError(f'There is a model {name!r} already. Choose another name.')
        return path

    def known(self, id: str) -> Any:
        """What was last remembered of a model, None if its file has changed since then."""
        found, described = self._described.get(id, (None, None))
        return described if found is not None and found == self._stamp(id) else None

    def remember(self, id: str, described: Any) -> None:
        """Keeps what is told of a model; on disk only what is told of one that loads."""
        self._described[id] = (self._stamp(id), described)
        if self._memory and isinstance(described, Model):
            told = {id: (stamp, model) for id, (stamp, model) in self._described.items() if isinstance(model, Model)}
            with contextlib.suppress(OSError):  # it is only slower without
                atomic_write(str(self._memory), msgspec.json.encode(_Remembered(_code(), told)))

    def _stamp(self, id: str) -> Stamp:
        try:
            return stamp(self.path(id))
        except (OSError, SolferinoError):
            return -1, -1


def stamp(path: Path) -> Stamp:
    """What changes when a bundle is written anew, or a run directory has another checkpoint. Raises OSError."""
    found = path.stat()
    newest = found.st_mtime_ns
    with contextlib.suppress(OSError):
        newest = max(newest, (path / 'train').stat().st_mtime_ns)
    return newest, found.st_size


def _remembered(memory: Path) -> dict[str, tuple[Stamp, Any]]:
    """What is on disk, if this version of Solferino wrote it."""
    try:
        found = msgspec.json.decode(memory.read_bytes(), type=_Remembered)
    except (OSError, msgspec.DecodeError, RecursionError):
        return {}
    return {**found.models} if found.code == _code() else {}


def _code() -> int:
    """Changes with the code that tells of models: their options are fields of dataclasses there."""
    import solferino.hparams

    places = [*solferino.hparams.__path__, os.path.dirname(__file__)]
    return max(one.stat().st_mtime_ns for place in places for one in os.scandir(place) if one.name.endswith('.py'))


def _id(path: Path) -> str:
    return hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:12]
