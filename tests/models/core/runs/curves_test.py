"""Curves that are read while they are written."""

from pathlib import Path
from unittest import mock

import pytest

from solferino.models.core.runs import curves
from solferino.models.core.storage import records
from solferino.models.core.training.monitor import Board


def test_a_follower_reads_what_is_new_and_finds_what_a_whole_reading_finds(tmp_path: Path) -> None:
    follower = curves.Follower(str(tmp_path))
    assert follower.read() == {}
    with Board(str(tmp_path / 'train')) as board, Board(str(tmp_path / 'eval')) as held_out:
        for step in (10, 20, 30):
            board.scalars(step, {'learning_rate': 0.1, 'loss': 3.0 / step})
            held_out.scalars(step, {'loss': 4.0 / step})
            assert follower.read() == curves.read(str(tmp_path))
        assert list(follower.read()['loss']['training'][0]) == [10, 20, 30]
        with mock.patch.object(records, 'read', side_effect=AssertionError('nothing is new')):
            follower.read()


def test_a_run_that_goes_on_from_a_checkpoint_loses_what_came_after_it(tmp_path: Path) -> None:
    follower = curves.Follower(str(tmp_path))
    with Board(str(tmp_path / 'train')) as board:
        for step in (10, 20, 30):
            board.scalars(step, {'loss': 1.0})
    follower.read()
    with Board(str(tmp_path / 'train'), step=20) as board:
        board.scalars(25, {'loss': 2.0})
    assert follower.read() == curves.read(str(tmp_path))
    assert follower.read()['loss']['training'] == ([10, 20, 25], [1.0, 1.0, 2.0])


def test_half_a_record_is_read_when_the_rest_is_there(tmp_path: Path) -> None:
    with Board(str(tmp_path / 'train')) as board:
        board.scalars(10, {'loss': 1.0})
        board.scalars(20, {'loss': 0.5})
    [path] = (tmp_path / 'train').iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    follower = curves.Follower(str(tmp_path))
    assert follower.read()['loss']['training'] == ([10], [1.0])
    path.write_bytes(whole)
    assert follower.read()['loss']['training'] == ([10, 20], [1.0, 0.5])


def test_how_long_a_step_takes_counts_from_the_last_beginning(tmp_path: Path) -> None:
    follower = curves.Follower(str(tmp_path))
    assert follower.seconds_a_step() is None
    with mock.patch('time.time', side_effect=range(100, 200, 2)), Board(str(tmp_path / 'train')) as board:
        for step in (10, 20, 30):
            board.scalars(step, {'loss': 1.0})
    follower.read()
    assert follower.seconds_a_step() == pytest.approx(0.2)
    with mock.patch('time.time', side_effect=range(1000, 2000, 50)), Board(str(tmp_path / 'train'), step=30) as board:
        for step in (40, 50):
            board.scalars(step, {'loss': 1.0})
    follower.read()
    assert follower.seconds_a_step() == pytest.approx(5.0)
