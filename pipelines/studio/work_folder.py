"""The folder in which the studio keeps all that is made: one studio at a time, and not more than it may hold."""

import contextlib
import fcntl
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from solferino.hparams.errors import SolferinoError

_LEAST_FREE = 256 << 20  # bytes that are left to the rest of the machine
_COUNTED_FOR = 10.0  # seconds


class Full(SolferinoError):
    """There is no room for more."""


class WorkFolder:
    """A folder of a running studio.

    Args:
      path: made if it is missing, for this user alone.
      most: bytes that it may hold.

    Raises:
      SolferinoError: another studio works there, or any user of this machine may write there.
      OSError: it cannot be written to.
    """

    def __init__(self, path: Path, most: int):
        self.path, self._most = path.resolve(), most
        self._counted, self._taken = -_COUNTED_FOR, 0
        self.path.mkdir(0o700, parents=True, exist_ok=True)
        if self.path.stat().st_mode & stat.S_IWOTH:  # their links would lead what is written elsewhere
            raise SolferinoError(
                f'All users of this machine may write to {path}. Name another folder: --work_dir=name. '
                'It is made if it is missing.'
            )
        self._lock = _lock(self.path)
        # What was left there by one that was killed.
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(0o700)

    @property
    def _scratch(self) -> Path:
        return self.path / 'temporary'

    def scratch(self, name: str) -> Path:
        """Returns where something may lie that nobody needs after the next start."""
        return self._scratch / name

    def require_room(self) -> None:
        """Raises Full if nothing more may be made: for each request that makes something."""
        now = time.monotonic()
        if now - self._counted >= _COUNTED_FOR:
            self._taken, self._counted = _size(self.path), now
        self._require_left()

    def _require_left(self) -> None:
        if self._taken >= self._most:
            raise Full(
                f'The studio holds {self._taken / 1e9:.1f} GB, and may hold {self._most / 1e9:.1f}. '
                'Discard pieces, runs or models that you do not need.'
            )
        if shutil.disk_usage(self.path).free < _LEAST_FREE:
            raise Full('The disk is nearly full. Discard pieces, runs or models that you do not need.')

    async def arriving(self, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yields parts of a file that are to be written here. Raises Full where there is no room for the next one.

        Of files that arrive side by side each would have room.
        """
        async for part in parts:
            self._taken += len(part)
            self._require_left()
            yield part

    def recount(self) -> None:
        """Looks again the next time: something was discarded."""
        self._counted = -_COUNTED_FOR

    def close(self) -> None:
        """Lets another studio work there."""
        self._lock.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def _lock(path: Path) -> IO[str]:
    file = open(path / '.studio', 'w')  # noqa: SIM115  # open, and so locked, as long as the studio runs
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SolferinoError(
            f'Another studio works in {path}. Use its page, end it, or name another folder: --work_dir=name.'
        ) from None
    return file


def _size(path: Path) -> int:
    """Bytes of all files in a folder."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):  # gone meanwhile
                total += os.lstat(os.path.join(folder, name)).st_size
    return total
