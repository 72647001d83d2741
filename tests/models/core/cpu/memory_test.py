"""The memory that there is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from solferino.hparams import drums_rnn
from solferino.hparams.errors import SolferinoError
from solferino.models.core.cpu import memory


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 3 GB left, in no control group."""
    (tmp_path / 'meminfo').write_text('MemTotal:  9000000 kB\nMemAvailable:  3000000 kB\n')
    monkeypatch.setattr(memory, '_MEMINFO', tmp_path / 'meminfo')
    monkeypatch.setattr(memory, '_CGROUP', tmp_path)
    monkeypatch.setattr(memory, '_of_limit', lambda: None)
    return tmp_path


def test_it_is_what_the_machine_has_left(machine):
    assert memory.available() == 3_000_000 * 1024
    (machine / 'meminfo').unlink()
    assert memory.available() is None
    memory.require(1e30, 'All', 'Stop.')  # where nothing is known nothing is refused


@pytest.mark.parametrize(
    ('limit', 'usage', 'stat', 'cache'),
    [
        ('memory.max', 'memory.current', 'memory.stat', 'inactive_file'),
        (
            'memory/memory.limit_in_bytes',
            'memory/memory.usage_in_bytes',
            'memory/memory.stat',
            'total_inactive_file',
        ),
    ],
)
def test_a_control_group_may_have_less(machine, limit, usage, stat, cache):
    (machine / 'memory').mkdir()
    (machine / usage).write_text('900\n')
    (machine / stat).write_text(f'anon 600\n{cache} 300\n')
    (machine / limit).write_text('1000\n')
    assert memory.available() == 400
    (machine / limit).write_text('max\n')
    assert memory.available() == 3_000_000 * 1024


def test_what_does_not_fit_is_told_in_gigabytes(machine):
    memory.require(3e9, 'This', 'No.')
    with pytest.raises(SolferinoError, match=r'^This needs about 179 GB of memory, and 3\.07 GB are free\. Less\.$'):
        memory.require(179e9, 'This', 'Less.')


def test_a_limit_of_the_process_counts():
    code = (
        'import resource; from solferino.models.core.cpu import memory;'
        'resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, -1)); print(memory.available())'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=os.environ, check=True)
    assert 0 < int(done.stdout) < 3 * 2**30


def test_this_machine_tells():
    assert memory.available()


def test_generating_asks_first(machine):
    from solferino.models.loading import Model

    (machine / 'meminfo').write_text('MemAvailable: 1000 kB\n')
    model = Model(None, None, {}, 'x', 'x', 'x')  # of which nothing is asked before
    with pytest.raises(SolferinoError, match=r'--num_outputs=1000 of --num_steps=128 needs about 0\.13 GB'):
        model.generate_with(drums_rnn.SPEC.generation, None, 1000)
