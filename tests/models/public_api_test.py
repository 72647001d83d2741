"""What a user of the library may rely on: one list, with examples that run."""

import ast
import dataclasses
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import solferino.models
from solferino.hparams import overrides
from solferino.hparams.drums_rnn import SPEC
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.runs import bundles, run_dir
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import temperature

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {name: getattr(solferino.models, name) for name in solferino.models.__all__}


def _examples() -> dict[str, doctest.DocTest]:
    """The examples of each public docstring that has some, by its name."""
    finder = doctest.DocTestFinder()
    found = finder.find(solferino.models, 'models')
    for name, thing in PUBLIC.items():
        found += finder.find(thing, name, module=False, globs=dict(PUBLIC))
    return {test.name: test for test in found if test.examples and '._' not in test.name}


EXAMPLES = _examples()
TEXTS = {
    f'{path.relative_to(ROOT)}-{number}': code
    for path in [*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md')]
    for number, code in enumerate(re.findall(r'^```python\n(.*?)^```', path.read_text(), re.DOTALL | re.MULTILINE))
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the working one, with what examples name: `drums.mag`, `run` and `beat.mid`, two bars."""
    monkeypatch.chdir(tmp_path)
    config = SPEC.config('drum_kit')
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, 'rnn_layer_sizes=[4],attn_length=0'))
    shapes = registry.get(SPEC.name).weight_shapes(config)
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    record = settings.record_of(SPEC, config) | {temperature.KEY: 0.9}
    bundles.write('drums.mag', bundles.Bundle(record, weights, config.name, config.description))
    run_dir.write(run_dir.Run('run', config, 0), SPEC)
    checkpoints.save('run/train', checkpoints.Checkpoint(1000, weights, {}, record))
    [beat] = solferino.models.load('drums.mag').generate(num_bars=2, seed=0)
    solferino.models.write_midi(beat, 'beat.mid')
    return tmp_path


def test_the_list_is_what_dir_shows_and_a_star_brings() -> None:
    assert dir(solferino.models) == sorted(solferino.models.__all__) == solferino.models.__all__
    brought: dict[str, object] = {}
    exec('from solferino.models import *', brought)
    assert {name: brought[name] for name in PUBLIC} == PUBLIC
    assert brought.keys() - {'__builtins__'} == PUBLIC.keys()


def test_every_public_name_is_called_what_it_is() -> None:
    """So that `help` and errors tell the name by which it is imported."""
    assert [thing.__name__ for thing in PUBLIC.values()] == list(PUBLIC)


def test_another_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match=r"'solferino\.models' has no attribute 'lode'"):
        solferino.models.lode  # noqa: B018 # type: ignore[attr-defined]
    with pytest.raises(ImportError, match='lode'):
        exec('from solferino.models import lode')


def test_the_package_is_light_until_a_name_is_used() -> None:
    code = """
import sys
import solferino.models
dir(solferino.models)
heavy = ('numpy', 'note_seq.protobuf', 'google.protobuf', 'numba', 'tensorflow', 'solferino.models.loading')
assert not [module for module in heavy if module in sys.modules]
solferino.models.load
assert 'solferino.models.loading' in sys.modules
assert 'tensorflow' not in sys.modules
"""
    subprocess.run([sys.executable, '-c', code], check=True)


def test_what_is_public_has_an_example() -> None:
    methods = {f'Model.{name}' for name, _ in inspect.getmembers(solferino.models.Model) if not name.startswith('_')}
    fields = {field.name for field in dataclasses.fields(solferino.models.Model)}
    named = {'models', *PUBLIC, *(name for name in methods if name.removeprefix('Model.') not in fields)}
    assert len(named) > 10
    assert EXAMPLES.keys() >= named


@pytest.mark.parametrize('name', EXAMPLES)
def test_examples_run(name: str, place: Path) -> None:
    told: list[str] = []
    failed, _ = doctest.DocTestRunner().run(EXAMPLES[name], out=told.append, clear_globs=False)
    assert not failed, ''.join(told)


def test_there_are_examples_in_texts() -> None:
    assert any(name.startswith('README.md') for name in TEXTS)


@pytest.mark.parametrize('name', TEXTS)
def test_texts_import_public_names_and_run(name: str, place: Path) -> None:
    for node in ast.walk(ast.parse(TEXTS[name])):
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith('solferino'):
            assert node.module == 'solferino.models'
            assert {alias.name for alias in node.names} <= PUBLIC.keys()
        elif isinstance(node, ast.Import):
            assert not [alias.name for alias in node.names if alias.name.startswith('solferino')]
    exec(TEXTS[name], {})


def test_examples_in_docstrings_import_public_names() -> None:
    docs = '\n'.join(test.docstring or '' for test in EXAMPLES.values())
    imported = re.findall(r'from solferino\.(\S+) import (.*)', docs)
    assert imported
    assert {module for module, _ in imported} == {'models'}
    assert {name for _, names in imported for name in names.split(', ')} <= PUBLIC.keys()
