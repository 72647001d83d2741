"""Training by several processes together, as the command does it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import toy_family

from solferino.hparams.errors import SolferinoError
from solferino.models.core.layers import replicas
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import data, interrupts
from solferino.models.core.training.together import joining, launching

pytestmark = pytest.mark.once

_PATIENCE_S = 240  # for commands on a busy machine
SCRIPT = str(Path(__file__).parents[2] / 'toy_train.py')


@pytest.fixture
def start(tmp_path: Path):
    """Starts the command with some flags and variables; what still runs after the test is ended."""
    path, started = toy_family.write(tmp_path / 'train.tfrecord', 30), []

    def run(*flags: str, **variables: str) -> subprocess.Popen:
        command = [sys.executable, SCRIPT, f'--sequence_example_file={path}', '--hparams=keep_prob=1.0', *flags]
        environment = {'CUDA_VISIBLE_DEVICES': '-1', **variables}
        started.append(
            subprocess.Popen(
                command, env=_inherited() | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return started[-1]

    yield run
    for process in started:
        with process:
            process.kill()


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != replicas.VARIABLE}


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=_PATIENCE_S)
    return process.returncode, out, err


def newest(run: Path) -> checkpoints.Checkpoint:
    return checkpoints.latest(str(run / 'train'))


def cluster(addresses: list[str], index: int) -> str:
    return json.dumps({'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': index}})


@pytest.fixture
def addresses() -> list[str]:
    """Of two processes on this machine."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(('127.0.0.1', 0))
        return [f'127.0.0.1:{each.getsockname()[1]}' for each in (one, other)]


def test_two_processes_learn_what_one_does(tmp_path: Path, start):
    alone = start(f'--run_dir={tmp_path}/alone', '--num_training_steps=30')
    both = start(f'--run_dir={tmp_path}/both', '--num_training_steps=30', '--num_workers=2')
    for process in (alone, both):
        code, _, err = ended(process)
        assert code == 0, err
        assert ('by 2 processes together' in err) == (process is both)
    one, two = newest(tmp_path / 'alone'), newest(tmp_path / 'both')
    assert one.step == two.step == 30
    for name, weights in one.weights.items():
        np.testing.assert_allclose(two.weights[name], weights, rtol=1e-4, atol=1e-5)


def test_a_signal_to_one_ends_both_after_the_same_step(tmp_path: Path, start):
    process = start(f'--run_dir={tmp_path}/run', '--num_workers=2', '--checkpoint_seconds=0.2')
    deadline = time.monotonic() + _PATIENCE_S
    while not any(step > 0 for step in checkpoints.paths(str(tmp_path / 'run' / 'train'))):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    code, out, err = ended(process)
    assert code == 143, err
    assert 'The same command goes on from there' in out


def test_a_lost_process_is_waited_for_and_all_go_on_from_the_checkpoint(tmp_path: Path, start, addresses):
    def process(index: int, run: str) -> subprocess.Popen:
        flags = (f'--run_dir={tmp_path}/{run}', '--num_training_steps=100000', '--checkpoint_seconds=0.2')
        return start(*flags, TF_CONFIG=cluster(addresses, index))

    first, second = process(0, 'run'), process(1, 'other')  # no disk in common

    def wait_beyond(step: int) -> int:
        deadline = time.monotonic() + _PATIENCE_S
        while max(checkpoints.paths(str(tmp_path / 'run' / 'train')), default=0) <= step:
            assert time.monotonic() < deadline and first.poll() is None, first.communicate()
            time.sleep(0.1)
        return max(checkpoints.paths(str(tmp_path / 'run' / 'train')))

    reached = wait_beyond(0)
    second.kill()
    time.sleep(1)
    reached = max(reached, *checkpoints.paths(str(tmp_path / 'run' / 'train')))
    third = process(1, 'other')
    wait_beyond(reached + 100)
    first.send_signal(signal.SIGTERM)
    assert ended(first)[0] == 143
    assert ended(third)[0] in (0, 143)
    assert not (tmp_path / 'other').exists()


def test_other_flags_are_told(tmp_path: Path, start, addresses):
    flags = [f'--run_dir={tmp_path}/run', '--num_training_steps=5']
    first = start(*flags, TF_CONFIG=cluster(addresses, 0))
    second = start(*flags, '--seed=7', TF_CONFIG=cluster(addresses, 1))
    assert 'do not train the same: number 1 of 2' in ended(first)[2]
    assert ended(second)[0] == 1


