import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solferino.models.music.reading import voice_tables
from solferino.models.music.reading.remarks import DAMAGED, NOT_VOICES, Refused

CHORALE = [[72, 60], [72, 60], [74, -1], [74, 55]]


def _notes(music: Any) -> list[tuple[int, int, float, float]]:
    return [tuple(row) for row in zip(*(column.tolist() for column in music.notes), strict=True)]


def test_a_table_is_its_voices() -> None:
    (table,) = voice_tables.read(json.dumps({'train': [CHORALE]}).encode())
    assert table.name == 'train_1'
    assert _notes(table.music) == [
        (0, 72, 80, 0.0, 0.25),
        (0, 74, 80, 0.25, 0.5),
        (1, 60, 80, 0.0, 0.25),
        (1, 55, 80, 0.375, 0.5),
    ]
    assert table.music.tempos == [(0.0, 120.0)] and table.music.metres == [(0.0, 4, 4)]


@pytest.mark.parametrize('rest', [-1, None, float('nan')])
def test_both_kinds_of_file_hold_the_same(tmp_path: Path, rest: Any) -> None:
    voices = [[72, 60], [rest, 60]]
    file = tmp_path / 'x.npz'
    array = np.empty(1, object)
    array[0] = np.array([[np.nan if v is None else v for v in step] for step in voices], np.float64)
    np.savez(file, train=array)
    tables = [voice_tables.read(content) for content in (json.dumps({'train': [voices]}).encode(), file.read_bytes())]
    assert _notes(tables[0][0].music) == _notes(tables[1][0].music)


def test_the_chorales_that_circulate(shared: Path) -> None:
    folder = shared / 'data/chorales'
    found = [voice_tables.read((folder / f'jsb16_separated_dev{end}').read_bytes()) for end in ('.json', '.npz')]
    assert [len(tables) for tables in found] == [229, 229]
    for one, other in zip(*found, strict=True):
        assert one.name == other.name
        assert _notes(one.music) == _notes(other.music)
        assert len(one.music.instruments) == 4


class _Evil:
    def __reduce__(self) -> Any:
        return print, ('executed',)


def test_nothing_of_a_pickle_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    array = np.empty(1, object)
    array[0] = _Evil()
    file = io.BytesIO()
    np.savez(file, train=array)
    with pytest.raises(Refused, match=r'names builtins\.print'):
        voice_tables.read(file.getvalue())
    assert capsys.readouterr().out == ''


class _Pointers:
    """Two records of an object each, whose bytes are taken for pointers: flags that forbid that are left out."""

    class Kind:
        def __reduce__(self) -> Any:
            fields = {'a': (np.dtype('O'), 0)}
            return np.dtype, ('V8', False, True), (4, '|', None, ('a',), fields, 8, 1, 0, None)

    def __reduce__(self) -> Any:
        made = np.empty(0).__reduce__()
        return *made[:2], (1, (2,), self.Kind(), False, b'A' * 16)


def test_pointers_are_not_followed() -> None:
    array = np.empty(1, object)
    array[0] = _Pointers()
    file = io.BytesIO()
    np.savez(file, train=array)
    with pytest.raises(Refused, match="no numbers in it, but 'V8'"):
        voice_tables.read(file.getvalue())


@pytest.mark.parametrize(
    'content, reason',
    [
        (b'{', NOT_VOICES),
        (b'[]', NOT_VOICES),
        (b'{}', NOT_VOICES),
        (b'[' * 100_000, NOT_VOICES),
        (b'{"train": []}', NOT_VOICES),
        (b'{"train": [1]}', NOT_VOICES),
        (b'{"train": [[[60, 1], [60]]]}', NOT_VOICES),
        (b'{"train": [[[128]]]}', NOT_VOICES),
        (b'{"train": [[[60.5]]]}', NOT_VOICES),
        (b'{"train": [[["x"]]]}', NOT_VOICES),
        (b'{"train": [[[' + b'9' * 400 + b']]]}', NOT_VOICES),
        (b'{"counts": {"a": 1}}', NOT_VOICES),
        (b'PK\3\4', DAMAGED),
    ],
)
def test_other_files_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        voice_tables.read(content)
    assert refusal.value.reason == reason


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    file = tmp_path / 'x.npz'
    array = np.empty(2, object)
    array[:] = [np.array(CHORALE), np.array(CHORALE)]
    np.savez(file, train=array)
    good = file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        with zipfile.ZipFile(file) as archive:
            inside = bytearray(archive.read('train.npy'))
        for place in rng.integers(0, len(inside), 3):
            inside[place] = rng.integers(256)
        changed = io.BytesIO()
        with zipfile.ZipFile(changed, 'w') as archive:
            archive.writestr('train.npy', bytes(inside))
        for content in (changed.getvalue(), good[: rng.integers(2, len(good))]):
            try:
                voice_tables.read(content)
            except Refused:
                continue
