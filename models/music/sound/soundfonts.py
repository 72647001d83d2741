"""Soundfonts: files of recorded instruments, in the format SoundFont 2 (SoundFont Technical Specification 2.04)."""

import importlib.util
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from solferino.hparams.errors import SolferinoError

DEFAULT = 'TimGM6mb.sf2'  # in the package pretty_midi; GPL-2, so it is used where it is and not copied
_CHUNK = struct.Struct('<4sI')
_SAMPLE_HEADER = 46  # bytes, of which the last two are the sample's type
_VORBIS = 0x10  # the bit of a sample's type that marks SF3's compressed samples
_ELSEWHERE = 'Name an SF2 file: --soundfont=name.sf2, or leave --soundfont out.'


def read(path: str | None = None) -> bytes:
    """Returns the bytes of a soundfont; None is the default.

    Raises:
      SolferinoError: there is no such file, or it is no SF2 soundfont; of SF3 it says what can be done.
    """
    file = Path(os.path.expanduser(path)) if path else default_path()
    named = f'--soundfont={path}' if path else str(file)
    try:
        if not file.is_file():
            what = 'is a folder' if file.is_dir() else 'is not there' if not file.exists() else 'is no file on a disk'
            raise SolferinoError(f'{named} {what}. {_ELSEWHERE}')
        data = file.read_bytes()
    except OSError as error:
        raise SolferinoError(f'{named} cannot be read: {error.strerror}. {_ELSEWHERE}') from None
    require(data, named)
    return data


def default_path() -> Path:
    """Where the default soundfont is. Raises SolferinoError if pretty_midi came without it."""
    package = importlib.util.find_spec('pretty_midi')  # without importing it
    for folder in (package and package.submodule_search_locations) or []:
        if (path := Path(folder, DEFAULT)).is_file():
            return path
    raise SolferinoError(f'The soundfont {DEFAULT}, a part of the package pretty_midi, is not there. {_ELSEWHERE}')


def require(data: bytes, named: str) -> None:
    """Raises SolferinoError if `data` are not those of a whole SF2 soundfont; `named` is how the user knows it."""
    if data[:4] != b'RIFF' or data[8:12] != b'sfbk':
        raise SolferinoError(f'{named} is no soundfont: it does not begin as one. {_ELSEWHERE}')
    try:
        lists = {data[start : start + 4]: (start + 4, end) for name, start, end in _chunks(data, 12, len(data))}
        parts = {name: data[start:end] for name, start, end in _chunks(data, *lists[b'pdta'])}
        headers = parts[b'shdr']
        _ = lists[b'sdta']
    except (KeyError, ValueError):
        raise SolferinoError(f'{named} is damaged, or not all of it is there. {_ELSEWHERE}') from None
    types = (
        struct.unpack_from('<H', headers, at + _SAMPLE_HEADER - 2)[0]
        for at in range(0, len(headers) - _SAMPLE_HEADER + 1, _SAMPLE_HEADER)
    )
    if any(kind & _VORBIS for kind in types):
        raise SolferinoError(
            f'{named} is an SF3 soundfont: its samples are compressed, and the synthesizer would play noise. Convert '
            'it to SF2, with sf3convert or Polyphone, or name another one.'
        )


def _chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, start and end of the chunks in a part of a RIFF file. Raises ValueError if one is cut short."""
    while start + _CHUNK.size <= end:
        name, size = _CHUNK.unpack_from(data, start)
        start += _CHUNK.size
        if start + size > end:
            raise ValueError(f'the chunk {name!r} ends beyond what holds it')
        yield name, start, start + size
        start += size + size % 2
