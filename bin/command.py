"""What all commands share: flags, help, error messages and exit codes.

A command says which flags it has and what to do with their values:

    def console_entry_point() -> None:
        command.run(__doc__, define, main)

The flags live in a `FlagValues` of the command's own, not in absl's global one, where TensorFlow and Beam keep theirs.
Nothing heavy is imported here: help and flag errors must come at once.
"""

import argparse
import contextlib
import dataclasses
import difflib
import importlib.util
import inspect
import itertools
import logging
import math
import os
import re
import shlex
import shutil
import signal
import sys
import textwrap
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from absl import flags
from absl import logging as absl_logging
from absl.logging import converter

from solferino.bin import surroundings
from solferino.hparams import bounds, generation, system_errors
from solferino.hparams.errors import SolferinoError

Options = TypeVar('Options')

# --log value -> (level of our messages, TF_CPP_MIN_LOG_LEVEL). TensorFlow's C++ side tells of its own build at INFO.
_LOG_LEVELS = {
    'DEBUG': (logging.DEBUG, '0'),
    'INFO': (logging.INFO, '1'),
    'WARN': (logging.WARNING, '1'),
    'ERROR': (logging.ERROR, '2'),
    'FATAL': (logging.CRITICAL, '3'),
}
MORE = '...'  # among the names of a command's arguments: the one before it may be given several times
# How folders of stores are copied.
_COPIES = {'s3': 'aws s3 sync {} data', 'gs': 'gcloud storage cp -r {} data', 'hdfs': 'hdfs dfs -get {} data'}
_HELP_FLAGS = {'--help', '-help', '-h', '--helpfull', '-helpfull'}
# What values are called, by absl's name of their type.
_NUMBER_OR_AUTO = 'number or auto'
_KINDS = {
    'bool': 'true or false',
    'int': 'a whole number',
    'float': 'a number',
    'string': 'text',
    _NUMBER_OR_AUTO: 'a number, or auto',
}
# What absl says of bounds.
_BOUNDS = {
    'a non-negative integer': '0 or more',
    'a positive integer': '1 or more',
    'a non-negative number': '0 or more',
    'a positive number': 'above 0',
}
# Flags that a file does not tell of the command that made it: where files are, which it tells by itself, and how the
# work was done, which changes nothing.
_UNTOLD = {'output_dir', 'output_file', 'run_dir', 'bundle_file', 'num_workers', 'log', 'flagfile'}
_FOLDERS = re.compile(r'(^|,)[/~][^,]*/')  # of files in the value of a flag
_ALIAS = 'Alias for --'  # how absl begins the help of a second name, which is present where the first one is
_EMPTY = 'is empty. Give a value, or leave it out; a shell puts nothing for a variable that it does not know.'
_REQUIRED = 'must have a value other than None'  # absl's words about a required flag


class StartAgain(Exception):
    """Raised by a command that is to begin anew in its process's place, once all that it holds is given up."""


def run(
    doc: str,
    define: Callable[[flags.FlagValues], None],
    main: Callable[..., None],
    argv: list[str] | None = None,
    beam: bool = False,
    arguments: tuple[str, ...] = (),
    told: tuple[str, ...] = (),
) -> None:
    """Parses the command line and calls `main(flag_values)`; exits with code 1 and a message where the user erred.

    A command that Ctrl-C or SIGTERM stops clears away what it has half written, and exits with 130 or 143. What the
    system refuses, such as to write to a full disk, is said in a sentence too; --log=DEBUG shows where it was.

    Args:
      doc: what the command does; help begins with it.
      define: adds the command's flags to the FlagValues that it is given.
      main: the command.
      argv: program name and arguments; None takes those of the process.
      beam: call `main(flag_values, beam_arguments)`, with the flags that Apache Beam knows and the command does not.
      arguments: what the command takes beside flags, such as ('input.mag', 'output.mag') or ('FILE', MORE): each is
        required, and `main` is called with their values, `main(flag_values, *values)`.
      told: flags that change what this command makes, while elsewhere they say how the work is done alone.
    """
    received: list[int] = []
    surroundings.open_standard_streams()
    try:
        with surroundings.sigterm_as_ctrl_c(received), surroundings.modules_of_the_working_folder_kept_out():
            _run(doc, define, main, sys.argv if argv is None else argv, beam, arguments, told)
            sys.stdout.flush()
    except StartAgain:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    except SolferinoError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        print('\nTerminated.' if received else '\nInterrupted.', file=sys.stderr)
        surroundings.stopped_by(received[0] if received else signal.SIGINT)
    except Exception as error:
        refused = surroundings.stdout_refusal() if isinstance(error, OSError) and error.filename is None else None
        if refused:
            # Python flushes stdout once more when it ends; there that would print an error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(refused, BrokenPipeError):  # as in `command | head`
            sys.exit(1)
        message = f'The output cannot be written: {refused.strerror}.' if refused else system_errors.sentence(error)
        if message is None:
            raise
        logging.debug('', exc_info=True)
        _fail(message)


