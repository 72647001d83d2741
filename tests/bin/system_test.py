"""What the system refuses to a command: a sentence, an exit code, and nothing lost or left behind."""

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from solferino.bin import (
    convert_dir_to_note_sequences,
    drums_rnn_create_dataset,
    drums_rnn_generate,
    solferino_convert_bundle,
    solferino_draw,
    solferino_evaluate,
    solferino_export,
    solferino_inspect,
    solferino_metrics,
    solferino_originality,
    solferino_play,
    solferino_render,
    solferino_report,
    solferino_write_grooves,
)
from solferino.models import load
from tests.bin.typed import typed as run

pytestmark = pytest.mark.once


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@contextlib.contextmanager
def _no_file_above(size: int) -> Iterator[None]:
    """Files that grow above `size` bytes cannot be written, as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


_CONVERT = (convert_dir_to_note_sequences, '--input_dir=music', '--output_file={}')
_EXAMPLES = (
    drums_rnn_create_dataset, '--config=one_drum', '--eval_ratio=0', '--input=notes.tfrecord', '--output_dir={}',
)  # fmt: skip
_BUNDLE = (drums_rnn_generate, '--run_dir=run', '--save_generator_bundle', '--bundle_file={}')
_GENERATE = (drums_rnn_generate, '--bundle_file=b.mag', '--num_outputs=2', '--num_steps=16', '--output_dir={}')
_DRAW = (solferino_draw, '--input=music', '--output_dir={}')
_PLOT = (solferino_inspect, 'music/a.mid', '--plot={}.png')
_EXPORT = (solferino_export, '--format=magentajs', '--bundle_file=b.mag', '--output_dir={}')
_COPY = (solferino_convert_bundle, 'b.mag', '{}')
_GROOVES = (solferino_write_grooves, '--num_files=2', '--output_dir={}')
_SOUNDS = f'--soundfont={Path(__file__).parent.parent / "fuzz/seeds/tiny.sf2"}'  # small, and so at once read
_RENDER = (solferino_render, 'music', '--output_dir={}', '--format=wav,png,musicxml', _SOUNDS)
_PLAY = (solferino_play, 'music', '--output_dir={}', _SOUNDS)
_METRICS = (solferino_metrics, 'music', '--output={}.json')
_EVALUATE = (solferino_evaluate, 'music', '--bundle_file=b.mag', '--output={}.json')
_REPORT = (solferino_report, 'music', '--output={}.html')
_MORE = (*_GENERATE, '--best=1', '--draw', '--render=wav,svg,musicxml', '--originality=music', _SOUNDS)
_ORIGINALITY = (solferino_originality, 'music', '--training=notes.tfrecord')
_NEW = {
    'render': _RENDER, 'play': _PLAY, 'metrics': _METRICS, 'evaluate': _EVALUATE, 'report': _REPORT, 'more': _MORE,
}  # fmt: skip
_ALL = [_CONVERT, _EXAMPLES, _BUNDLE, _GENERATE, _DRAW, _PLOT, _EXPORT, _COPY, _GROOVES, *_NEW.values()]
_NAMES = ['convert', 'create_dataset', 'save_bundle', 'generate', 'draw', 'plot', 'export', 'convert_bundle', 'grooves']
_NAMES += _NEW
every_command = pytest.mark.parametrize('called', _ALL, ids=_NAMES)


def _to(called: tuple[Any, ...], output: str) -> tuple[Any, ...]:
    return called[0], *(argument.format(output) for argument in called[1:])


@every_command
def test_a_disk_that_is_full_at_any_size(called, place, capsys):
    before = _tree(place)
    for size in (0, 40, 1000, 30_000):
        with _no_file_above(size):
            code = run(*_to(called, 'out'))
        told = capsys.readouterr().err
        if not code:
            return
        assert code == 1 and 'File too large' in told and 'Traceback' not in told, told
        made = {name for name in _tree(place) if name not in before}
        # Of several files that each stand for themselves, those that are whole may be there.
        assert {name: data for name, data in _tree(place).items() if name in before} == before
        assert not made or called in (_DRAW, _GROOVES, _RENDER, _PLAY, _MORE)
    assert not run(*_to(called, 'out'))


@every_command
@pytest.mark.parametrize('output', ['b.mag/x', '/proc/x', 'n' * 300, 'loop/x', 'closed/x'])
def test_outputs_that_cannot_be(called, output, place, capfd):
    os.symlink('loop', 'loop')
    os.symlink('/proc/nothing', 'closed')
    before = _tree(place)
    assert run(*_to(called, output)) == 1
    told = capfd.readouterr().err
    assert 'Traceback' not in told and 'error: ' in told
    assert _tree(place) == before


def _command(module: Any, *arguments: str) -> str:
    return ' '.join([sys.executable, '-m', module.__name__, *(f"'{argument}'" for argument in arguments)])


def _shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ['bash', '-c', line],
        capture_output=True,
        encoding='utf-8',
        errors='replace',
        env=os.environ | environment,
        timeout=120,
    )


_SHORT = (solferino_inspect, 'b.mag')


@pytest.mark.parametrize(
    'module_and_arguments',
    [_SHORT, (drums_rnn_generate, '--help'), *(_to(called, 'out') for called in (*_NEW.values(), _ORIGINALITY))],
    ids=['inspect', 'help', *_NEW, 'originality'],
)
def test_a_full_standard_output(module_and_arguments, place):
    done = _shell(_command(*module_and_arguments) + ' > /dev/full')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert done.stderr.splitlines()[-1] == 'error: The output cannot be written: No space left on device.'


def test_files_are_written_though_the_output_is_full(place):
    done = _shell(_command(*_to(_GENERATE, 'out')) + ' > /dev/full')
    assert done.returncode == 1 and len(list(Path('out').iterdir())) == 2


@pytest.mark.parametrize('closed', ['>&-', '2>&-', '<&- >&- 2>&-', '2>/dev/full'])
def test_closed_standard_streams(closed, place):
    done = _shell(_command(*_to(_BUNDLE, 'new.mag')) + ' ' + closed)
    assert done.returncode == 0, done.stderr
    assert load('new.mag').config.name == 'one_drum'  # and nothing that was printed is in it


def test_a_reader_that_leaves(place):
    done = _shell(_command(*_SHORT) + ' | head -1; exit ${PIPESTATUS[0]}')
    assert done.returncode in (0, 1) and not done.stderr


def test_a_working_folder_that_is_gone(place):
    done = _shell(f'mkdir gone; cd gone; rmdir ../gone; {_command(*_SHORT)}')
    assert done.returncode == 1
    assert 'error: The folder in which this command runs is not there any more.' in done.stderr


@pytest.mark.parametrize('called', [*_NEW.values(), _ORIGINALITY], ids=[*_NEW, 'originality'])
def test_outputs_in_a_working_folder_that_is_gone(called, place):
    inputs = {name: str(place / name) for name in ('music', 'b.mag', 'notes.tfrecord')}
    module, *arguments = _to(called, 'out')
    named = [re.sub(r'^(|.*=)(music|b\.mag|notes\.tfrecord)$', lambda m: m[1] + inputs[m[2]], a) for a in arguments]
    done = _shell(f'mkdir gone; cd gone; rmdir ../gone; {_command(module, *named)}')
    assert 'Traceback' not in done.stderr
    assert done.returncode == (0 if called is _ORIGINALITY else 1), done.stderr
    assert called is _ORIGINALITY or 'error: ' in done.stderr


@pytest.mark.parametrize(
    'called',
    [_CONVERT, _EXAMPLES, _DRAW, _GENERATE, *_NEW.values(), _ORIGINALITY],
    ids=['convert', 'data', 'draw', 'generate', *_NEW, 'originality'],
)
def test_names_that_are_no_text(called, place):
    os.rename(b'music/a.mid', b'music/caf\xe9.mid')
    out = os.fsdecode(b'out\xff')
    done = _shell(_command(*_to(called, out)))
    assert 'Traceback' not in done.stderr
    assert done.returncode == 0 or 'is not in UTF-8' in done.stderr


@pytest.mark.parametrize(
    'environment',
    [{'LC_ALL': 'C', 'PYTHONUTF8': '0', 'PYTHONCOERCECLOCALE': '0'}, {'HOME': '/nothing', 'TMPDIR': '/nothing'}],
)
def test_poor_surroundings(environment, place):
    os.rename('music/a.mid', 'music/é.mid')
    done = _shell(_command(*_to(_CONVERT, 'ö.tfrecord')), **environment)
    assert 'Traceback' not in done.stderr
    assert done.returncode == 0 or 'is not in UTF-8' in done.stderr


@pytest.mark.parametrize('output', ['~nobody_of_this_name/x'])
def test_the_home_of_nobody(output, place):
    assert run(*_to(_BUNDLE, output)) == 0
    assert Path(output).is_file()


@pytest.mark.parametrize(
    'called',
    [
        (drums_rnn_create_dataset, '--input=pipe', '--output_dir=out'),
        (drums_rnn_generate, '--bundle_file=b.mag', '--primer_midi=pipe', '--output_dir=out'),
        (drums_rnn_generate, '--bundle_file=pipe', '--output_dir=out'),
        (solferino_inspect, 'pipe'),
        (solferino_draw, '--input=pipe', '--output_dir=out'),
        (drums_rnn_create_dataset, '--input=/dev/zero', '--output_dir=out'),
        (*_RENDER[:2], '--output_dir=out', '--soundfont=pipe'),
        (solferino_render, 'pipe', '--output_dir=out'),
        (solferino_play, '/dev/zero'),
        (solferino_metrics, 'music', 'pipe'),
        (solferino_evaluate, 'pipe', '--bundle_file=b.mag'),
        (solferino_evaluate, 'music', '--bundle_file=pipe'),
        (solferino_evaluate, 'music', '--run_dir=pipe'),
        (solferino_originality, 'music', '--training=pipe'),
        (solferino_report, 'music', '--commands=pipe'),
        (solferino_report, 'music', '--commands=/dev/zero'),
        (solferino_report, 'music', '--run_dir=pipe'),
        (*_to(_GENERATE, 'out'), '--originality=pipe'),
    ],
)
def test_nothing_waits_for_a_pipe(called, place, capfd):
    os.mkfifo('pipe')
    assert run(*called) == 1
    assert 'Traceback' not in capfd.readouterr().err


def test_a_file_of_proc_can_be_inspected(place, capfd):
    assert run(solferino_inspect, '/proc/self/status') in (0, 1)
    assert 'Traceback' not in capfd.readouterr().err
