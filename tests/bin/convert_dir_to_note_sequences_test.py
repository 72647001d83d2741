"""The limits that files may be given."""

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
