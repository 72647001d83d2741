"""Who may import whom: the arrows of WORKSPACE.md."""

import ast
import collections
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ('hparams', 'models', 'pipelines', 'bin')
FAMILIES = {p.name for p in (ROOT / 'models').iterdir() if (p / '__init__.py').exists()} - {'core', 'music'}

# A module may import from its own floor and from those below. Longer names come first.
FLOORS = {
    'hparams': 0,
    'models.music': 1,
    'models.core': 2,
    **{f'models.{family}': 3 for family in FAMILIES},
    'models': 4,  # registry, loading, and the package itself
    'pipelines': 5,
    'bin': 6,
}
# Inside a room, a package imports from those named beside it, and a module outside all packages from any.
PACKAGES = {
    'models.core': {
        'storage': '',
        'cpu': '',
        'layers': 'cpu',
        'magenta': 'storage',
        'runs': 'storage magenta',
        'training': 'storage cpu layers runs',
        'export': '',
        'events': 'cpu layers export',
        'generation': 'storage',
    },
    'models.music': {
        'reading': '',
        'pieces': 'reading',
        'encodings': '',
        'pictures': 'pieces',
        'grooves': '',
        'jazz': 'pieces',
        'metrics': 'pieces jazz',
        'sound': '',
        'scores': 'pieces pictures',
        'originality': 'pieces',
        'listening': 'reading',
    },
    'models.piano_rnn': {'attention': '', 'nade': ''},
    'models.rbm': {'chains': ''},
}
# Notes and settings are for every tool to use, also without any of these installed.
LIGHT = ('hparams', 'models.music')
HEAVY = ('tensorflow', 'keras', 'apache_beam')
# The time that TensorFlow takes to import is spent where a model is trained and nowhere else.
WITHOUT_TENSORFLOW = ('hparams', 'models.music', 'models', 'pipelines', 'bin')


@dataclasses.dataclass(frozen=True)
class Import:
    source: str  # importing module, without `solferino.`
    target: str  # imported module, as written
    line: int
    eager: bool  # happens when the source is imported

    def __str__(self) -> str:
        return f'{self.source.replace(".", "/")}:{self.line} imports {self.target}'


