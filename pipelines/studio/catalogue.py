"""The models that the studio offers, by ids under which the page asks for them.

A request names an id and never a path: what is here was named on the command line, or was saved by the studio.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from solferino.hparams.errors import SolferinoError


class Catalogue:
    """Trained models.

    Args:
      paths: of bundles and run directories that were named.
      folder: where the studio saves bundles; all that are in it are offered, too.
    """

    def __init__(self, paths: Iterable[Path], folder: Path):
        self._named = [path.resolve() for path in paths]
        self._folder = folder.resolve()
        self._described: dict[str, tuple[int, Any]] = {}

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
        time, described = self._described.get(id, (0, None))
        return described if time == self._time(id) else None

    def remember(self, id: str, described: Any) -> None:
        """Keeps what is told of a model."""
        self._described[id] = (self._time(id), described)

    def _time(self, id: str) -> int:
        try:
            return self.path(id).stat().st_mtime_ns
        except OSError:
            return -1


def _id(path: Path) -> str:
    return hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:12]
