"""The limits that files may be given."""

import os
import subprocess
import sys

import pytest
from absl import flags

from solferino.bin import command
from solferino.bin import convert_dir_to_note_sequences as convert
from solferino.pipelines import parsing

LIMITS = ('max_file_mb', 'max_file_memory_mb', 'max_file_seconds')


@pytest.mark.parametrize('name', LIMITS)
@pytest.mark.parametrize('value', ['nan', 'inf', '-1', '1e12', '1e30', 'much'])
def test_a_limit_that_cannot_be_is_an_error_that_names_the_flag(name, value, capsys):
    arguments = ['convert', '--input_dir=music', '--output_file=notes.tfrecord', f'--{name}={value}']
    with pytest.raises(SystemExit) as stop:
        command.run('', convert.define, lambda *_: pytest.fail('the command ran'), arguments, beam=True)
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith(f'error: --{name}={value}')


def test_files_are_read_under_the_largest_limits(tmp_path):
    values = flags.FlagValues()
    convert.define(values)
    path = tmp_path / 'empty.mid'
    path.write_bytes(b'MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0')
    with parsing.Parser(parsing.Limits(*(values[name].parser.upper_bound for name in LIMITS))) as parser:
        assert isinstance(parser.parse_midi(path), parsing.Converted)


def test_nothing_is_imported_from_a_folder_of_music(tmp_path):
    """A collection may come from anywhere: with `-m`, the process that reads it found a numpy.py beside its files."""
    (tmp_path / 'numpy.py').write_text('open("imported", "w")\nraise SystemExit(9)\n')
    (tmp_path / 'a.mid').write_bytes(
        b'MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\x0d\0\x90\x3c\x50\x83\x60\x80\x3c\0\0\xff\x2f\0'
    )
    # As pip's entry points start it: the working folder is not in sys.path.
    code = 'from solferino.bin import convert_dir_to_note_sequences as convert; convert.console_entry_point()'
    flags = ['--input_dir=.', '--output_file=out.tfrecord', '--num_workers=1']
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONSAFEPATH'}
    done = subprocess.run(
        [sys.executable, '-P', '-c', code, *flags], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / 'imported').exists()
    assert (tmp_path / 'out.tfrecord').stat().st_size
