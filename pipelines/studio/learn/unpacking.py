"""Takes the music out of zip files: in a process of its own, which may be lied to by what it reads.

    python -m solferino.pipelines.studio.learn.unpacking ZIPS MUSIC REPORT

Only files that may be music are taken, under the names that they have, below MUSIC and nowhere else. How large a file
is gets counted and not believed.
"""

import dataclasses
import json
import os
import shutil
import stat
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO, NoReturn

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage.files import atomic_write
from solferino.pipelines import parsing

LINK = 'a link'
OUTSIDE = 'a name that leads out of the folder'
ENCRYPTED = 'needs a password'
DAMAGED = 'damaged in the zip'
TWICE = 'a name that is there already'
NO_ZIP = 'no zip file, or only a part of one'
# What to do about each.
REMEDIES = {
    LINK: 'drop the file that it leads to',
    OUTSIDE: 'pack the files again, with names inside the zip',
    ENCRYPTED: 'pack the files without a password',
    DAMAGED: 'pack the files again',
    TWICE: 'rename one of them',
    NO_ZIP: 'make it again, or drop the folder itself',
}
_BLOCK = 1 << 16
_DEPTH, _LONGEST = 16, 255  # folders in each other; bytes of one name
_REPORTED = 1000  # files that are left out


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a collection may hold.

    Attributes:
      ratio: bytes that come out of one byte of a zip, for files above `ratio_from` bytes.
    """

    files: int = 20_000
    megabytes: int = 2048
    file_megabytes: int = 64
    ratio: int = 200
    ratio_from: int = 1 << 20


class _TooLarge(Exception):
    """A file is larger than it may be."""


def safe_name(name: str) -> Path | None:
    """Returns a name inside a folder as a relative path; None if it leads elsewhere, or is no name.

    >>> safe_name('drums/beat.mid'), safe_name('../beat.mid'), safe_name('/beat.mid')
    (PosixPath('drums/beat.mid'), None, None)
    """
    parts = name.replace('\\', '/').split('/')
    if len(parts) > _DEPTH or any(not _is_plain(part) for part in parts):
        return None
    return Path(*parts)


def _is_plain(part: str) -> bool:
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= _LONGEST and part not in ('.', '..') and part.isprintable() and ':' not in part[:2]


def may_be_music(name: str | Path) -> bool:
    """Whether a file of this name is read."""
    return parsing.ending(os.fsencode(name)) in parsing.KINDS


def unpack(zips: list[Path], folder: Path, limits: Limits) -> dict[str, str]:
    """Writes the music of zip files into a folder. Returns the names that were left out, with the reason.

    Raises:
      SolferinoError: more is in them than may be; what was written until then stays.
    """
    left_out: dict[str, str] = {}
    found = [path for path in folder.rglob('*') if path.is_file()]
    count, size = len(found), sum(path.stat().st_size for path in found)
    for path in zips:
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
            left_out[path.name] = NO_ZIP
            continue
        with archive:
            for member in archive.infolist():
                if member.is_dir() or _is_of_a_system(member.filename):
                    continue
                reason = _refusal(member, folder)
                if not reason:
                    if count >= limits.files:
                        raise SolferinoError(f'There are more than {limits.files:,} files of music. Drop fewer.')
                    count += 1  # also one that fails, as it leaves folders
                    try:
                        size += _extract(archive, member, folder, limits, (limits.megabytes << 20) - size)
                    except (_BadMember, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
                        reason = DAMAGED
                    except _TooLarge:
                        reason = parsing.TOO_LARGE
                if reason and len(left_out) < _REPORTED:
                    left_out[member.filename[:200]] = reason
    return left_out


class _BadMember(Exception):
    """What comes out of it is not what it says."""


def _is_of_a_system(name: str) -> bool:
    """Whether it is a note that macOS makes for itself."""
    return name.startswith('__MACOSX/') or name.rpartition('/')[2].startswith('._')


def _refusal(member: zipfile.ZipInfo, folder: Path) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return LINK
    name = safe_name(member.filename)
    if name is None:
        return OUTSIDE
    if not may_be_music(name):
        return 'unknown kind of file'
    if member.flag_bits & 1:
        return ENCRYPTED
    if (folder / name).exists():
        return TWICE
    return ''


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, limits: Limits, left: int) -> int:
    """Writes one file, and returns how large it is."""
    name = safe_name(member.filename)
    assert name is not None
    target = folder / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):  # a file has the name of this one's folder
        raise _BadMember from None
    most = min(limits.file_megabytes << 20, max(limits.ratio_from, limits.ratio * member.compress_size))
    try:
        with archive.open(member) as source, open(target, 'xb') as file:
            size = _copy(source, file, most, left)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return size


def _copy(source: IO[bytes], file: IO[bytes], most: int, left: int) -> int:
    size = 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > left:
            raise SolferinoError('There is more music than a collection may hold. Drop a part of it.')
        if size > most:
            raise _TooLarge
        file.write(block)
    return size


def main() -> None:
    """Unpacks, and writes what was left out as JSON; each zip is removed when all are done."""
    zips, music, report = (Path(argument) for argument in sys.argv[1:])
    try:
        left_out = unpack(sorted(path for path in zips.rglob('*') if path.is_file()), music, Limits())
        before = json.loads(report.read_text('utf-8')) if report.is_file() else {}
        atomic_write(str(report), json.dumps(before | left_out))
    except SolferinoError as error:
        _fail(str(error))
    except OSError as error:
        _fail(system_errors.sentence(error) or str(error))
    finally:
        shutil.rmtree(zips)


def _fail(message: str) -> NoReturn:
    print(f'error: {message}', file=sys.stderr)
    sys.exit(1)


if __name__ == '__main__':
    main()