def define_option_flags(flag_values: flags.FlagValues, options: Any) -> None:
    """Defines a flag for each field that `options`, a dataclass instance, made with `spec.option`."""
    for field, kind in _options(options):
        default, help = getattr(options, field.name), field.metadata['help']
        if field.metadata.get('auto'):
            flags.DEFINE(_NumberOrAuto(), field.name, default, help, flag_values)
        else:
            _DEFINE[kind](field.name, default, help, flag_values=flag_values)


def options_from_flags(flag_values: flags.FlagValues, options: Options) -> Options:
    """Returns `options` with the values of those flags that were given on the command line.

    A flag left out keeps the value of `options`, which may be another config's than the one that help shows.
    """
    try:
        return dataclasses.replace(options, **given_options(flag_values, options))  # type: ignore[type-var]  # a dataclass
    except ValueError as error:  # raised by __post_init__, which checks ranges
        raise SolferinoError(_as_flags(str(error), [field.name for field, _ in _options(options)])) from error


def _as_flags(message: str, names: Iterable[str]) -> str:
    """'min_bars=0 must be ...' -> '--min_bars=0 must be ...', for names that are no mere words there."""
    patterns = [name if '_' in name else rf'{name}(?==| must)' for name in names]
    return re.sub(rf'(?<![-\w])({"|".join(patterns)})(?!\w)', r'--\1', message)


def picture_path(flag: str, value: str) -> Path:
    """Returns the path of a picture to draw. Raises SolferinoError if it is not named as a PNG file."""
    path = Path(os.path.expanduser(value))
    if path.suffix.lower() != '.png':
        example = path.with_suffix('.png') if path.name else path / 'picture.png'
        raise SolferinoError(f'--{flag}={value}: a picture is a PNG file, whose name ends in .png: {example}.')
    return path


def given_options(flag_values: flags.FlagValues, options: Any) -> dict[str, Any]:
    """Returns the values of those flags for fields of `options` that were given on the command line."""
    return {f.name: flag_values[f.name].value for f, _ in _options(options) if flag_values[f.name].present}


class _NumberOrAuto(flags.FloatParser):
    """Takes `auto` beside numbers."""

    def parse(self, argument: Any) -> Any:
        return argument if argument == generation.AUTO else super().parse(argument)

    def flag_type(self) -> str:
        return _NUMBER_OR_AUTO


_DEFINE: dict[Any, Callable[..., Any]] = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    int | None: flags.DEFINE_integer,
    float | None: flags.DEFINE_float,
    Any: flags.DEFINE_string,  # the path of a file
}


def _options(options: Any) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
    kinds = typing.get_type_hints(type(options))
    return ((field, kinds[field.name]) for field in dataclasses.fields(options) if 'help' in field.metadata)


