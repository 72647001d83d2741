"""Soundfonts, and what is none."""

from pathlib import Path

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models.music.sound import soundfonts


def test_the_default_is_the_one_of_pretty_midi() -> None:
    assert soundfonts.default_path().name == soundfonts.DEFAULT
    assert soundfonts.read()[8:12] == b'sfbk'


def test_another_is_read(soundfont: bytes, tmp_path: Path) -> None:
    (tmp_path / 'my.sf2').write_bytes(soundfont)
    assert soundfonts.read(str(tmp_path / 'my.sf2')) == soundfont


@pytest.mark.parametrize(
    'content, message',
    [
        (None, 'is not there'),
        (b'', 'is no soundfont'),
        (b'RIFF\0\0\0\0WAVE', 'is no soundfont'),
        (lambda make: make()[:-30], 'is damaged'),
        (lambda make: make()[:3000], 'is damaged'),
        (lambda make: make(sample_type=0x11), 'is an SF3 soundfont'),
    ],
)
def test_what_is_no_soundfont_is_told(make_soundfont, tmp_path: Path, content, message: str) -> None:
    path = tmp_path / 'my.sf2'
    if content is not None:
        path.write_bytes(content(make_soundfont) if callable(content) else content)
    with pytest.raises(SolferinoError, match=rf'--soundfont=.*my\.sf2 {message}'):
        soundfonts.read(str(path))


def test_every_cut_is_told(soundfont: bytes) -> None:
    for size in range(0, len(soundfont), 97):
        with pytest.raises(SolferinoError):
            soundfonts.require(soundfont[:size], 'it')