def modules() -> dict[str, Path]:
    """Returns the file of each module; packages by their own name."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob('*.py')]
    return {'.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'): path for path in files}


MODULES = modules()


def imports(source: str) -> Iterator[Import]:
    lazy: set[ast.AST] = set()
    tree = ast.parse(MODULES[source].read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) in ('TYPE_CHECKING', 'typing.TYPE_CHECKING')
        ):
            lazy.update(ast.walk(node))
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = '.' * node.level + (node.module or '')
            names = [f'{module}.{alias.name}' for alias in node.names]
            # `from package import module` imports the module, `from module import name` only what is before the name.
            targets = [name if own(name) in MODULES else module for name in names]
        else:
            continue
        for target in targets:
            yield Import(source, target, node.lineno, node not in lazy)


def own(target: str) -> str:
    """'solferino.models.core' -> 'models.core'; '' for a module of others."""
    return target.removeprefix('solferino.') if target.startswith('solferino.') else ''


def room(module: str) -> str:
    """The longest key of FLOORS that `module` lies in."""
    return max((key for key in FLOORS if f'{module}.'.startswith(f'{key}.')), key=len)


def _package(module: str, within: str) -> str:
    """The package of `within` that a module lies in, '' if it lies in none."""
    parts = module.removeprefix(f'{within}.').split('.') if module.startswith(f'{within}.') else ['']
    return parts[0] if parts[0] in PACKAGES[within] else ''


ALL = [found for source in MODULES for found in imports(source)]


def test_imports_are_seen():
    assert {('models.registry', 'solferino.models.core.family'), ('models.registry', 'importlib')} <= {
        (found.source, found.target) for found in ALL
    }


def test_own_code_is_imported_as_solferino():
    """As `bin.x` a module would be a second copy of itself, with its flags defined twice."""
    assert not [
        str(found)
        for found in ALL
        if found.target.split('.')[0] in ('', 'solferino', *FOLDERS) and not own(found.target)
    ]


def test_imports_point_down():
    wrong = [
        str(found)
        for found in ALL
        if own(found.target) and FLOORS[room(own(found.target))] > FLOORS[room(found.source)]
    ]
    assert not wrong


def test_packages_of_a_room_import_those_named_beside_them():
    wrong = []
    for within, packages in PACKAGES.items():
        there = {path.parent.name for path in (ROOT / within.replace('.', '/')).glob('*/__init__.py')}
        assert there == set(packages), within
        for found in ALL:
            one, other = (_package(name, within) for name in (found.source, own(found.target)))
            if one and other and one != other and other not in packages[one].split():
                wrong.append(str(found))
    assert not wrong


def test_a_room_can_be_seen_at_once():
    """Names at a level: few enough to read, beside those of the families; `bin` has one for each command."""
    others = [name for name in MODULES if name.rpartition('.')[2] not in FAMILIES]
    names = collections.Counter(name.rpartition('.')[0] for name in others)
    assert not {room: number for room, number in names.items() if number > 16 and room not in ('', 'bin')}


def test_a_module_name_has_one_role():
    """Each family has a `family.py`, and hyperparameters have the name of their network; else no name is two things."""
    paths = [path.relative_to(ROOT) for path in MODULES.values() if path.name not in ('__init__.py', 'family.py')]
    counted = collections.Counter(path.stem for path in paths if path.parts[0] != 'hparams')
    assert not {name for name, number in counted.items() if number > 1}


def test_families_do_not_import_each_other():
    families = {f'models.{family}' for family in FAMILIES}
    pairs = [(found, room(found.source), room(own(found.target))) for found in ALL if own(found.target)]
    assert not [str(found) for found, one, other in pairs if {one, other} <= families and one != other]


def test_data_and_notes_need_neither_tensorflow_nor_beam():
    assert not [str(f) for f in ALL if room(f.source) in LIGHT and f.target.split('.')[0] in HEAVY]


def test_tensorflow_is_imported_late():
    wrong = [
        str(found)
        for found in ALL
        if found.eager
        and room(found.source) in WITHOUT_TENSORFLOW
        and found.target.split('.')[0] in ('tensorflow', 'keras')
    ]
    assert not wrong


def test_nothing_but_training_brings_tensorflow_in():
    """The same through modules in between: no family, pipeline or command has loaded it when its import is done."""
    light = ('cpu', 'storage', 'magenta', 'runs', 'generation')
    names = [
        name
        for name in MODULES
        if room(name) in WITHOUT_TENSORFLOW or name.count('.') == 1 or _package(name, 'models.core') in light
    ]
    code = f"""
import importlib, sys
for name in {names}:
    importlib.import_module('solferino.' + name)
    if 'tensorflow' in sys.modules:
        sys.exit(name + ' imports tensorflow')
"""
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


def commands() -> list[str]:
    """The commands that there are: the modules of bin with an entry point."""
    return sorted(p.stem for p in (ROOT / 'bin').glob('*.py') if '\ndef console_entry_point' in p.read_text())


@pytest.mark.parametrize('name', commands())
def test_help_comes_before_anything_heavy(name):
    # note_seq itself is only named by lean_note_seq; anything of it brings its constants.
    heavy = ('tensorflow', 'keras', 'apache_beam', 'note_seq.constants', 'note_seq.protobuf', 'matplotlib')
    heavy += ('tensorboard', 'pandas', 'scipy')
    code = f"""
import sys
from solferino.bin import {name}
sys.argv = ['{name}', '--help']
try:
    {name}.console_entry_point()
finally:
    print(*(module for module in {heavy} if module in sys.modules), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert result.stdout.startswith(f'{name}\n')
    assert result.returncode == 0
    assert result.stderr == '\n'
