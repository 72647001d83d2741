"""The folder in which a run prepares its outputs, until all of them are renamed at the end."""

import contextlib
import os
from typing import Self

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files, temporaries


class Staging:
    """A temporary folder beside the output of a run; a context manager.

        with Staging('out/music.tfrecord') as staging:
            ... write to staging.output('out/music.tfrecord') and to staging.output('out/manifest.json') ...
            staging.commit()

    Without `commit` no output changes. A killed run leaves the old outputs or none, and its temporary folder, which the
    next run for the same output deletes.

    Attributes:
      folder: the temporary folder; workers may write files of their own to it.
    """

    folder: str

    def __init__(self, output: str):
        self._output = os.path.abspath(output)
        self._temporary: dict[str, str] = {}  # final path -> temporary path

    def __enter__(self) -> Self:
        parent, name = os.path.split(self._output)
        self._stack = contextlib.ExitStack()
        try:
            self._made = _make_folder(parent)
            self.folder = self._stack.enter_context(temporaries.folder(parent, name))
        except OSError as error:
            raise SolferinoError(f'{parent} cannot be written to: {error.strerror}. Name another output.') from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for folder in self._made:
            with contextlib.suppress(OSError):  # not empty: it stays, and its parents
                os.rmdir(folder)

    def path(self, name: str) -> str:
        """Returns a path in the temporary folder for a file that is no output."""
        return os.path.join(self.folder, name)

    def output(self, path: str, kind: files.Kind | None = None) -> str:
        """Returns where to write the file that will be `path`.

        Raises SolferinoError for a folder or a device, and with a `kind` as `files.require_replaceable` does.
        """
        path = os.path.abspath(path)
        if not files.may_be_replaced(path):
            raise SolferinoError(
                f'{path} is {"a folder" if os.path.isdir(path) else "a device"}. Name a file to write.'
            )
        if kind:
            files.require_replaceable(path, kind)
        return self._temporary.setdefault(path, self.path(f'output-{len(self._temporary)}'))

    def adopt(self, path: str, temporary: str) -> None:
        """Makes a file that a worker wrote to the temporary folder the output `path`."""
        self._temporary[os.path.abspath(path)] = temporary

    def commit(self) -> None:
        """Renames all outputs to their final names.

        A single file is replaced atomically. Of several, the first one is deleted first and renamed last, so that it is
        never beside outputs of another run. Runs for the same outputs wait for each other here, so that all are the
        last one's.
        """
        finals = list(self._temporary)
        try:
            with temporaries.one_at_a_time(os.path.dirname(self._output)):
                for path in finals:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                if len(finals) > 1:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(finals[0])
                for path in reversed(finals):
                    os.replace(self._temporary[path], path)
        except OSError as error:
            raise SolferinoError(f'{error.filename2 or error.filename} cannot be written: {error.strerror}.') from error


def _make_folder(folder: str) -> list[str]:
    """Makes a folder and its parents; returns the new ones, innermost first."""
    new = []
    while not os.path.exists(folder):
        new.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(new):
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
    return new
