"""What the page lets people copy."""

import shlex
from types import SimpleNamespace
from typing import Any

from solferino.pipelines.studio import requests

MODEL: Any = SimpleNamespace(
    source='/somewhere/my drums.mag', step=None, family=SimpleNamespace(spec=SimpleNamespace(name='drums_rnn'))
)


def test_a_request_is_a_command_line_and_python() -> None:
    copied = requests.generating(MODEL, True, 3, 7, {'num_bars': 4, 'accents': True})
    assert shlex.split(copied['command']) == [
        'drums_rnn_generate', '--bundle_file=my drums.mag', '--primer_midi=primer.mid', '--num_outputs=3', '--seed=7',
        '--num_bars=4', '--accents=true', '--output_dir=generated',
    ]  # fmt: skip
    compile(copied['python'], 'copied', 'exec')
    assert "load('my drums.mag').generate(midi_io" in copied['python'] and 'num_bars=4' in copied['python']


def test_what_was_typed_stays_one_word_and_one_string() -> None:
    odd = '\'; rm -rf ~; echo "$(id)"'
    copied = requests.infilling(MODEL, 2.0, 4.5, 1, 7, {'label': odd})
    assert f'--label={odd}' in shlex.split(copied['command'])
    assert '--infill_seconds=2-4.5' in copied['command']
    compile(copied['python'], 'copied', 'exec')
    assert repr(odd) in copied['python']
