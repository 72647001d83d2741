"""Files that appear whole or not at all, and that replace nothing but older outputs."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, NamedTuple

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import temporaries


class Kind(NamedTuple):
    """A kind of file: its name, with the article, and whether a path is such a file."""

    name: str
    fits: Callable[[str], bool]


def beginning_with(name: str, start: bytes) -> Kind:
    """The kind of file whose first bytes are `start`."""
    return Kind(name, lambda path: head(path, len(start)) == start)


def json_about(name: str, key: str) -> Kind:
    """The kind of JSON file whose object has `key` among its first keys."""

    def fits(path: str) -> bool:
        start = head(path, _HEAD).lstrip()
        return start.startswith(b'{') and f'"{key}":'.encode() in start

    return Kind(name, fits)


def head(path: str, size: int) -> bytes:
    """Returns the first bytes of a file, at most `size`."""
    with open(path, 'rb') as file:
        return file.read(size)


def _is_wave(start: bytes) -> bool:
    return start[:4] == b'RIFF' and start[8:] == b'WAVE'  # a soundfont is a RIFF file, too


def _is_mp3(start: bytes) -> bool:
    """With tags, or at once with a frame of layer III: eleven bits, version, layer. UTF-16 texts begin with 0xfffe."""
    return start == b'ID3' or (len(start) > 1 and start[0] == 0xFF and start[1] & 0xE6 == 0xE2)


_HEAD = 4096
PNG = beginning_with('a PNG picture', b'\x89PNG\r\n\x1a\n')
MIDI = beginning_with('a MIDI file', b'MThd')
HTML = beginning_with('an HTML page', b'<!DOCTYPE html>')
# What music is rendered as, by the ending of the file's name.
RENDERED = {
    'wav': Kind('a WAV file', lambda path: _is_wave(head(path, 12))),
    'mp3': Kind('an MP3 file', lambda path: _is_mp3(head(path, 3))),
    'flac': beginning_with('a FLAC file', b'fLaC'),
    'ogg': beginning_with('an Ogg file', b'OggS'),
    'png': PNG,
    'svg': Kind('an SVG picture', lambda path: b'<svg' in head(path, _HEAD)),
    'pdf': beginning_with('a PDF file', b'%PDF'),
    'musicxml': Kind('a MusicXML score', lambda path: b'<score-partwise' in head(path, _HEAD)),
    'score.svg': Kind('an SVG picture', lambda path: b'<svg' in head(path, _HEAD)),
}


@contextlib.contextmanager
def atomic_open(path: str, mode: str = 'w', buffering: int = -1, kind: Kind | None = None) -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` for writing; it is renamed to `path` when the block ends without an error.

    After an error, Ctrl-C included, the temporary file is deleted; after a kill, the next call for `path` deletes it.
    In both cases `path` is what it was. A missing folder is made. Text is UTF-8; bytes of names that are not UTF-8 are
    escaped.
    `buffering` is that of `open`. Raises OSError that names `path` if it cannot be written, or is no ordinary file,
    such as /dev/null; with a `kind` SolferinoError as `require_replaceable` does.
    """
    if not may_be_replaced(path):
        raise OSError(errno.EEXIST, 'this is not an ordinary file', path)
    if kind:
        require_replaceable(path, kind)
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    with named(path):
        handle, temporary = temporaries.create(folder, name)
    try:
        text: dict[str, Any] = {} if 'b' in mode else {'encoding': 'utf-8', 'errors': 'backslashreplace'}
        # The handle stays open until the file is renamed: it marks the file as in use.
        with named(path, temporary), open(handle, mode, buffering, closefd=False, **text) as file:
            yield file
        with named(path):
            os.chmod(temporary, 0o666 & ~_umask())  # temporary files are private
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the file or the disk is gone
            os.unlink(temporary)
        raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def named(path: str, temporary: str = '') -> Iterator[None]:
    """Names `path` in an OSError; with `temporary` only if the error names no file, or this one."""
    try:
        yield
    except OSError as error:
        if error.errno is None or (temporary and error.filename not in (None, temporary)):
            raise
        raise OSError(error.errno, error.strerror, path) from error


def atomic_write(path: str, content: str | bytes, kind: Kind | None = None) -> None:
    """Makes `content` (text as UTF-8) the file `path`, whole or not at all. Raises as `atomic_open`."""
    with atomic_open(path, 'w' if isinstance(content, str) else 'wb', kind=kind) as file:
        file.write(content)


def may_be_replaced(path: str) -> bool:
    """Whether a new file may be renamed to `path`: it is free, an ordinary file, or a link to one."""
    return os.path.isfile(path) or not os.path.exists(path)


def require_regular(path: str) -> None:
    """Raises SolferinoError for a pipe or a device, which may have no end, and OSError if nothing is there."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        what = 'a folder' if stat.S_ISDIR(mode) else 'a pipe' if stat.S_ISFIFO(mode) else 'a socket or a device'
        raise SolferinoError(f'{path} is {what}, not a regular file. Name a file on a disk.')


def require_replaceable(path: str, kind: Kind) -> None:
    """Raises SolferinoError if the file `path` is not of `kind`: its name was a mistake, and it must not be lost.

    A file of that kind, or an empty one, may be an older output.
    """
    if not os.path.isfile(path):
        return
    try:
        fits = not os.path.getsize(path) or kind.fits(path)
    except OSError as error:
        raise SolferinoError(
            f'{path} is there and cannot be read: {error.strerror}. Name another file to write.'
        ) from error
    if not fits:
        raise SolferinoError(in_the_way(path, kind))


def in_the_way(path: str, kind: Kind) -> str:
    """The message for a file that is not of `kind` where one is to be written."""
    return (
        f'{path} is there already and is not {kind.name}, so it is not written over. Name another file to write, '
        'or remove that one.'
    )


def require_apart(outputs: Iterable[str], inputs: Iterable[str | bytes] | frozenset[tuple[int, int]]) -> None:
    """Raises SolferinoError if one of the `outputs` is one of the `inputs`, by whatever name or link.

    For many calls with the same inputs these are given as their `identities`.
    """
    there = {identity: path for path in outputs if (identity := _identity(path))}
    if not there:
        return
    for identity in inputs if isinstance(inputs, frozenset) else identities(inputs):
        if identity in there:
            raise SolferinoError(
                f'{there[identity]} is read here, and writing it would destroy it. Name another file to write.'
            )


def identities(paths: Iterable[str | bytes]) -> frozenset[tuple[int, int]]:
    """What files are, whatever their names and links; those that are not there are left out."""
    return frozenset(filter(None, map(_identity, paths)))


def _identity(path: str | bytes) -> tuple[int, int] | None:
    """The device and inode of a file, the same for all its names; None if there is none."""
    with contextlib.suppress(OSError):  # a link that leads nowhere
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
