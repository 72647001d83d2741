"""Checkpoints come back as they were; broken ones never pass for whole."""

import dataclasses
import logging
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import checkpoints, tensors
from solferino.models.core.storage.checkpoints import Checkpoint

METADATA = {'family': 'toy_rnn', 'config': 'small', 'hparams': {'units': 8}, 'extraction': {}, 'seed': 3}


def checkpoint(step: int, **values) -> Checkpoint:
    weights = {'lstm_0/kernel': np.full((2, 3), step, np.float32), 'half': np.ones(4, ml_dtypes.bfloat16)}
    return Checkpoint(step, weights, {'0000': np.array(step, np.int64)}, METADATA, **values)


def save(directory: Path, *steps: int) -> list[str]:
    return [checkpoints.save(str(directory), checkpoint(step)) for step in steps]


def test_round_trip(tmp_path):
    path = checkpoints.save(str(tmp_path / 'train'), checkpoint(12, eval_loss=1.5, eval_set='abc'))
    assert Path(path).name == 'model.ckpt-12.safetensors'
    loaded = checkpoints.load(path)
    assert (loaded.step, loaded.metadata, loaded.eval_loss, loaded.eval_set) == (12, METADATA, 1.5, 'abc')
    assert loaded.weights['half'].dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(loaded.weights['lstm_0/kernel'], np.full((2, 3), 12))
    assert loaded.optimizer['0000'] == 12


def test_latest_is_the_highest_step(tmp_path):
    assert checkpoints.latest(str(tmp_path)) is None
    save(tmp_path, 9, 100, 20)
    assert checkpoints.latest(str(tmp_path)).step == 100


def test_a_truncated_newest_one_is_skipped_with_a_warning(tmp_path, caplog):
    *_, newest = save(tmp_path, 1, 2, 3)
    Path(newest).write_bytes(Path(newest).read_bytes()[:-5])
    with caplog.at_level(logging.WARNING):
        assert checkpoints.latest(str(tmp_path)).step == 2
    assert newest in caplog.text


def test_one_with_weights_that_are_not_finite_is_named_and_skipped(tmp_path, caplog):
    save(tmp_path, 1)
    broken = checkpoint(2)
    broken.weights['lstm_0/kernel'][0, 0] = np.nan
    path = checkpoints.save(str(tmp_path), broken)
    with pytest.raises(SolferinoError, match=f'{path} holds weights that are not finite numbers: lstm_0/kernel. Name'):
        checkpoints.load(path)
    assert checkpoints.latest(str(tmp_path)).step == 1
    odd = dataclasses.replace(checkpoint(3), optimizer={'0000': np.array(np.inf, np.float32)})
    assert checkpoints.load(checkpoints.save(str(tmp_path), odd)).step == 3, 'generation needs no optimizer'


def test_no_readable_one_is_an_error_and_not_a_new_start(tmp_path):
    for path in save(tmp_path, 1, 2):
        Path(path).write_bytes(b'')
    with pytest.raises(SolferinoError, match=r'No checkpoint in .* can be read'):
        checkpoints.latest(str(tmp_path))


@pytest.mark.parametrize('content', [b'', b'MThd', b'\0' * 1000, tensors.dump({'a': np.ones(2)}, {'step': 1})])
def test_what_is_no_checkpoint_is_named(tmp_path, content):
    path = tmp_path / 'model.ckpt-1.safetensors'
    path.write_bytes(content)
    with pytest.raises(SolferinoError, match=str(path)):
        checkpoints.load(str(path))


def test_prune_keeps_the_newest_and_the_best(tmp_path):
    save(tmp_path, 1, 2, 3, 4)
    checkpoints.keep_best(str(tmp_path), checkpoint(1, eval_loss=1.0))
    checkpoints.prune(str(tmp_path), 0)
    assert list(checkpoints.paths(str(tmp_path))) == [1, 2, 3, 4]
    checkpoints.prune(str(tmp_path), 2)
    assert list(checkpoints.paths(str(tmp_path))) == [3, 4]
    assert checkpoints.best(str(tmp_path)).endswith('best.ckpt-1.safetensors')


