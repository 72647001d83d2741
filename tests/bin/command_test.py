"""What every command does alike: help, flag errors, exit codes."""

import dataclasses
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import GenerateOptions
from solferino.hparams.spec import option
from solferino.models.core.storage import files, provenance

DOC = """Counts notes.

This command reads all the files that it is given, one after the other, and counts the notes in each one of them.

    count --input=folder
"""


@dataclasses.dataclass(frozen=True)
class Options:
    bars: int = option(7, 'Leave out what is shorter.')
    gap: float = option(1.5, 'Silence.')
    loud: bool = option(False, 'Only loud notes.')
    name: str = option('kit', 'A name.')
    internal: int = 3

    def __post_init__(self) -> None:
        if self.bars < 0:
            raise ValueError('bars must be at least 0.')


def define(flag_values):
    flags.DEFINE_string('input', None, 'Folder of files.', required=True, flag_values=flag_values)
    flags.DEFINE_enum('format', 'compact', ['compact', 'dense'], 'Form of the output.', flag_values=flag_values)
    flags.DEFINE_float('limit', 2.5, 'A number with a bound.', lower_bound=0, flag_values=flag_values)
    flags.DEFINE_list('list', None, 'Several.', flag_values=flag_values)
    flags.DEFINE_string('more', '', 'What may be empty.', flag_values=flag_values)
    command.define_option_flags(flag_values, Options())


def run(*arguments, main=lambda *_: None, beam=False):
    """Runs the command and returns what it exits with; 0 where it comes back."""
    try:
        command.run(DOC, define, main, ['/somewhere/count.py', *arguments], beam)
    except SystemExit as stop:
        return stop.code
    return 0


@pytest.fixture(autouse=True)
def restore_log_levels():
    loggers = [logging.getLogger(name) for name in (None, 'solferino', 'absl')]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize('flag', ['--help', '-h', '--helpfull'])
def test_help_lists_every_flag_with_kind_default_and_text(flag, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    assert run('--unknown', flag) == 0
    out = capsys.readouterr().out
    assert out.startswith('count\n\nCounts notes.\n')
    assert '\n    count --input=folder\n' in out
    assert '  --input (text; required)\n      Folder of files.\n' in out
    assert '  --format (one of compact, dense; default: compact)\n      Form of the output.\n' in out
    assert '  --bars (a whole number; default: 7)' in out
    assert '  --gap (a number; default: 1.5)' in out
    assert '  --[no]loud (true or false; default: false)' in out
    assert '  --log (one of DEBUG, INFO, WARN, ERROR, FATAL; default: INFO)' in out
    assert '  --help\n' in out
    assert '--internal' not in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], '--input is required'),
        (['--inptu=x'], 'There is no flag --inptu. Did you mean --input?'),
        (['--zzz=x'], 'There is no flag --zzz. --help lists'),
        (['--input=x', 'folder'], "'folder' is no flag"),
        (['--input=x', '--', 'folder'], "'--' is no flag"),
        (['--input'], 'Missing value for flag --input.'),
        (['--input='], '--input= is empty. Give a value, or leave it out'),
        (['--input=x', '--name='], '--name= is empty.'),
        (['--input=x', '--list='], '--list= is empty.'),
        (['--input=x', '--bars=some'], '--bars=some is not a whole number.'),
        (['--input=x', '--limit=-1'], '--limit=-1 must be 0 or more.'),
        (['--input=x', '--format=fat'], '--format=fat is none of: compact, dense.'),
        (['--input=x', '--gap=a:b'], '--gap=a:b is not a number.'),
        (['--input=x', '--gap=nan'], '--gap=nan is not a finite number.'),
        (['--input=x', '--gap=-Inf'], '--gap=-inf is not a finite number.'),
        (['--input=x', '--limit=nan'], '--limit=nan is not a finite number.'),
        (['--input=x', '--limit=inf'], '--limit=inf is not a finite number.'),
        (['--input=x', '--limit=-1'], '--limit=-1'),
        (['--input=x', '--loud=maybe'], '--loud=maybe is not true or false.'),
        (['--input=x', '--noloud=true'], '--noloud=true does not take an argument.'),
        (['--input=x', '--format=loose'], '--format=loose'),
        (['--input=x', '--log=LOUD'], '--log=LOUD'),
        (['--input=x', '--flagfile=/no/such'], 'Unable to open flagfile'),
    ],
)
def test_flag_errors_are_one_message_and_exit_code_1(arguments, message, capsys):
    assert run(*arguments, main=lambda _: pytest.fail('the command ran')) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith('error: ')
    assert message in captured.err
    assert captured.err.count('\n') == 1
    assert not captured.out