def _run(
    doc: str,
    define: Callable[[flags.FlagValues], None],
    main: Callable[..., None],
    argv: list[str],
    beam: bool,
    arguments: tuple[str, ...],
    told: tuple[str, ...],
) -> None:
    flag_values = flags.FlagValues()
    flag_values.set_gnu_getopt(True)  # parse on after an argument that is no flag: it may be the value of one of Beam's
    define(flag_values)
    flags.DEFINE_enum(
        'log',
        'INFO',
        list(_LOG_LEVELS),
        'Print messages of this importance and above.',
        case_sensitive=False,
        flag_values=flag_values,
    )
    if _HELP_FLAGS.intersection(argv[1:]):
        print(_help_text(Path(argv[0]).stem, doc, flag_values, arguments), flush=True)
        sys.exit(0)
    _require_flag_files(argv)
    with _validated_at_the_end(flag_values):
        try:
            unknown = flag_values(argv, known_only=True)[1:]
        except flags.IllegalFlagValueError as error:
            raise SolferinoError(_explain(str(error), flag_values)) from None
        _require_possible(flag_values)
        _require_filled(flag_values)
        _set_up_logging(flag_values.log)
        values = _take_arguments(unknown, arguments, flag_values) if arguments else []
        if unknown and beam:
            _check_beam_arguments(unknown, flag_values)
        elif unknown:
            _refuse(unknown, flag_values)
        if not beam:
            _require_local(flag_values, values)
    from solferino.models.core import heavy_imports  # not for help
    from solferino.models.core.storage import provenance, temporaries

    heavy_imports.left_quickly()
    with temporaries.of_process(), provenance.within(_told(Path(argv[0]).stem, flag_values, told)):
        main(flag_values, unknown) if beam else main(flag_values, *values)


def _told(program: str, flag_values: flags.FlagValues, also: Iterable[str]) -> str:
    """The command as the files that it makes tell of it: by the same bytes wherever it is given."""
    untold = _UNTOLD.difference(also)
    given = (flag_values[name] for name in flag_values if name not in untold and flag_values[name].name == name)
    told = [_word(flag) for flag in given if flag.present and not flag.help.startswith(_ALIAS)]
    return shlex.join([program, *told])


def _word(flag: flags.Flag[Any]) -> str:
    """'--name=value', with files by their names alone where they are named from the root."""
    if flag.boolean:
        return f'--{"" if flag.value else "no"}{flag.name}'
    text = ','.join(map(str, flag.value)) if isinstance(flag.value, list) else str(flag.value)
    short = _FOLDERS.sub(r'\1', text)
    return f'--{flag.name}={short}'


def _require_flag_files(argv: list[str]) -> None:
    """Raises SolferinoError for a --flagfile that is no file, such as a pipe, which absl would read without end."""
    for argument in argv[1:]:
        given = re.match(r'--?flagfile=(.*)', argument, re.DOTALL)
        path = os.path.expanduser(given[1]) if given else ''
        if os.path.exists(path) and not os.path.isfile(path):
            raise SolferinoError(f'{argument} is not a regular file. Name a file on a disk.')


def _take_arguments(unknown: list[str], names: tuple[str, ...], flag_values: flags.FlagValues) -> list[str]:
    """Takes those of the `unknown` arguments that are no flags out of the list, one for each of `names`.

    After '...', the last of the names, there may be any number of them.
    """
    names, more = (names[:-1], True) if names[-1] == MORE else (names, False)
    values = [argument for argument in unknown if not argument.startswith('-')]
    unknown[:] = [argument for argument in unknown if argument.startswith('-')]
    _refuse(unknown, flag_values)
    if len(values) < len(names) or (len(values) > len(names) and not more):
        wanted = ' '.join((*names, MORE) if more else names)
        if not values:
            raise SolferinoError(f'Nothing is named. After the command and its flags comes {wanted}, without --.')
        raise SolferinoError(f'After the command comes {wanted}, without --; given: {" ".join(values)}.')
    for name, value in itertools.zip_longest(names, values, fillvalue=names[-1]):
        if not value:
            raise SolferinoError(f'{name} {_EMPTY}')
    return values


@contextlib.contextmanager
def _validated_at_the_end(flag_values: flags.FlagValues) -> Iterator[None]:
    """Puts the check of flags that depend on others last: `--inptu=x` is an unknown flag before --input is missing."""
    validators = {name: flag_values[name].validators for name in flag_values}
    for name in validators:
        flag_values[name].validators = []
    try:
        yield
        for name, held in validators.items():
            flag_values[name].validators = held
        flag_values.validate_all_flags()
    except (flags.Error, ValueError) as error:
        required = [name for name, held in validators.items() if _is_required(held) and flag_values[name].value is None]
        missing = required and _REQUIRED in str(error)
        message = f'--{required[0]} is required; --help tells more' if missing else str(error).removeprefix('ERROR:: ')
        raise SolferinoError(message.rstrip('.') + '.') from None