def test_exactly_one_best_by_evaluation_loss(tmp_path):
    directory = str(tmp_path)
    kept = [
        checkpoints.keep_best(directory, checkpoint(step, eval_loss=loss, eval_set='a'))
        for step, loss in ((1, 2.0), (2, 1.0), (3, 1.5), (4, 0.5))
    ]
    assert [path is not None for path in kept] == [True, True, False, True]
    assert list(checkpoints.paths(directory, checkpoints.BEST)) == [4]
    # A loss on other examples does not compare.
    assert checkpoints.keep_best(directory, checkpoint(5, eval_loss=3.0, eval_set='b'))
    assert list(checkpoints.paths(directory, checkpoints.BEST)) == [5]
    assert checkpoints.load(checkpoints.best(directory)).eval_loss == 3.0


def test_resolve_takes_what_users_type(tmp_path):
    train = tmp_path / 'run' / 'train'
    save(train, 10, 100)
    newest = str(train / 'model.ckpt-100.safetensors')
    for typed in (train / 'model.ckpt-100', newest, train, tmp_path / 'run'):
        assert checkpoints.resolve(str(typed)).path == newest
    assert checkpoints.resolve(str(train / 'model.ckpt-10')).path.endswith('ckpt-10.safetensors')
    with pytest.raises(SolferinoError, match=r'model.ckpt-10.safetensors, model.ckpt-100.safetensors'):
        checkpoints.resolve(str(train / 'model.ckpt-50'))
    with pytest.raises(
        SolferinoError, match=r'There is no run directory or checkpoint .*elsewhere\. Training makes one'
    ):
        checkpoints.resolve(str(tmp_path / 'elsewhere'))
    (tmp_path / 'data').mkdir()
    with pytest.raises(SolferinoError, match=r'There is no checkpoint in .*/data\. Name a run directory'):
        checkpoints.resolve(str(tmp_path / 'data'))


def test_of_a_run_the_best_is_meant_or_else_the_newest(tmp_path, caplog):
    train = tmp_path / 'train'
    save(train, 10, 100)

    def resolved(choice=None):
        return checkpoints.resolve(str(tmp_path), choice)

    assert resolved().path.endswith('model.ckpt-100.safetensors')
    assert checkpoints.describe(resolved()) == f'{train}/model.ckpt-100 (at step 100)'
    with pytest.raises(SolferinoError, match=r'no best checkpoint in .*--eval_file.*model.ckpt-100'):
        resolved('best')
    best = checkpoints.keep_best(str(train), checkpoint(10, eval_loss=1.23456))
    for choice, path in ((None, best), ('best', best), ('newest', f'{train}/model.ckpt-100.safetensors')):
        assert resolved(choice).path == path
        with pytest.raises(SolferinoError, match='is one checkpoint'):
            checkpoints.resolve(path, choice or 'best')
    assert checkpoints.describe(resolved()) == f'{train}/best.ckpt-10 (held-out loss 1.235 at step 10)'
    (train / 'best.ckpt-10.safetensors').write_bytes(b'')
    assert resolved().step == 100
    assert 'The newest is used' in caplog.text
    with pytest.raises(SolferinoError, match=r'best\.ckpt-10'):
        resolved('best')


def test_a_run_directory_that_is_not_there_names_those_near_it(tmp_path):
    for name in ('piano', 'demo/run'):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / 'run.json').write_text('{}')
    with pytest.raises(
        SolferinoError, match=r'no run directory or checkpoint .*/nope\. Run directories near it: '
    ) as raised:
        checkpoints.resolve(str(tmp_path / 'nope'))
    assert all(f'{tmp_path}/{name}' in str(raised.value) for name in ('piano', 'demo/run'))
    with pytest.raises(SolferinoError, match='Training makes one'):
        checkpoints.resolve(str(tmp_path / 'no/such/folder'))


def test_restore_into_another_model_is_an_error(tmp_path):
    from toy_family import FAMILY, SPEC

    small, large = (FAMILY.model(config, 0) for config in SPEC.configs.values())
    for model in (small, large):
        model.optimizer.build(model.trainable_variables)
    captured = dataclasses.replace(checkpoints.capture(small, METADATA), path='here.safetensors')
    checkpoints.restore(small, captured)
    with pytest.raises(SolferinoError, match=r'here.safetensors does not fit this model: weights embedding, kernel'):
        checkpoints.restore(large, captured)