@pytest.mark.parametrize(
    'text',
    ['{', '[]', '{"cluster": 1}', '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
     '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": "x"}}',
     '{"cluster": {"worker": ["a:1", "b"]}, "task": {"type": "worker", "index": 0}}',
     '{"cluster": {"worker": ["a:1", "b:99999"]}, "task": {"type": "worker", "index": 0}}',
     '{"cluster": {"worker": ["a:1", ":2"]}, "task": {"type": "worker", "index": 0}}',
     '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}'],
)  # fmt: skip
def test_a_damaged_variable_is_refused(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv(replicas.VARIABLE, text)
    with pytest.raises(SolferinoError, match='is not of the form'):
        replicas.of_environment()


def test_the_chief_is_first(monkeypatch: pytest.MonkeyPatch):
    tasks = {'chief': ['c:1'], 'worker': ['a:1', 'b:1']}
    for task, index in ((('chief', 0), 0), (('worker', 1), 2)):
        stated = {'cluster': tasks, 'task': {'type': task[0], 'index': task[1]}}
        monkeypatch.setenv(replicas.VARIABLE, json.dumps(stated))
        assert replicas.of_environment() == replicas.Cluster(('c:1', 'a:1', 'b:1'), index)


def test_one_process_is_no_cluster(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(replicas.VARIABLE, cluster(['a:1'], 0))
    assert replicas.of_environment() is None


def test_parameter_servers_are_refused(monkeypatch: pytest.MonkeyPatch):
    stated = {'cluster': {'worker': ['a:1', 'b:1'], 'ps': ['c:1']}, 'task': {'type': 'worker', 'index': 0}}
    monkeypatch.setenv(replicas.VARIABLE, json.dumps(stated))
    with pytest.raises(SolferinoError, match='ps'):
        replicas.of_environment()


def test_each_example_of_an_epoch_is_one_processs(tmp_path: Path):
    dataset = data.load(toy_family.FAMILY, toy_family.SPEC.configs['small'], toy_family.write(tmp_path / 'x', 30))
    whole, *shares = (data.Batches(dataset, 8, 0, share) for share in ((0, 1), (0, 2), (1, 2)))
    for step in range(whole.per_epoch):
        one, *parts = ([*_tracks(batches.batch(step))] for batches in (whole, *shares))
        assert all(parts) and sorted(part for own in parts for part in own) == sorted(one)
    tracks = [track for step in range(whole.per_epoch) for track in _tracks(whole.batch(step))]
    assert len(tracks) == 30 and len(set(tracks)) > 25


def _tracks(batch: dict[str, np.ndarray]) -> Iterator[tuple[int, ...]]:
    for labels, length in zip(batch['labels'], batch['length'], strict=True):
        yield tuple(labels[:length].tolist())


def test_more_processes_than_examples_are_refused(tmp_path: Path):
    dataset = data.load(toy_family.FAMILY, toy_family.SPEC.configs['small'], toy_family.write(tmp_path / 'x', 30))
    with pytest.raises(SolferinoError, match='some have none'):
        data.Batches(dataset, 2, 0, (0, 3))


@pytest.mark.parametrize(('visible', 'number'), [('', 0), ('-1', 0), ('0', 1), ('0,2', 2)])
def test_gpus_are_counted(monkeypatch: pytest.MonkeyPatch, visible: str, number: int):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    assert launching.num_gpus() == number


def test_a_process_that_ends_before_it_has_joined_ends_the_training(tmp_path: Path, start):
    (tmp_path / 'sitecustomize.py').write_text(
        'import json, os\n'
        f'if json.loads(os.environ.get("{replicas.VARIABLE}", "{{}}")).get("task", {{}}).get("index"):\n'
        '    os.write(2, b"error: no room here")\n'
        '    os._exit(1)\n'
    )
    process = start(f'--run_dir={tmp_path}/run', '--num_training_steps=5', '--num_workers=2', PYTHONPATH=str(tmp_path))
    code, _, err = ended(process)
    assert code == 1
    assert 'error: Process 1 of 2 ended: no room here' in err


def test_of_several_processes_the_one_that_has_ended_is_named_at_once(monkeypatch: pytest.MonkeyPatch):
    fails = 'import json, os, time; time.sleep(600 * (json.loads(os.environ["TF_CONFIG"])["task"]["index"] < 2)); 1 / 0'
    monkeypatch.setattr(sys, 'orig_argv', [sys.executable, '-c', fails])
    monkeypatch.setattr(launching, '_PATIENCE_S', _PATIENCE_S)
    with pytest.raises(SolferinoError, match=r'Process 2 of 3 ended: .*division'), launching.others(3) as together:
        while together.whole():
            time.sleep(0.01)
        raise replicas.LostError


@pytest.mark.parametrize('trains', [True, False])
def test_other_processes_are_waited_for_where_there_is_something_to_train(
    monkeypatch: pytest.MonkeyPatch, trains: bool
):
    waited = []
    monkeypatch.setattr(sys, 'orig_argv', [sys.executable, '-c', 'input()'])  # which ends at once
    monkeypatch.setattr(launching, '_require_ended_well', waited.extend)
    with launching.others(2) as together:
        assert together.index == 0 and len(together.addresses) == 2
        while trains and together.whole():
            time.sleep(0.01)
    assert len(waited) == trains


def test_ctrl_c_ends_a_process_that_waits_for_another(tmp_path: Path, start, addresses):
    process = start(f'--run_dir={tmp_path}/run', TF_CONFIG=cluster(addresses, 0))
    watchdog = threading.Timer(_PATIENCE_S, process.kill)
    watchdog.start()
    while 'Waiting' not in (said := process.stderr.readline()):
        assert process.poll() is None
    assert addresses[1] in said
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    watchdog.cancel()


def test_one_that_has_answered_and_ended_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(('127.0.0.1', 0)) as server:
        own = f'localhost:{server.getsockname()[1]}'
    asked: list[str] = []

    def answers(address: str) -> bool:
        """The second is there in the first two rounds, the third in the next two, then both are."""
        asked.append(address)
        return len(asked) > 8 or (address == 'second:1') == (len(asked) <= 4)

    monkeypatch.setattr(joining, '_answers', answers)
    looked: list[bool] = []

    def whole() -> bool:
        looked.append(True)
        return True

    joining.wait(replicas.Cluster((own, 'second:1', 'third:1'), 0, whole=whole), interrupts.Stop())
    assert len(asked) == 10 and len(looked) == 5
