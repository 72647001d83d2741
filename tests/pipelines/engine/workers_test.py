"""Workers that begin early."""

import time

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.engine import workers


def test_those_that_were_not_taken_end_with_the_block() -> None:
    with workers.begun(2, 'json'):
        waiting = list(workers._waiting)
        assert len(waiting) == 2
    assert not workers._waiting
    for process in waiting:
        process.wait(30)


def test_one_alone_does_not_begin() -> None:
    with workers.begun(1, 'json'):
        assert not workers._waiting


def test_a_run_ends_where_one_cannot_begin() -> None:
    with (
        workers.begun(2, 'there_is_no_such_module'),
        pytest.raises(SolferinoError, match='A worker process was ended by something else: exit code 1'),
        workers.watched() as own,
    ):
        own.take({})
        time.sleep(60)
        raise AssertionError('nobody has said so')
