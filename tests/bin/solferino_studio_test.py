"""The command of the studio, as a user gives it."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from solferino.bin import solferino_studio
from solferino.pipelines.studio import app

RUN = [sys.executable, '-m', 'solferino.bin.solferino_studio', '--nobrowser']


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A page that was built."""
    folder = tmp_path / 'dist'
    folder.mkdir()
    (folder / 'index.html').write_text('<!DOCTYPE html>')
    monkeypatch.setattr(app, 'PAGE', folder)
    return folder


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[Any, str]:
    """Returns the exit code and what was said on stderr."""
    monkeypatch.setattr(sys, 'argv', ['solferino_studio', '--nobrowser', *arguments])
    try:
        solferino_studio.console_entry_point()
        code: Any = 0
    except SystemExit as stop:
        code = stop.code
    return code, capsys.readouterr().err


def test_help_answers_at_once() -> None:
    said = subprocess.run([*RUN, '--help'], capture_output=True, text=True, check=True).stdout
    assert '--num_workers' in said and '--work_gb' in said
    heavy = 'import sys; from solferino.bin import solferino_studio; print([m for m in sys.modules if m in HEAVY])'
    heavy = heavy.replace('HEAVY', "('starlette', 'uvicorn', 'note_seq', 'tensorflow', 'numpy')")
    assert subprocess.run([sys.executable, '-c', heavy], capture_output=True, text=True, check=True).stdout == '[]\n'


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--bundle_file=missing.mag'], 'missing.mag is not there. Name a bundle (--bundle_file)'),
        (['--host=0.0.0.0', '--password_file=none'], '--password_file=none cannot be read'),
        (['--host=0.0.0.0', '--password_file=short'], '--password_file=short needs a password of 8 characters or more'),
        (['--host=1.2.3.4', '--password_file=long'], '--host=1.2.3.4 --port=0'),
        (['--host=no.such.host.invalid', '--password_file=long'], '--host=no.such.host.invalid'),
        (['--num_workers=0'], 'num_workers'),
        (['--port=99999'], 'port'),
        (['--work_dir=long'], 'long'),
    ],
)
def test_wrong_input(
    tmp_path: Path,
    page: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'short').write_text('abc\n')
    (tmp_path / 'long').write_text('abcdefgh\n')
    code, told = run(capsys, monkeypatch, *arguments)
    assert code == 1 and said in told and 'Traceback' not in told, told


def test_other_machines_need_a_password(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr(solferino_studio.getpass, 'getpass', nobody)
    code, told = run(capsys, monkeypatch, '--host=0.0.0.0')
    assert code == 1 and '--host=0.0.0.0 needs a password of 8 characters or more, in the first' in told


def test_no_page_and_no_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(app, 'PAGE', tmp_path / 'nothing')
    code, told = run(capsys, monkeypatch)
    assert code == 1 and 'The page of the studio is not built' in told and 'make studio' in told
    monkeypatch.setitem(sys.modules, 'uvicorn', None)
    code, told = run(capsys, monkeypatch)
    assert code == 1 and "pip install 'solferino[studio]'" in told
    assert not (tmp_path / 'studio').exists()


def test_a_port_that_is_taken(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        code, told = run(capsys, monkeypatch, f'--port={port}')
    assert code == 1 and f'--port={port}' in told and 'Name another --port' in told


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A studio that runs, and its address."""
    if not (app.PAGE / 'index.html').exists():
        pytest.skip('the page of the studio is not built: npm ci && npm run build in pipelines/studio/page')
    with running(tmp_path, RUN) as started:
        yield started


@contextlib.contextmanager
def running(folder: Path, command: list[str], **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
        env=os.environ | environment,
    )  # fmt: skip
    assert process.stdout
    yield process, process.stdout.readline().split()[-1]
    process.kill()
    process.communicate()


def test_the_address_works_a_second_studio_is_refused_and_ctrl_c_ends_it(
    studio: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, address = studio
    found = re.fullmatch(r'(http://127\.0\.0\.1:\d+/)#token=(\S+)', address)
    assert found
    request = urllib.request.Request(found[1] + 'api/models', headers={'Authorization': f'Bearer {found[2]}'})
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer) == {'models': []}
    with urllib.request.urlopen(found[1]) as answer:
        assert b'<html' in answer.read()
    second = subprocess.run(RUN, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert second.returncode == 1 and 'Another studio works in' in second.stderr
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert told == ''


def test_other_users_find_neither_the_token_nor_music_and_their_modules_are_not_run(
    studio: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    studio[0].kill()
    studio[0].wait()
    browser = tmp_path / 'browser'
    browser.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/new\nmv {tmp_path}/new {tmp_path}/shown\n')
    browser.chmod(0o700)
    (tmp_path / 'msgspec.py').write_text("open('was_run', 'w')")
    command = [sys.executable, '-P', *[word for word in RUN[1:] if word != '--nobrowser']]
    with running(tmp_path, command, BROWSER=f'{browser} %s') as (_, address):
        site, _, token = address.partition('#token=')
        end = time.monotonic() + 30
        while not (tmp_path / 'shown').exists() and time.monotonic() < end:
            time.sleep(0.05)
        shown = (tmp_path / 'shown').read_text().strip()
        assert token not in shown and shown.startswith('file://')
        leading = Path(shown.removeprefix('file://'))
        assert address in leading.read_text() and leading.stat().st_mode & 0o077 == 0
        request = urllib.request.Request(site + 'api/instruments', headers={'Authorization': f'Bearer {token}'})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)['drums']
        assert not (tmp_path / 'was_run').exists()
        made = [path for path in (tmp_path / 'studio').rglob('*') if path.name != '.studio']
        assert made and not [path for path in made if path.stat().st_mode & 0o077]
