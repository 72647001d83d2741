"""Zips that lie, and zips that do not."""

import io
import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio.learn import unpacking
from solferino.pipelines.studio.learn.unpacking import Limits, safe_name, unpack

MUSIC = b'MThd' + bytes(60)


def packed(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    """Writes a zip, names as they are given."""
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo('x')
            if isinstance(name, str):
                info.filename = name  # the constructor would mend some
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob('*') if not path.is_dir()}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / 'in' / 'music'
    folder.mkdir(parents=True)
    return folder


def test_music_keeps_its_names_and_the_rest_is_named_with_the_reason(tmp_path: Path, music: Path) -> None:
    path = packed(
        tmp_path / 'a.zip',
        ('drums/Beat 1.MID', MUSIC), ('b.mid', MUSIC), ('readme.txt', b'hello'), ('__MACOSX/._b.mid', b''),
        ('drums/._Beat 1.mid', b''),
    )  # fmt: skip
    assert unpack([path], music, Limits()) == {'readme.txt': 'unknown kind of file'}
    assert files_of(music) == {'drums/Beat 1.MID', 'b.mid'}
    assert (music / 'b.mid').read_bytes() == MUSIC


@pytest.mark.parametrize(
    'name',
    ['../out.mid', '/tmp/out.mid', 'a/../../out.mid', '..\\out.mid', 'C:\\out.mid', 'a//out.mid', './out.mid', '.'],
)
def test_names_that_lead_elsewhere_are_left_out(tmp_path: Path, music: Path, name: str) -> None:
    path = packed(tmp_path / 'a.zip', (name, MUSIC), ('good.mid', MUSIC))
    before = files_of(tmp_path)
    assert unpack([path], music, Limits()) == {name: unpacking.OUTSIDE}
    assert files_of(tmp_path) - before == {'in/music/good.mid'}


@hypothesis.given(st.text(st.sampled_from('ab./\\: \0\u202e'), max_size=12) | st.text(max_size=300))
def test_a_safe_name_stays_in_its_folder(name: str) -> None:
    place = safe_name(name)
    if place is not None:
        base = Path('/base')
        assert (base / place).resolve().is_relative_to(base) and base / place != base
        assert not place.is_absolute() and '..' not in place.parts


def test_links_are_left_out(tmp_path: Path, music: Path) -> None:
    link = zipfile.ZipInfo('link.mid')
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    device = zipfile.ZipInfo('device.mid')
    device.external_attr = (stat.S_IFCHR | 0o666) << 16
    path = packed(tmp_path / 'a.zip', (link, b'/etc/passwd'), (device, b''))
    assert unpack([path], music, Limits()) == {'link.mid': unpacking.LINK, 'device.mid': unpacking.LINK}
    assert not files_of(music)


def test_a_bomb_is_left_out_and_leaves_nothing(tmp_path: Path, music: Path) -> None:
    path = packed(tmp_path / 'a.zip', ('bomb.mid', bytes(8 << 20)), ('good.mid', MUSIC))
    assert unpack([path], music, Limits()) == {'bomb.mid': 'too large'}
    assert files_of(music) == {'good.mid'}


def test_a_size_that_lies_is_not_believed(tmp_path: Path, music: Path) -> None:
    """The size in the directory says 10 bytes; the data are a thousand times as many."""
    data = packed(tmp_path / 'a.zip', ('a.mid', bytes(10_000))).read_bytes()
    (tmp_path / 'a.zip').write_bytes(data.replace((10_000).to_bytes(4, 'little'), (10).to_bytes(4, 'little')))
    assert unpack([tmp_path / 'a.zip'], music, Limits()) == {'a.mid': unpacking.DAMAGED}
    assert not files_of(music)


