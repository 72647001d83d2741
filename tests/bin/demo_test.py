"""The demo's script, with commands that only note what they are asked: order, printed lines, whose files it removes."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / 'bin' / 'demo.sh'
COMMANDS = [
    'solferino_write_grooves',
    'convert_dir_to_note_sequences',
    'drums_rnn_create_dataset',
    'drums_rnn_train',
    'drums_rnn_train',
    'drums_rnn_generate',
    'drums_rnn_generate',
    'solferino_draw',
    'solferino_report',
]


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with the commands, each of which writes its arguments to the file `asked`, one on a line."""
    folder = tmp_path / 'commands'
    folder.mkdir()
    for name in set(COMMANDS):
        script = f'#!/bin/sh\nprintf "%s\\n" {name} "$@" >>"{tmp_path}/asked"\n'
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return folder


def run(folder: str, cwd: Path, *path: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {'PATH': os.pathsep.join([*map(str, path), '/usr/bin', '/bin'])}
    return subprocess.run(['bash', DEMO, folder], cwd=cwd, env=environment, capture_output=True, text=True)


def test_commands_run_in_order_as_they_are_printed(commands: Path, tmp_path: Path) -> None:
    result = run('my demo', tmp_path, commands)
    assert result.returncode == 0, result.stderr
    printed = [shlex.split(line[2:]) for line in result.stdout.splitlines() if line.startswith('$ ')]
    assert [words[0] for words in printed] == COMMANDS
    assert [word for words in printed for word in words] == (tmp_path / 'asked').read_text().splitlines()
    kept = (tmp_path / 'my demo' / 'commands.txt').read_text().splitlines()
    assert kept == [line for line in result.stdout.splitlines() if line.startswith('$ ')]


def test_a_second_demo_begins_anew_and_leaves_the_files_of_others(commands: Path, tmp_path: Path) -> None:
    assert run('demo', tmp_path, commands).returncode == 0
    demo = tmp_path / 'demo'
    (demo / 'run' / 'train').mkdir(parents=True)
    (demo / 'midi').mkdir()
    (demo / 'mine.mid').touch()
    assert run('demo', tmp_path, commands).returncode == 0
    assert not (demo / 'run').exists()
    assert not (demo / 'midi').exists()
    assert (demo / 'mine.mid').exists()


def test_a_folder_of_somebody_else_is_refused(commands: Path, tmp_path: Path) -> None:
    (tmp_path / 'music' / 'midi').mkdir(parents=True)
    result = run('music', tmp_path, commands)
    assert result.returncode == 1
    assert 'music holds files that the demo did not make' in result.stderr
    assert (tmp_path / 'music' / 'midi').exists()
    assert not (tmp_path / 'asked').exists()


def test_missing_commands_and_failing_ones_stop_it(commands: Path, tmp_path: Path) -> None:
    result = run('demo', tmp_path)
    assert result.returncode == 1
    assert 'Type: make demo' in result.stderr
    assert not (tmp_path / 'demo').exists()
    (commands / 'drums_rnn_create_dataset').write_text('#!/bin/sh\nexit 3\n')
    result = run('demo', tmp_path, commands)
    assert result.returncode == 3
    assert 'drums_rnn_train' not in result.stdout