def _explain(message: str, flag_values: flags.FlagValues) -> str:
    """Says what absl says of a value in words for people."""
    given = r'(?s)flag (--(\w+)=.*): '
    if match := re.fullmatch(given + r'value should be one of <(.*)>', message):
        return f'{match[1]} is none of: {match[3].replace("|", ", ")}.'
    if match := re.fullmatch(given + r'\S+ is not (an? .*)', message):
        return f'{match[1]} must be {_BOUNDS.get(match[3], match[3])}.'
    if match := re.fullmatch(given + r'.*(?:invalid literal|could not convert|Non-boolean).*', message):
        return f'{match[1]} is not {_KINDS[flag_values[match[2]].flag_type()]}.'
    return message.removeprefix('flag ')


def _require_possible(flag_values: flags.FlagValues) -> None:
    """Raises SolferinoError for numbers that are too high (`hparams/bounds.py`), infinities, and nan.

    absl takes nan to be within all bounds.
    """
    for name in flag_values:
        value = flag_values[name].value
        if isinstance(value, float) and not math.isfinite(value):
            raise SolferinoError(f'--{name}={value} is not a finite number.')
        try:
            bounds.require(name, value)
        except ValueError as error:
            raise SolferinoError(f'--{error}') from None


def _require_filled(flag_values: flags.FlagValues) -> None:
    """Raises SolferinoError for a text that no name can be, such as an empty one: '--input_dir=' is no folder.

    It is let through where it is the default.
    """
    for name in flag_values:
        flag = flag_values[name]
        if flag.present and flag.default != '' and flag.value in ('', []):
            raise SolferinoError(f'--{name}= {_EMPTY}')
        if '\0' in ''.join(map(str, flag.value if isinstance(flag.value, list) else [flag.value])):  # of a --flagfile
            raise SolferinoError(f'--{name} has a byte of value 0 in it, which no name has.')


def _require_local(flag_values: flags.FlagValues, values: Iterable[str]) -> None:
    """Raises SolferinoError for a path such as s3://bucket/x, which pipelines alone read and write."""
    given = [(f'--{name}={flag_values[name].value}', str(flag_values[name].value)) for name in flag_values]
    for shown, value in [*given, *((value, value) for value in values)]:
        match = re.search(r'(?:^|,)((s3|gs|hdfs)://[^,]*)', value)
        if match:
            folder = match[1] if match[1].count('/') < 3 else match[1].rsplit('/', 1)[0]
            raise SolferinoError(
                f'{shown} is not on this machine, and only commands that make datasets work there. Copy what is read '
                f'to this machine first, and what is written back afterwards: {_COPIES[match[2]].format(folder)}'
            )


def _set_up_logging(name: str) -> None:
    """Other libraries' messages are shown from WARNING on: below that they mean nothing to a musician."""
    level, tensorflow_level = _LOG_LEVELS[name]
    logging.basicConfig(format='%(levelname)s: %(message)s')
    logging.getLogger().setLevel(level if level == logging.DEBUG else max(level, logging.WARNING))
    logging.getLogger('solferino').setLevel(level)
    absl_logging.set_verbosity(converter.standard_to_absl(level))
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', tensorflow_level)


def _check_beam_arguments(arguments: list[str], flag_values: flags.FlagValues) -> None:
    names = _names_in_beam()
    # A value may begin like a flag: -1, or '--x y', which argparse takes for a value as it has a space.
    given = (argument for argument in arguments if re.match(r'--[A-Za-z]\S*$', argument))
    if names:
        _refuse([argument for argument in given if _name(argument) not in names], [*flag_values, *names])
    from solferino.pipelines.engine.lean_beam import beam  # 1 s, so only where Beam's flags are used

    def check(parser: Any) -> None:
        parser.exit_on_error = False  # raise instead of printing two pages of usage
        known, unknown = parser.parse_known_args(arguments)
        _refuse(unknown, [*flag_values, *vars(known)])

    try:
        # Beam itself only warns of what it does not know, so ask the parser that it builds.
        beam.options.pipeline_options.PipelineOptions(arguments).get_all_options(add_extra_args_fn=check)
    except (argparse.ArgumentError, ValueError) as error:
        raise SolferinoError(f'Apache Beam: {error}') from None


