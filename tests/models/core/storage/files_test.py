"""What may be written over, and what may not."""

import os
from pathlib import Path

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files

_PICTURE = b'\x89PNG\r\n\x1a\nand so on'


@pytest.mark.parametrize('before', [None, b'', _PICTURE])
def test_nothing_an_empty_file_and_one_of_the_kind_give_way(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / 'x.png'
    if before is not None:
        path.write_bytes(before)
    files.atomic_write(str(path), b'new', files.PNG)
    assert path.read_bytes() == b'new'


@pytest.mark.parametrize('before', [b'{"family": "rbm"}', _PICTURE[:7], b'\0'])
def test_another_kind_stays(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / 'x.png'
    path.write_bytes(before)
    with pytest.raises(SolferinoError, match=r'x\.png is there already and is not a PNG picture, so .* Name another'):
        files.atomic_write(str(path), b'new', files.PNG)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [('x.png', before)]


@pytest.mark.parametrize('link', [None, os.link, os.symlink])
def test_an_input_stays_by_whatever_name(tmp_path: Path, link: object) -> None:
    source = tmp_path / 'in.png'
    source.write_bytes(_PICTURE)
    path = source
    if callable(link):
        path = tmp_path / 'out.png'
        link(source, path)
    others = [str(tmp_path / 'none'), os.fsencode(source)]
    with pytest.raises(SolferinoError, match=rf'{path} is read here'):
        files.require_apart([str(tmp_path / 'new'), str(path)], others)
    files.require_apart([str(path)], others[:1])


def test_json_is_told_by_a_key(tmp_path: Path) -> None:
    kind, path = files.json_about('a manifest', 'input_dir'), str(tmp_path / 'x.json')
    for text, fits in (('{"input_dir": 1}', True), ('{"input": 1}', False), ('["input_dir": 1]', False), ('x', False)):
        Path(path).write_text(text)
        assert kind.fits(path) == fits, text


@pytest.mark.parametrize(
    ('format', 'start', 'fits'),
    [
        ('wav', b'RIFF\x24\0\0\0WAVEfmt ', True),
        ('wav', b'RIFF\x24\0\0\0sfbkLIST', False),  # a soundfont
        ('wav', b'RIFF', False),
        ('mp3', b'ID3\x04', True),
        ('mp3', b'\xff\xfb\x90', True),
        ('mp3', b'\xff\xfeY\0e\0', False),  # text in UTF-16
        ('mp3', b'\xff', False),
    ],
)
def test_what_is_no_sound_is_not_taken_for_one(format: str, start: bytes, fits: bool, tmp_path: Path) -> None:
    (tmp_path / 'x').write_bytes(start)
    assert files.RENDERED[format].fits(str(tmp_path / 'x')) is fits
