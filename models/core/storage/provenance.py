"""What a file says of how it was made: version, command, seed, and digests of what was read and of what was written.

The description of an output (a manifest, the JSON of a dataset, run.json, the header of a bundle) has

    "made_by": {"version": "0.1.0", "command": "drums_rnn_create_dataset --config=drum_kit", "seed": 0}
    "inputs": [{"file": "../notes.tfrecord", "sha256": "..."}]
    "outputs": [{"file": "training_drum_tracks.tfrecord", "sha256": "..."}]

Names are relative to the folder of the description. There is no time in it and no absolute path: the same command on
the same files gives the same bytes, wherever. `solferino_inspect --verify` reads it again.
"""

import contextlib
import contextvars
import errno
import hashlib
import importlib.metadata
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypedDict

from solferino.models.core.storage import schemas

MADE_BY, INPUTS, OUTPUTS = 'made_by', 'inputs', 'outputs'
_command: contextvars.ContextVar[str] = contextvars.ContextVar('command', default='')


class File(TypedDict):
    """A file and the SHA-256 of its bytes, in hexadecimal."""

    file: str
    sha256: str


class Maker(TypedDict, total=False):
    """Who made it."""

    version: str | None
    command: str
    seed: schemas.Seed | None


class Provenance(TypedDict, total=False):
    """What descriptions have of it."""

    made_by: Maker
    inputs: list[File]
    outputs: list[File]


@contextlib.contextmanager
def within(command: str) -> Iterator[None]:
    """Within the block, `command` is what makes files."""
    token = _command.set(command)
    try:
        yield
    finally:
        _command.reset(token)


def of(
    description: str,
    inputs: Iterable[str] = (),
    outputs: Mapping[str, str] | None = None,
    seed: int | None = None,
    is_shared: bool = False,
) -> dict[str, Any]:
    """Returns what the file `description` is to say; a part of its JSON.

    Args:
      inputs: files that were read.
      outputs: files that were written, and where each of them is now, if it has not got its name yet.
      seed: of all that was random.
      is_shared: whether the file is made to be given away: then it tells names of files, without their folders.

    Raises:
      OSError: a file cannot be read.
    """
    folder = os.path.dirname(os.path.abspath(description))

    def name(path: str) -> str:
        return os.path.basename(path) if is_shared else os.path.relpath(os.path.abspath(path), folder)

    found: dict[str, Any] = {MADE_BY: maker(seed), INPUTS: [entry(name(path), path) for path in inputs]}
    if outputs is not None:
        found[OUTPUTS] = [entry(name(path), now) for path, now in outputs.items()]
    return found


def maker(seed: int | None = None) -> Maker:
    """This version, the command that is running, if one is, and the seed, if there is one."""
    found: Maker = {'version': _version()}
    if _command.get():
        found['command'] = _command.get()
    return found if seed is None else {**found, 'seed': seed}


def entry(name: str, path: str | bytes) -> File:
    """A file under the name that it is to have. Raises OSError if it cannot be read, or is no regular file."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe or a device may have no end
        raise OSError(errno.EINVAL, 'not a regular file', path)
    with open(path, 'rb') as file:
        return {'file': name, 'sha256': hashlib.file_digest(file, 'sha256').hexdigest()}


def _version() -> str | None:
    try:
        return importlib.metadata.version('solferino')
    except importlib.metadata.PackageNotFoundError:  # a checkout that is not installed
        return None
