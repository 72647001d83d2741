"""Music that was made, and how much of it there may be."""

from pathlib import Path

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import pieces
from solferino.pipelines.studio.messages import Music, Note, Piece
from solferino.pipelines.studio.pieces import Pieces
from solferino.pipelines.studio.work_folder import Full


def piece(id: str, made: float, kept: bool = False) -> Piece:
    return Piece(id, id, 'model', Music([Note(60, 0.0, 1.0)]), 0, 1, made=made, kept=kept)


def add(where: Pieces, folder: Path, *made: Piece) -> None:
    files = []
    for one in made:
        files.append(folder / f'{one.id}.tmp')
        files[-1].write_bytes(b'MThd')
    where.add(made, files)


def ids(where: Pieces) -> list[str]:
    return [path.stem for path in where._folder.glob('*.mid') if (where._folder / f'{path.stem}.json').exists()]


def test_the_oldest_that_are_not_kept_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, 'MOST', 3)
    where = Pieces(tmp_path / 'p')
    add(where, tmp_path, piece('a', 1, kept=True), piece('b', 2), piece('c', 3))
    add(where, tmp_path, piece('d', 4), piece('e', 5))
    assert sorted(ids(where)) == ['a', 'd', 'e'] and len(where) == 3
    where.require_room()
    for id in ('d', 'e'):
        where.put(piece(id, 4, kept=True))
    with pytest.raises(Full, match='3 pieces are kept'):
        where.require_room()


def test_large_pieces_are_told_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = Pieces(tmp_path / 'p')
    add(where, tmp_path, *(piece(id, made) for made, id in enumerate('abc')))
    size = where.file('a').stat().st_size
    for most, told in ((3 * size, 3), (2 * size, 2), (1, 1)):
        monkeypatch.setattr(pieces, '_MOST_TOLD', most)
        assert len(where.some(0, 10)) == told
    assert len(where.some(2, 10)) == 1 and where.some(3, 10) == []


def test_what_is_damaged_is_passed_over_at_the_next_start(tmp_path: Path) -> None:
    where = Pieces(tmp_path / 'p')
    add(where, tmp_path, piece('a', 1), piece('b', 2, kept=True))
    (tmp_path / 'p' / 'c.json').write_text('{"id": "../x"')
    (tmp_path / 'p' / 'd.json').write_bytes(b'\xff')
    (tmp_path / 'p' / 'a.json').rename(tmp_path / 'p' / 'gone.json')
    again = Pieces(tmp_path / 'p')
    assert len(again) == 2 and again.get('b').kept
    (tmp_path / 'p' / 'b.json').unlink()
    assert len(again.some(0, 10)) < 2 and len(again) < 2


@pytest.mark.parametrize('id', ['', '.', '..', '../a', 'a/b', 'A', 'a\0', 'a.b', 'a' * 41, 'a\n'])
def test_an_id_is_no_path(tmp_path: Path, id: str) -> None:
    where = Pieces(tmp_path / 'p')
    for ask in (where.get, where.remove, where.midi, where.file):
        with pytest.raises(SolferinoError, match='not there any more'):
            ask(id)