def _names_in_beam() -> set[str]:
    """Returns the names of all flags in the file where Beam defines its own; to import it takes a second."""
    package = importlib.util.find_spec('apache_beam')
    for folder in (package and package.submodule_search_locations) or []:
        with contextlib.suppress(OSError):
            source = Path(folder, 'options', 'pipeline_options.py').read_text(encoding='utf-8')
            return set(re.findall(r"""['"]--([\w-]+)['"]""", source))
    return set()  # installed in an unusual way: only Beam itself knows


def _name(argument: str) -> str:
    """'--name=value' -> 'name'"""
    return argument.lstrip('-').split('=')[0]


def _refuse(arguments: list[str], names: Iterable[str]) -> None:
    """Raises SolferinoError about the first of the `arguments`, if any, with the nearest of the `names`."""
    for argument in arguments:
        name = _name(argument)
        if not argument.startswith('-') or not name:
            raise SolferinoError(f'{argument!r} is no flag. Write every argument as --name=value; --help lists them.')
        nearest = difflib.get_close_matches(name, list(names), n=1)
        hint = f'Did you mean --{nearest[0]}?' if nearest else '--help lists those there are.'
        raise SolferinoError(f'There is no flag --{name}. {hint}')


def _help_text(program: str, doc: str, flag_values: flags.FlagValues, arguments: tuple[str, ...]) -> str:
    width = min(100, shutil.get_terminal_size().columns)
    rows = [program, '', _wrap(doc, width), '']
    if arguments:
        rows += [f'Arguments: {" ".join(arguments)}', '']
    rows.append('Flags, as --name=value:')
    for name in flag_values:
        flag = flag_values[name]
        if name != flag.name:
            continue  # the short name of a flag that has both
        shown = f'--[no]{name}' if flag.boolean else f'--{name}'
        kind, help_text = _describe(flag)
        if name in bounds.AT_MOST:
            help_text = f'{help_text.rstrip()} At most {bounds.shown(bounds.AT_MOST[name])}.'
        rows += ['', f'  {shown} ({kind}; {_default(flag)})', _wrap(help_text, width, ' ' * 6)]
    rows += [
        '',
        '  --help',
        '      Print this text.',
        '',
        'Flags can also stand in a file, one a line: --flagfile=name.',
    ]
    return '\n'.join(rows)


def _wrap(text: str, width: int, indent: str = '') -> str:
    """Fills paragraphs to `width`; indented ones, which hold commands to copy, stay as they are."""
    return '\n\n'.join(
        textwrap.indent(paragraph, indent)
        if paragraph.startswith(' ')
        else textwrap.fill(
            paragraph,
            width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
        for paragraph in inspect.cleandoc(text).split('\n\n')
    )


def _describe(flag: flags.Flag[Any]) -> tuple[str, str]:
    """Returns (kind of value, help text)."""
    if isinstance(flag.parser, flags.EnumParser):
        values = flag.parser.enum_values
        return 'one of ' + ', '.join(values), flag.help.removeprefix(f'<{"|".join(values)}>: ')
    return _KINDS.get(flag.flag_type(), flag.flag_type()), flag.help


def _default(flag: flags.Flag[Any]) -> str:
    value = flag.default
    if value is None and _is_required(flag.validators):
        return 'required'
    if flag.boolean:
        value = str(value).lower()
    elif isinstance(value, list):
        value = ','.join(map(str, value))
    return f'default: {"none" if value is None or value == "" else value}'


def _is_required(validators: Iterable[Any]) -> bool:
    return any(_REQUIRED in validator.message for validator in validators)


def _fail(message: str) -> NoReturn:
    with contextlib.suppress(OSError):  # the exit code says it, if nothing else can
        print(f'error: {message}', file=sys.stderr)
    sys.exit(1)