def test_what_is_empty_by_default_may_be_given_so():
    assert run('--input=x', '--more=') == 0


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        ([], Options()),
        (['--bars=3', '--gap', '2', '--name=x'], Options(bars=3, gap=2.0, name='x')),
        (['--loud'], Options(loud=True)),
        (['--noloud'], Options(loud=False)),
        (['--loud=true'], Options(loud=True)),
    ],
)
def test_options_come_back_from_flags(arguments, expected):
    seen = []
    assert run('--input=x', *arguments, main=lambda fv: seen.append(command.options_from_flags(fv, Options()))) == 0
    assert seen == [expected]


def test_options_keep_the_values_of_the_config_unless_a_flag_is_given():
    seen = []
    config = Options(bars=1, gap=9.0)
    run('--input=x', '--gap=2', main=lambda fv: seen.append(command.options_from_flags(fv, config)))
    assert seen == [Options(bars=1, gap=2.0)]


def test_option_out_of_range_is_an_error(capsys):
    assert run('--input=x', '--bars=-1', main=lambda fv: command.options_from_flags(fv, Options())) == 1
    assert capsys.readouterr().err == 'error: --bars must be at least 0.\n'


def test_names_of_flags_are_marked_and_words_are_not():
    marked = command._as_flags('min_bars=0 and gap must be so; the gap of --gap=1.', ['min_bars', 'gap'])
    assert marked == '--min_bars=0 and --gap must be so; the gap of --gap=1.'


def fail(error):
    def main(_):
        raise error

    return main


def test_errors_for_the_user_have_no_traceback(capsys):
    assert run('--input=x', main=fail(SolferinoError('x is empty.'))) == 1
    assert capsys.readouterr().err == 'error: x is empty.\n'


def test_defects_propagate():
    with pytest.raises(ZeroDivisionError):
        run('--input=x', main=fail(ZeroDivisionError()))


def test_a_broken_pipe_of_another_kind_propagates():
    with pytest.raises(BrokenPipeError):
        run('--input=x', main=fail(BrokenPipeError()))


