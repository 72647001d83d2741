"""Records of TFRecord files at random access: where each one is stands in memory, not what is in it."""

import array
import bisect
import contextlib
import os
import resource
from collections.abc import Iterator

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.models.core.storage.records import Span

_OTHER_FILES = 1024  # of Python, TensorFlow and TensorBoard


class RecordIndex:
    """Records of several files, by number; it takes 16 bytes of memory a record.

    `scan` enters the records of a file; after `open`, `index[number]` reads one, from several threads if need be. The
    files stay open from then on: one that is written anew, which is another file under the same name, changes nothing.
    """

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._firsts: list[int] = []  # number of the first record of each file
        self._scanned: list[tuple[int, ...]] = []  # which file each was
        self._offsets = array.array('q')
        self._lengths = array.array('q')
        self._opened = contextlib.ExitStack()
        self._descriptors: list[int] = []

    def __del__(self) -> None:
        self._opened.close()

    def __len__(self) -> int:
        return len(self._offsets)

    def scan(self, path: str) -> Iterator[bytes]:
        """Yields the data of each record of a file and enters it. Raises SolferinoError as `records.read` does."""
        self._paths.append(path)
        self._scanned.append(_which(os.stat(path)))
        self._firsts.append(len(self))
        offset = 0
        for data in records.read(path):
            span = Span(offset, len(data))
            self._offsets.append(span.offset)
            self._lengths.append(span.length)
            offset = span.end
            yield data

    def open(self) -> None:
        """Opens the files that were scanned.

        Raises:
          OSError: such as for more files than a process may have open.
          SolferinoError: a file is not the one that was scanned.
        """
        _allow(len(self._paths))
        for path, scanned in zip(self._paths, self._scanned, strict=True):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._opened.callback(os.close, descriptor)
            self._descriptors.append(descriptor)
            if _which(os.fstat(descriptor)) != scanned:
                raise SolferinoError(f'{path} was written anew while its examples were counted. Start again.')

    def __getitem__(self, number: int) -> bytes:
        """Returns the data of a record. Raises SolferinoError if the file was changed in place since it was scanned."""
        file = bisect.bisect_right(self._firsts, number) - 1
        span = Span(self._offsets[number], self._lengths[number])
        data = records.unframe(os.pread(self._descriptors[file], span.end - span.offset, span.offset))
        if data is None:
            raise SolferinoError(
                f'{self._paths[file]} has changed since its examples were counted: record '
                f'{number - self._firsts[file]} is not where it was. Give the same command again.'
            )
        return data


def _which(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _allow(files: int) -> None:
    """Lets this process have so many files open beside those that it has, where the system may grant it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted and (hard == resource.RLIM_INFINITY or soft < hard):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
