"""Finds music files below a folder, on this machine or where Beam's filesystems are."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping

from solferino.models.core.storage import records
from solferino.pipelines import parsing, reading
from solferino.pipelines.engine import filesystems
from solferino.pipelines.engine.remote_staging import RemoteStaging
from solferino.pipelines.engine.staging import Staging

# Why a file is not even opened.
UNKNOWN_KIND = 'unknown kind of file'
NOT_SEARCHED = 'subfolder not searched'
LOOP = 'link to a folder around it'
MANIFEST = 'manifest of converted music'

REMEDIES = {
    UNKNOWN_KIND: (
        f'files that are read end in {" ".join(parsing.KINDS)}, and with --audio in {" ".join(parsing.AUDIO_KINDS)}'
    ),
    NOT_SEARCHED: '--recursive searches subfolders too',
    LOOP: 'its files are converted where they are',
    MANIFEST: 'it says how NoteSequences were made, and there is no music in it',
}

MANIFEST_ENDING = '.manifest.json'

BLOCK_FILES = 32  # read by one worker at once, so few that all workers have some
_BLOCK_BYTES = 16 << 20


def find(
    root: str, recursive: bool, ignore: str = '', kinds: Mapping[str, str] = parsing.KINDS
) -> Iterator[tuple[bytes, str]]:
    """Yields the path of each file below `root`, relative to it, and why it is not opened, or ''.

    Paths are bytes, as file names are. Links are followed. `ignore` is the name of a folder to skip, `kinds` are the
    endings of files to open.
    """
    top = os.stat(root)
    pending = [(b'', frozenset([(top.st_dev, top.st_ino)]))]
    while pending:
        folder, around = pending.pop()
        try:
            entries = os.scandir(os.path.join(os.fsencode(root), folder))
        except OSError:
            yield os.path.join(folder, b''), parsing.CANNOT_BE_READ
            continue
        with entries:
            for entry in entries:
                name = os.path.join(folder, entry.name)
                identity = _folder_identity(entry)
                if identity is None:
                    yield name, _refusal(name, kinds)
                elif entry.name == os.fsencode(ignore):
                    continue
                elif not recursive:
                    yield name, NOT_SEARCHED
                elif identity in around:
                    yield name, LOOP
                else:
                    pending.append((name, around | {identity}))


def _refusal(name: bytes, kinds: Mapping[str, str]) -> str:
    """Why a file is not opened, or ''."""
    if parsing.ending(name) not in kinds:
        return UNKNOWN_KIND
    return MANIFEST if name.endswith(MANIFEST_ENDING.encode()) else ''


def _folder_identity(entry: os.DirEntry[bytes]) -> tuple[int, int] | None:
    """Returns the device and inode of a folder, the same for all its names; None for other files."""
    with contextlib.suppress(OSError):  # a link that leads nowhere, or to itself
        if entry.is_dir():
            status = entry.stat()
            return status.st_dev, status.st_ino
    return None


def find_remote(
    root: str, recursive: bool, kinds: Mapping[str, str] = parsing.KINDS
) -> Iterator[tuple[bytes, str, int]]:
    """As `find`, below a remote folder, and with each file's size in bytes. Folders are what slashes in names make."""
    skipped = set()
    for found in filesystems.below(root):
        name = found.path[len(root) + 1 :].encode()
        folder, slash, _ = name.partition(b'/')
        if slash and not recursive:
            if folder not in skipped:
                skipped.add(folder)
                yield folder, NOT_SEARCHED, 0
        else:
            yield name, _refusal(name, kinds), found.size


def line(name: bytes, reason: str, size: int = 0) -> bytes:
    """A file as a record of a listing, for `parse`."""
    return b'%b\0%b\0%d' % (name, reason.encode(), size)


def parse(record: bytes) -> tuple[bytes, str, int]:
    """The file of a record: its name, why it is not opened, and, if it is remote, its size."""
    name, reason, size = record.split(b'\0')
    return name, reason.decode(), int(size)


class Folder:
    """The files below a folder, see `task.Source`.

    `ignore` is the name of a folder to skip, `written` are the paths of outputs, which older ones may be at.
    """

    def __init__(self, root: str, recursive: bool, ignore: str, kinds: Mapping[str, str], written: Iterable[str] = ()):
        self._root, self._recursive, self._ignore, self._kinds = root, recursive, ignore, dict(kinds)
        self._written = {os.fsencode(path[len(root) + 1 :]) for path in written if path.startswith(f'{root}/')}
        self.is_remote = filesystems.is_remote(root)

    def local(self, staging: Staging | RemoteStaging) -> reading.Source:
        """See task.Source."""
        listed = staging.path('files.tfrecord')
        with records.Writer(listed) as writer:
            for found in self._find():
                writer.write(line(*found))
        return reading.Source(listed)

    def begin(self) -> Iterator[list[bytes]]:
        """Yields blocks of records of the listing."""
        block: list[bytes] = []
        held = 0
        for name, reason, size in self._find():
            if block and (len(block) == BLOCK_FILES or held + size > _BLOCK_BYTES):
                yield block
                block, held = [], 0
            block.append(line(name, reason, size))
            held += size
        if block:
            yield block

    def _find(self) -> Iterator[tuple[bytes, str, int]]:
        if self.is_remote:
            found = find_remote(self._root, self._recursive, self._kinds)
        else:
            filesystems.require_seen(self._root)
            here = find(self._root, self._recursive, self._ignore, self._kinds)
            found = ((name, reason, 0) for name, reason in here)
        return (one for one in found if one[0] not in self._written)

    def split(self, part: list[bytes]) -> list[list[bytes]]:
        """A block is one unit of work."""
        return [part]

    def read(self, unit: list[bytes]) -> Iterator[bytes]:
        """Yields the records of a block."""
        return iter(unit)
