"""House rules that no linter knows."""

import functools
import importlib
import importlib.util
import re
from pathlib import Path
from unittest import mock

from absl import flags as absl_flags

from solferino.bin import command

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sorted(
    p for folder in ('hparams', 'models', 'pipelines', 'bin', 'tests') for p in (ROOT / folder).rglob('*.py')
)
TEXTS = PYTHON + sorted(
    p
    for p in [*ROOT.glob('*'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('bin/*.sh'), *ROOT.glob('.ci/*')]
    if p.is_file() and p.suffix != '.pyc' and p.name != '.git'  # which is a file in a worktree
)
# A home folder, a mounted checkout, or an index address: they hold on one machine only.
MACHINE = re.compile(r'(?<![\w.~])/(?:root|work|home/\w+|Users/\w+)/\w|--(?:extra-)?index-url')


def test_files_are_short():
    """Design: a file near 500 lines has more than one subject; split it."""
    assert not {str(path): lines for path in PYTHON if (lines := len(path.read_text().splitlines())) > 600}


def test_no_file_knows_the_machine_it_was_written_on():
    found = {str(path.relative_to(ROOT)): MACHINE.findall(path.read_text(errors='replace')) for path in TEXTS}
    assert not {path: places for path, places in found.items() if places}


def test_links_between_texts_lead_somewhere():
    texts = [*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md')]
    links = [(p, link) for p in texts for link in re.findall(r'\]\(([^)#\s]+)\)', p.read_text()) if '://' not in link]
    assert len(links) > 20
    assert not [f'{path.relative_to(ROOT)}: {link}' for path, link in links if not (path.parent / link).exists()]


def test_commands_in_texts_have_only_flags_that_there_are():
    commands = {p.stem for p in (ROOT / 'bin').glob('*.py') if '\ndef console_entry_point' in p.read_text()}
    texts = [*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('hparams/recipes/*.flags')]
    typed = re.compile(rf'\b({"|".join(sorted(commands))})((?:[ \n]+(?:--[a-z][^\s`]*|"[^"\n]*"|[\w./]+\.mag\b))+)')
    found = [(path, *match) for path in texts for match in typed.findall(path.read_text())]
    assert len(found) > 30
    wrong = [
        f'{path.relative_to(ROOT)}: {name} --{flag}'
        for path, name, arguments in found
        for flag in re.findall(r'--(?:no)?([a-z]\w*)', re.sub(r'"[^"]*"', '', arguments))
        if flag not in _flags(name) and f'no{flag}' not in _flags(name)
    ]
    assert not wrong


@functools.cache
def _flags(name):
    """The flags of a command, some of those that all have or that Beam has, and the one that is wrong on purpose."""
    values = absl_flags.FlagValues()
    with mock.patch.object(command, 'run', lambda doc, define, *_, **__: define(values)):
        importlib.import_module(f'solferino.bin.{name}').console_entry_point()
    return {*values, 'help', 'flagfile', 'log', 'runner', 'no_such_flag'}


def test_the_map_names_the_modules_that_there_are():
    """WORKSPACE.md names every module of the library below its room, and none that has gone; so does setup.sh."""
    text = (ROOT / 'WORKSPACE.md').read_text()
    named = {path.split('/')[-1] for path in re.findall(r'`([\w/]+\.(?:py|js|sh))`', text)}
    scripts = [*ROOT.glob('models/**/*.js'), *ROOT.glob('pipelines/studio/page/src/**/*.js')]
    there = {p.name for p in [*PYTHON, *ROOT.glob('*.py'), *ROOT.glob('bin/*.sh'), *scripts]}
    assert {name for name in named if not name.startswith('_')} <= there
    core = {p.name for p in (ROOT / 'models').rglob('*.py') if p.name != '__init__.py'}
    assert core <= named
    imported = re.findall(r'solferino(?:\.\w+){2,}', (ROOT / 'bin/setup.sh').read_text())
    assert len(imported) > 5
    assert not [name for name in imported if importlib.util.find_spec(name) is None]
