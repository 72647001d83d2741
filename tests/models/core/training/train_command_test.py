"""The training command in a process of its own: signals, two at a time, a job beside it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy_family
from toy_family import FAMILY

from solferino.models.core.storage import checkpoints
from solferino.models.core.training import asked, jobs

_PATIENCE_S = 180  # for a command on a busy machine
SCRIPT = str(Path(__file__).parents[1] / 'toy_train.py')


@pytest.fixture
def start():
    """Starts the command with some flags; what still runs after the test is ended."""
    started = []

    def run(*flags: str) -> subprocess.Popen:
        command = [sys.executable, SCRIPT, *flags]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        with process:
            process.kill()


def wait_for_step(run: Path, step: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not any(found >= step for found in checkpoints.paths(str(run / 'train'))):
        assert time.monotonic() < deadline, 'no checkpoint'
        time.sleep(0.05)


@pytest.fixture
def flags(tmp_path):
    """Of a run without an end that saves often."""
    path = toy_family.write(tmp_path / 'train.tfrecord', 30)
    return [f'--run_dir={tmp_path}/run', f'--sequence_example_file={path}', '--checkpoint_seconds=0.2']


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_ends_and_the_next_run_goes_on(tmp_path, start, flags, number):
    run = tmp_path / 'run'
    process = start(*flags)
    wait_for_step(run, 1)
    process.send_signal(number)
    out, err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 128 + number, err
    assert 'The same command goes on from there' in out
    stopped = checkpoints.latest(str(run / 'train'))
    assert f'model.ckpt-{stopped.step}.safetensors' in out

    for folder in ('run', 'whole'):
        examples = str(tmp_path / 'train.tfrecord')
        jobs.train(FAMILY, asked.Request(str(tmp_path / folder), examples=examples, num_steps=stopped.step + 7))
    resumed, whole = (checkpoints.latest(str(tmp_path / name / 'train')) for name in ('run', 'whole'))
    assert resumed.step == whole.step == stopped.step + 7
    for name, array in whole.weights.items():
        assert array.tobytes() == resumed.weights[name].tobytes()


def test_a_second_trainer_is_refused_and_the_evaluation_job_ends_with_the_first(tmp_path, start, flags):
    run = tmp_path / 'run'
    held_out = toy_family.write(tmp_path / 'eval.tfrecord', 5, seed=1)
    job = start(f'--run_dir={run}', f'--sequence_example_file={held_out}', '--eval')
    time.sleep(1)
    trainer = start(*flags)
    wait_for_step(run, 1)
    second = start(*flags)
    _, err = second.communicate(timeout=_PATIENCE_S)
    assert second.returncode == 1
    assert f'error: Another training run is at work in {run} (process {trainer.pid}' in err

    assert job.poll() is None
    trainer.send_signal(signal.SIGTERM)
    out, err = trainer.communicate(timeout=_PATIENCE_S)
    assert trainer.returncode == 128 + signal.SIGTERM, err
    last = checkpoints.latest(str(run / 'train'))
    out, err = job.communicate(timeout=_PATIENCE_S)
    assert job.returncode == 0, err
    assert 'Waiting for the first checkpoint' in err
    assert f'model.ckpt-{last.step}.safetensors on the 5 examples' in out
    assert checkpoints.best(str(run / 'train'))


def test_errors_come_before_tensorflow(flags):
    command = [sys.executable, '-X', 'importtime', SCRIPT, *flags, '--hparams=depth=3']
    process = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S)
    assert process.returncode == 1
    assert 'error: --hparams: there is no hyperparameter' in process.stderr
    assert 'tensorflow' not in process.stderr and 'Traceback' not in process.stderr