def test_ctrl_c_exits_with_130(capsys):
    assert run('--input=x', main=fail(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == '\nInterrupted.\n'


def test_sigterm_ends_as_ctrl_c_does_and_exits_with_143(capsys, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    def main(_):
        with files.atomic_open(str(tmp_path / 'half')) as file:
            file.write('half')
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    assert run('--input=x', main=main) == 143
    assert capsys.readouterr().err == '\nTerminated.\n'
    assert not list(tmp_path.iterdir())
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_sigterm_stays_ignored_where_it_was():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert run('--input=x', main=lambda _: os.kill(os.getpid(), signal.SIGTERM)) == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_reader_that_leaves_is_no_error():
    code = 'from solferino.bin import command\ncommand.run("", lambda _: None, lambda _: print("x" * 100000), ["x"])'
    process = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b''
    process.stderr.close()
    assert process.wait() == 1


def test_log_sets_the_threshold():
    seen = []

    def main(_):
        seen.extend(logging.getLogger(name).getEffectiveLevel() for name in ('solferino.bin', 'absl', 'matplotlib'))

    assert run('--input=x', '--log=info', main=main) == 0
    assert run('--input=x', '--log=ERROR', main=main) == 0
    assert seen == [logging.INFO, logging.INFO, logging.WARNING, *[logging.ERROR] * 3]


def test_the_flags_of_two_commands_do_not_meet():
    assert run('--input=x') == run('--input=y') == 0
    assert 'input' not in flags.FLAGS


class TestBeam:
    def test_flags_of_beam_are_handed_on(self):
        seen = []
        arguments = ['--runner', 'DirectRunner', '--input=x', '--direct_num_workers=2', '--bars=1']
        assert run(*arguments, main=lambda fv, beam: seen.append((fv.bars, beam)), beam=True) == 0
        assert seen == [(1, ['--runner', 'DirectRunner', '--direct_num_workers=2'])]

    @pytest.mark.parametrize(
        ('argument', 'message'),
        [
            ('--runer=DirectRunner', 'There is no flag --runer. Did you mean --runner?'),
            ('--direct_num_workers=two', '--direct_num_workers'),
            ('folder', "'folder' is no flag"),
            ('-1', 'There is no flag --1.'),
        ],
    )
    def test_what_neither_side_knows_is_an_error(self, argument, message, capsys):
        assert run('--input=x', argument, main=lambda *_: pytest.fail('the command ran'), beam=True) == 1
        captured = capsys.readouterr()
        assert message in captured.err
        assert captured.err.count('\n') == 1

    def test_a_value_may_begin_like_a_flag(self):
        seen = []
        arguments = ['--direct_num_workers', '-1', '--job_server_jvm_properties', '--add-opens java.base']
        assert run('--input=x', *arguments, main=lambda _, beam: seen.extend(beam), beam=True) == 0
        assert seen == arguments

    def test_no_flag_of_beam_is_refused(self):
        """Fails where an update of Beam defines flags elsewhere: command._names_in_beam must read that file, too."""
        from solferino.pipelines.engine.lean_beam import beam

        flags_of_beam = set()
        beam.options.pipeline_options.PipelineOptions([]).get_all_options(
            add_extra_args_fn=lambda parser: flags_of_beam.update(parser._option_string_actions)
        )
        assert '--runner' in flags_of_beam
        assert flags_of_beam - {'-h', '--help'} <= {f'--{name}' for name in command._names_in_beam()}

    def test_beam_is_asked_where_its_source_is_not_found(self, monkeypatch, capsys):
        monkeypatch.setattr(command, '_names_in_beam', lambda: set())
        assert run('--input=x', '--runner=DirectRunner', main=lambda *_: None, beam=True) == 0
        assert run('--input=x', '--runer=DirectRunner', main=lambda *_: None, beam=True) == 1
        assert 'Did you mean --runner?' in capsys.readouterr().err

    @pytest.mark.parametrize('arguments', [['x'], ['x', '--runner=DirectRunner', '--runer=DirectRunner']])
    def test_beam_is_imported_only_for_its_flags(self, arguments):
        code = (
            'import sys; from solferino.bin import command\n'
            f'try: command.run("", lambda _: None, lambda *_: None, {arguments}, beam=True)\n'
            'finally: print("apache_beam" in sys.modules)'
        )
        assert subprocess.run([sys.executable, '-c', code], check=False, stdout=subprocess.PIPE).stdout == b'False\n'


@pytest.mark.parametrize(
    ('arguments', 'outcome'),
    [
        (['a.mag', '--input=x', 'b.mag'], ('a.mag', 'b.mag')),
        (['a.mag', '--input=x'], 'After the command comes in.mag out.mag, without --; given: a.mag.'),
        (['a', 'b', 'c', '--input=x'], 'given: a b c.'),
        (['--input=x'], 'Nothing is named. After the command and its flags comes in.mag out.mag, without --.'),
        (['a.mag', '--inptu=x'], 'There is no flag --inptu.'),
        (['--help'], '\n\nArguments: in.mag out.mag\n\nFlags, '),
    ],
)
def test_arguments_that_are_no_flags(arguments, outcome, capsys):
    called = []
    try:
        command.run(
            DOC,
            define,
            lambda _, *values: called.append(values),
            ['count', *arguments],
            arguments=('in.mag', 'out.mag'),
        )
    except SystemExit:
        assert outcome in ''.join(capsys.readouterr())
        assert not called
    else:
        assert called == [outcome]


@pytest.mark.parametrize(
    ('given', 'outcome'),
    [(['a'], ['a']), (['--bars=2', 'a', 'b', 'c'], ['a', 'b', 'c']), ([], 'comes FILE ...'), (['a', ''], 'FILE is')],
)
def test_the_last_argument_may_be_given_several_times(
    given: list[str], outcome: list[str] | str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    try:
        command.run(
            DOC,
            define,
            lambda _, *values: seen.extend(values),
            ['count', '--input=x', *given],
            arguments=('FILE', command.MORE),
        )
        code: object = 0
    except SystemExit as end:
        code = end.code
    if isinstance(outcome, str):
        assert code == 1 and outcome in capsys.readouterr().err
    else:
        assert seen == outcome


@pytest.mark.parametrize(
    'value, example', [('.', 'picture.png'), ('/', '/picture.png'), ('a/b', 'a/b.png'), ('x.jpg', 'x.png')]
)
def test_a_picture_is_named_as_a_png_file(value: str, example: str) -> None:
    with pytest.raises(SolferinoError, match=rf'--plot={value}: .* {example}\.$'):
        command.picture_path('plot', value)
    assert command.picture_path('plot', 'a/B.PNG') == Path('a/B.PNG')


@pytest.mark.parametrize('name', ['name', 'names'])
def test_a_byte_of_zero_that_a_flag_file_may_hold_is_in_no_name(name: str, capsys: pytest.CaptureFixture) -> None:
    def define(values: flags.FlagValues) -> None:
        flags.DEFINE_string('name', '', '', flag_values=values)
        flags.DEFINE_list('names', [], '', flag_values=values)

    with pytest.raises(SystemExit):
        command.run('', define, lambda _: None, ['do', f'--{name}=a\0b'])
    assert f'--{name} has a byte of value 0' in capsys.readouterr().err


@pytest.mark.parametrize('kind', ['pipe', 'folder', 'device'])
def test_a_flag_file_is_a_file(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = {'pipe': tmp_path / 'pipe', 'folder': tmp_path, 'device': Path('/dev/zero')}[kind]
    if kind == 'pipe':
        os.mkfifo(path)
    with pytest.raises(SystemExit):
        command.run('', lambda _: None, lambda _: None, ['do', f'--flagfile={path}'])
    assert capsys.readouterr().err == f'error: --flagfile={path} is not a regular file. Name a file on a disk.\n'


@pytest.mark.parametrize(
    ('given', 'told'),
    [
        (['--number=3'], '--number=3'),
        (['--input=/music/me/a.mid'], '--input=a.mid'),
        (['--input=~/a.mid,/b/c@2.tfrecord,d/e'], '--input=a.mid,c@2.tfrecord,d/e'),
        (['--also=x y'], "'--input=x y'"),
        (['--list=mp3,png', '--nobool'], '--list=mp3,png --nobool'),
        (['--temperature=auto', '--bool'], '--temperature=auto --bool'),
        (['--output_dir=/tmp/x', '--num_workers=2', '--log=ERROR'], ''),
    ],
)
def test_files_are_told_the_command_without_places(given, told):
    def define(fv):
        flags.DEFINE_integer('number', None, '', flag_values=fv)
        flags.DEFINE_integer('num_workers', 1, '', flag_values=fv)
        flags.DEFINE_string('input', None, '', flag_values=fv)
        flags.DEFINE_string('output_dir', None, '', flag_values=fv)
        flags.DEFINE_list('list', None, '', flag_values=fv)
        command.define_option_flags(fv, GenerateOptions())
        flags.DEFINE_bool('bool', False, '', flag_values=fv)
        flags.DEFINE_alias('also', 'input', flag_values=fv)

    made = []
    command.run('', define, lambda fv: made.append(provenance.maker()), ['/usr/bin/program', *given])
    assert made[0]['command'] == f'program {told}'.strip()
    assert 'command' not in provenance.maker()


@pytest.mark.parametrize(
    'argument, copy',
    [
        ('--name=s3://music/data/a.tfrecord', 'aws s3 sync s3://music/data data'),
        ('--name=a.tfrecord,s3://music/data/a.tfrecord,b', 'aws s3 sync s3://music/data data'),
        ('gs://music/a.mag', 'gcloud storage cp -r gs://music data'),
        ('--name=hdfs://data/notes/a', 'hdfs dfs -get hdfs://data/notes data'),
    ],
)
def test_paths_of_other_machines_are_for_pipelines(
    argument: str, copy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def define(values: flags.FlagValues) -> None:
        flags.DEFINE_string('name', '', 'A file.', flag_values=values)

    given = [argument] if argument.startswith('--') else []
    argv = ['program', argument]
    with pytest.raises(SystemExit):
        command.run('Doc.', define, lambda *_: None, argv, arguments=() if given else ('FILE',))
    assert copy in capsys.readouterr().err
    reached = []
    command.run('Doc.', define, lambda values, beam_args: reached.append(values.name), ['program', *given], beam=True)
    assert reached == [argument.removeprefix('--name=') if given else '']
