"""The staging folder of outputs that are not on this machine."""

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from typing import Self

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files
from solferino.pipelines.engine import filesystems
from solferino.pipelines.engine.staging import Staging

_MARK = 'started'  # a file that is in the folder as long as its outputs are wanted
_HEAD_BYTES = 4 << 20  # of a file in the way, to see what it is


def at(output: str) -> 'Staging | RemoteStaging':
    """Returns the staging folder for an output, wherever it is."""
    return RemoteStaging(output) if filesystems.is_remote(output) else Staging(output)


def require_wanted(folder: str) -> None:
    """Raises SolferinoError in a worker of an engine that goes on, though the command whose folder it is has ended."""
    if filesystems.is_remote(folder) and filesystems.size(f'{folder}/{_MARK}') is None:
        raise SolferinoError(
            f'The command that this work was for has ended, or a worker does not see what it sees: {folder}/{_MARK}.'
        )


@contextlib.contextmanager
def create(folder: str, path: str) -> Iterator[filesystems.Output]:
    """As `filesystems.create`, in a worker, for a file in a folder; deletes it again where `require_wanted` raises."""
    with filesystems.create(path) as file:
        yield file
    try:
        require_wanted(folder)  # now: a command that ends takes away the mark, and then what is there
    except SolferinoError:
        filesystems.delete([path])
        raise


class RemoteStaging:
    """As `Staging`, but for what Beam's filesystems reach.

    Where there is no renaming, as in S3, files are copied by the server and then deleted. Nobody can tell whether the
    run that prepares a file there is alive: what a killed run leaves, in a folder beside the output, stays.

    Attributes:
      folder: the temporary folder, `.<name>.<random>.tmp` beside the output.
    """

    def __init__(self, output: str):
        parent, name = output.rsplit('/', 1)
        self.folder = f'{parent}/.{name}.{uuid.uuid4().hex[:8]}.tmp'
        self._temporary: dict[str, str] = {}  # final path -> temporary path
        self._seen: set[str] = set()  # the kinds of which an older output was looked at

    def __enter__(self) -> Self:
        with filesystems.create(self.path(_MARK)):  # raises now what would be raised when all the work is done
            pass
        return self

    def __exit__(self, *_: object) -> None:
        filesystems.delete([self.path(_MARK)])
        filesystems.clear(self.folder)

    def path(self, name: str) -> str:
        """Returns a path in the temporary folder for a file that is no output."""
        return f'{self.folder}/{name}'

    def output(self, path: str, kind: files.Kind | None = None) -> str:
        """Returns where to write the file that will be `path`.

        Raises SolferinoError with a `kind` if a file in the way is of another; of several of a kind the first is seen.
        """
        if kind and kind.name not in self._seen:
            self._seen.add(kind.name)
            filesystems.require_no_folder(path)
            self._require_replaceable(path, kind)
        return self._temporary.setdefault(path, self.path(f'output-{len(self._temporary)}'))

    def adopt(self, path: str, temporary: str) -> None:
        """Makes a file that a worker wrote to the temporary folder the output `path`."""
        self._temporary[path] = temporary

    def _require_replaceable(self, path: str, kind: files.Kind) -> None:
        if not filesystems.size(path):
            return
        with filesystems.open(path) as file, tempfile.TemporaryDirectory() as folder:
            head = os.path.join(folder, 'head')
            try:
                start = file.read(_HEAD_BYTES)
            except filesystems.Refused as error:
                raise SolferinoError(
                    f'{path} is there and cannot be read: {error.said}. Name another file to write.'
                ) from error
            with open(head, 'wb') as copy:
                copy.write(start)
            if not kind.fits(head):
                raise SolferinoError(files.in_the_way(path, kind))

    def commit(self) -> None:
        """Renames all outputs to their final names, as `Staging.commit` does, many at a time."""
        first, *others = self._temporary.items()
        if others:
            filesystems.delete([first[0]])
        filesystems.rename((temporary, path) for path, temporary in others)
        filesystems.rename([(first[1], first[0])])
