"""note_seq is loaded in parts, and is whole for whoever asks for the whole."""

import os
import subprocess
import sys

import pytest

ITS_NOTEBOOK_HELPERS = "('bokeh', 'IPython', 'librosa')"
ALL_NAMES = 'print(*sorted(name for name in dir(note_seq) if not name.startswith("__")))'


def run(code: str) -> str:
    result = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


@pytest.fixture(scope='module')
def names() -> str:
    """What there is in the package, without us."""
    found = run(f'import note_seq\n{ALL_NAMES}')
    assert {'DrumTrack', 'NoteSequence', 'sequences_lib', 'midi_io'} <= set(found.split())
    return found


@pytest.mark.parametrize(
    'module',
    ['models.loading', 'models.drums_rnn', 'models.melody_rnn', 'models.music.pieces.drums', 'pipelines.examples'],
)
def test_the_helpers_are_not_loaded(module: str) -> None:
    code = f'import sys, solferino.{module}\nprint(*(m for m in {ITS_NOTEBOOK_HELPERS} if m in sys.modules))'
    assert run(code) == '\n'


def test_looking_at_all_modules_loads_nothing() -> None:
    code = (
        'import sys, warnings, inspect, solferino.models.loading, note_seq.protobuf.music_pb2\n'
        'inspect.unwrap(note_seq)\nfor module in [*sys.modules.values()]: getattr(module, "__warningregistry__", 0)\n'
        f'print(*(m for m in {ITS_NOTEBOOK_HELPERS} if m in sys.modules))'
    )
    assert run(code) == '\n'


@pytest.mark.parametrize(
    'before', ['', 'import solferino.models.loading', 'import solferino.models.music.pieces.sections']
)
def test_the_package_is_whole_for_others(names: str, before: str) -> None:
    assert run(f'{before}\nimport note_seq\n{ALL_NAMES}') == names


@pytest.mark.parametrize(
    'code',
    [
        'import note_seq; assert note_seq.DrumTrack is DrumTrack and note_seq.NoteSequence is NoteSequence',
        'from note_seq import DrumTrack as theirs; assert theirs is DrumTrack',
        'from note_seq import *; from note_seq import drums_lib; assert plot_sequence and drums_lib.DrumTrack',
        'import note_seq as n; assert n.drums_lib.DrumTrack is DrumTrack; assert n.notebook_utils.play_sequence',
        'import note_seq; assert note_seq.__version__ and note_seq.version.__version__ == note_seq.__version__',
        'import note_seq; assert not hasattr(note_seq, "nonsense") and "nonsense" not in dir(note_seq)',
        'import importlib, note_seq; assert importlib.reload(note_seq).midi_to_note_sequence',
    ],
)
def test_ours_is_theirs(code: str) -> None:
    run(
        'import solferino.models.loading\nfrom note_seq.drums_lib import DrumTrack\n'
        f'from note_seq.protobuf.music_pb2 import NoteSequence\n{code}'
    )


def test_a_package_that_is_loaded_stays() -> None:
    run(
        'import note_seq\nbefore = note_seq.DrumTrack\nimport solferino.models.drums_rnn\n'
        'import note_seq\nassert note_seq.DrumTrack is before and type(note_seq) is type(__import__("sys"))'
    )


def test_threads_may_ask_at_once() -> None:
    run(
        'import solferino.models.loading, note_seq\nfrom concurrent.futures import ThreadPoolExecutor\n'
        'with ThreadPoolExecutor(8) as pool:\n'
        '    assert len(set(pool.map(lambda _: note_seq.plot_sequence, range(8)))) == 1'
    )


def test_nothing_is_said_of_a_program_that_nobody_needs() -> None:
    code = 'import solferino.models, note_seq\nnote_seq.audio_io, note_seq.DrumTrack'
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONWARNINGS'} | {'PATH': ''}
    result = subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and 'ffmpeg' not in result.stderr, result.stderr[-2000:]
