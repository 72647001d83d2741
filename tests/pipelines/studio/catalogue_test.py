"""Models by their ids, and what was told of them."""

import os
from pathlib import Path

import msgspec
import pytest

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import catalogue
from solferino.pipelines.studio.catalogue import Catalogue, stamp
from solferino.pipelines.studio.messages import Model


def test_what_is_saved_is_offered_beside_what_was_named(tmp_path: Path) -> None:
    (tmp_path / 'models').mkdir()
    (tmp_path / 'a.mag').write_bytes(b'a')
    models = Catalogue([tmp_path / 'a.mag'], tmp_path / 'models')
    (tmp_path / 'models' / 'b.mag').write_bytes(b'b')
    assert [path.name for path in models.paths().values()] == ['a.mag', 'b.mag']
    assert all(models.path(id) == path for id, path in models.paths().items())
    with pytest.raises(SolferinoError, match='not there any more'):
        models.path('nothing')


def test_a_run_with_another_checkpoint_is_another_model(tmp_path: Path) -> None:
    (tmp_path / 'run' / 'train').mkdir(parents=True)
    os.utime(tmp_path / 'run' / 'train', (1, 1))
    os.utime(tmp_path / 'run', (1, 1))
    before = stamp(tmp_path / 'run')
    os.utime(tmp_path / 'run' / 'train', (2, 2))
    assert stamp(tmp_path / 'run') != before


def test_what_was_told_is_known_until_the_file_or_the_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, memory = tmp_path / 'a.mag', tmp_path / 'models.json'
    path.write_bytes(b'a')
    told = Model('x', 'a', 'drums_rnn', 'drum_kit', '', True, True, True, 4.0, None, [])

    def known() -> object:
        models = Catalogue([path], tmp_path, memory)
        return models.known(next(iter(models.paths())))

    models = Catalogue([path], tmp_path, memory)
    id = next(iter(models.paths()))
    assert known() is None
    models.remember(id, {'error': 'no'})
    assert models.known(id) == {'error': 'no'} and known() is None  # it is tried again
    models.remember(id, told)
    assert known() == told
    memory.write_bytes(memory.read_bytes()[:-5])
    assert known() is None
    models.remember(id, told)
    monkeypatch.setattr(catalogue, '_code', lambda: 1)
    assert known() is None
    monkeypatch.undo()
    os.utime(path, (1, 1))
    assert known() is None and models.known(id) is None
    assert msgspec.json.decode(memory.read_bytes())
