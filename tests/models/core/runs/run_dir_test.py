"""A run directory belongs to one run, and to one trainer at a time."""

import contextlib
import dataclasses
import json
import logging
import os
import socket
import subprocess
import sys
import time

import pytest
from toy_family import SPEC

from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.runs import run_dir, status
from solferino.models.core.runs.run_dir import Run
from solferino.models.core.settings import Given

SMALL = SPEC.configs['small']


def test_round_trip(tmp_path):
    config = dataclasses.replace(SMALL, hparams=dataclasses.replace(SMALL.hparams, units=3))
    run = Run(str(tmp_path), config, 7, {'path': 'x', 'examples': 3, 'fingerprint': 'f'}, {'id': 'mine'})
    run_dir.write(run, SPEC)
    assert run_dir.load(str(tmp_path), SPEC) == run
    assert json.loads((tmp_path / 'run.json').read_text())['versions']['python']


def test_a_new_run_takes_the_flags_or_the_dataset(tmp_path):
    path = str(tmp_path / 'run')
    assert run_dir.choose(SPEC, path, Given('large'), 5, []).config.name == 'large'
    assert run_dir.choose(SPEC, path, Given(), None, []) == Run(path, SMALL, 0)
    (tmp_path / 'a.json').write_text(json.dumps(settings.record_of(SPEC, SPEC.configs['large'])))
    assert run_dir.choose(SPEC, path, Given(), None, [str(tmp_path / 'training_a.tfrecord')]).config.name == 'large'
    with pytest.raises(SolferinoError, match=r'--config is small but .*a.json has large'):
        run_dir.choose(SPEC, path, Given('small'), None, [str(tmp_path / 'training_a.tfrecord')])
    assert not os.path.exists(path)


def test_a_run_that_exists_is_compared(tmp_path):
    path = str(tmp_path)
    run = Run(path, SMALL, 7)
    run_dir.write(run, SPEC)
    assert run_dir.choose(SPEC, path, Given('large'), 8, []).config.name == 'large', 'it never began'
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train' / 'model.ckpt-0.safetensors').write_text('')
    assert run_dir.choose(SPEC, path, Given('small', 'units=8'), 7, []) == run
    for given, seed in ((Given('large'), None), (Given(None, 'units=9'), None), (Given(), 8)):
        with pytest.raises(SolferinoError, match=r'run.json'):
            run_dir.choose(SPEC, path, given, seed, [])
    (tmp_path / 'a.json').write_text(json.dumps(settings.record_of(SPEC, SPEC.configs['large'])))
    with pytest.raises(SolferinoError, match=r'a.json says that the examples are for large'):
        run_dir.choose(SPEC, path, Given(), None, [str(tmp_path / 'training_a.tfrecord')])
    other = dataclasses.replace(SPEC, name='other_rnn')
    with pytest.raises(SolferinoError, match='belongs to toy_rnn, not to other_rnn'):
        run_dir.read(path, other)


def test_what_is_no_run_directory(tmp_path):
    with pytest.raises(SolferinoError, match='is no run directory'):
        run_dir.load(str(tmp_path), SPEC)
    (tmp_path / 'file').write_text('')
    with pytest.raises(SolferinoError, match='is a file'):
        run_dir.read(str(tmp_path / 'file'), SPEC)
    (tmp_path / 'run.json').write_text('')
    with pytest.raises(SolferinoError, match=r'run.json is damaged'):
        run_dir.read(str(tmp_path), SPEC)
    (tmp_path / 'run.json').unlink()
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train' / 'model.ckpt-3.safetensors').write_text('')
    with pytest.raises(SolferinoError, match=r'has checkpoints but no run.json'):
        run_dir.read(str(tmp_path), SPEC)


def test_other_examples_are_mentioned(tmp_path, caplog):
    run = Run(str(tmp_path), SMALL, 0, {'path': 'old', 'examples': 3, 'fingerprint': 'f'})
    with caplog.at_level(logging.WARNING):
        run_dir.warn_of_other_examples(run, {'path': 'moved', 'examples': 3, 'fingerprint': 'f'})
        assert not caplog.text
        run_dir.warn_of_other_examples(run, {'path': 'new', 'examples': 4, 'fingerprint': 'g'})
    assert '3 of old' in caplog.text and '4 of new' in caplog.text


def record(tmp_path, **values):
    path = tmp_path / 'train' / 'status.json'
    path.parent.mkdir(exist_ok=True)
    base = {'state': 'training', 'step': 5, 'pid': 1, 'host': socket.gethostname(), 'heartbeat': time.time()}
    path.write_text(json.dumps(base | values))


def test_who_counts_as_training(tmp_path):
    run = str(tmp_path)
    assert not status.is_training(run)
    with subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE) as other:
        record(tmp_path, pid=other.pid)
        assert status.is_training(run)
        with pytest.raises(SolferinoError, match=f'Another training run is at work in {run} .process {other.pid}'):
            status.require_free(run)
        record(tmp_path, pid=other.pid, heartbeat=time.time() - 1000)
        assert not status.is_training(run)
        record(tmp_path, pid=other.pid, state='finished')
        assert not status.is_training(run)
        other.kill()
    record(tmp_path, pid=other.pid)
    assert not status.is_training(run), 'the process is gone'
    record(tmp_path, host='elsewhere')
    assert status.is_training(run)
    record(tmp_path, host='elsewhere', heartbeat=time.time() - 1000)
    assert not status.is_training(run)
    record(tmp_path, pid=os.getpid())
    assert not status.is_training(run), 'a container that starts again gives the same number'


_CLAIM = """
import sys
from solferino.hparams.errors import SolferinoError
from solferino.models.core.runs import status

for line in sys.stdin:  # a folder; all processes are told at once
    try:
        with status.claim(line.strip(), 10, evaluates=False):
            print('claimed', flush=True)
            sys.stdin.readline()
    except SolferinoError:
        print('refused', flush=True)
        sys.stdin.readline()
"""


def test_of_two_trainers_that_begin_at_once_one_claims(tmp_path):
    """Without the lock both claimed in about a tenth of the tries."""
    with contextlib.ExitStack() as stack:
        trainers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, '-c', _CLAIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
                )
            )
            for _ in range(2)
        ]
        for trial in range(60):
            for line in (f'{tmp_path}/{trial}\n', '\n'):
                for trainer in trainers:
                    trainer.stdin.write(line)
                if line != '\n':
                    answers = sorted(trainer.stdout.readline().strip() for trainer in trainers)
                    assert answers == ['claimed', 'refused'], trial
        for trainer in trainers:
            trainer.stdin.close()


def test_a_claim_says_how_the_run_ended(tmp_path):
    def state():
        return json.loads((tmp_path / 'train' / 'status.json').read_text())['state']

    with status.claim(str(tmp_path), 10, evaluates=False) as entry:
        assert state() == 'training'
        entry.update(state=status.FINISHED, step=10)
    assert state() == 'finished'
    with pytest.raises(ValueError), status.claim(str(tmp_path), 10, evaluates=True):
        assert status.keeps_best(str(tmp_path))
        raise ValueError
    assert state() == 'failed'