def test_a_collection_has_limits_of_files_and_bytes(tmp_path: Path, music: Path) -> None:
    many = packed(tmp_path / 'a.zip', *((f'{number}.mid', MUSIC) for number in range(5)))
    with pytest.raises(SolferinoError, match='more than 4 files'):
        unpack([many], music, Limits(files=4))
    large = packed(tmp_path / 'b.zip', *((f'b{number}.mid', bytes(range(256)) * 2000) for number in range(4)))
    with pytest.raises(SolferinoError, match='more music than a collection may hold'):
        unpack([large], music, Limits(megabytes=1))


def test_files_that_are_damaged_count_for_they_leave_folders(tmp_path: Path, music: Path) -> None:
    path = packed(tmp_path / 'a.zip', *((f'{number}/a/b/c.mid', bytes(1 << 21)) for number in range(9)))
    with pytest.raises(SolferinoError, match='more than 4 files'):
        unpack([path], music, Limits(files=4))
    assert sum(place.is_dir() for place in music.iterdir()) == 4


def test_a_hundred_thousand_names(tmp_path: Path, music: Path) -> None:
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f'{number}.txt'), b'')
    left_out = unpack([tmp_path / 'a.zip'], music, Limits())
    assert len(left_out) == 1000 and not files_of(music)  # more are not told


@pytest.mark.parametrize('data', [b'', b'no zip at all', b'PK\5\6' + bytes(18), MUSIC])
def test_what_is_no_zip_is_named(tmp_path: Path, music: Path, data: bytes) -> None:
    (tmp_path / 'a.zip').write_bytes(data)
    good = packed(tmp_path / 'b.zip', ('good.mid', MUSIC))
    left_out = unpack([tmp_path / 'a.zip', good], music, Limits())
    assert left_out in ({'a.zip': unpacking.NO_ZIP}, {}) and files_of(music) == {'good.mid'}


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], max_examples=60)
@hypothesis.given(st.data())
def test_damaged_zips_end_in_words(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp('damaged')
    content = bytearray(packed(folder / 'a.zip', ('a.mid', MUSIC), ('b/c.mid', bytes(range(200)))).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / 'a.zip').write_bytes(content[: data.draw(st.integers(0, len(content)))])
    (folder / 'music').mkdir()
    left_out = unpack([folder / 'a.zip'], folder / 'music', Limits())
    assert set(left_out.values()) <= {*unpacking.REMEDIES, 'unknown kind of file', 'too large'}


def test_passwords_copies_and_folders_in_the_way(tmp_path: Path, music: Path) -> None:
    data = bytearray(packed(tmp_path / 'a.zip', ('secret.mid', MUSIC)).read_bytes())
    data[data.index(b'PK\1\2') + 8] |= 1
    (tmp_path / 'a.zip').write_bytes(data)
    assert unpack([tmp_path / 'a.zip'], music, Limits()) == {'secret.mid': unpacking.ENCRYPTED}
    with pytest.warns(UserWarning, match='Duplicate'):
        twice = packed(tmp_path / 'b.zip', ('x.mid', MUSIC), ('x.mid', MUSIC), ('x.mid/y.mid', MUSIC))
    assert unpack([twice], music, Limits()) == {'x.mid': unpacking.TWICE, 'x.mid/y.mid': unpacking.DAMAGED}


def test_the_command_writes_a_report_and_removes_the_zips(tmp_path: Path, music: Path) -> None:
    zips = tmp_path / 'zips'
    (zips / 'deep').mkdir(parents=True)
    packed(zips / 'deep' / 'a.zip', ('a.mid', MUSIC), ('b.txt', b''))
    (zips / 'b.zip').write_bytes(io.BytesIO(b'junk').getvalue())
    report = tmp_path / 'report.json'
    command = [sys.executable, '-m', unpacking.__name__, str(zips), str(music), str(report)]
    subprocess.run(command, check=True)
    assert json.loads(report.read_text()) == {'b.txt': 'unknown kind of file', 'b.zip': unpacking.NO_ZIP}
    assert files_of(music) == {'a.mid'} and not zips.exists()
