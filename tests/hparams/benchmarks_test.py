"""Every config says what it cost and reached, by figures that stand on a page of docs/benchmarks."""

import re
import shlex
from pathlib import Path

import pytest
from absl import flags

from solferino.bin import train
from solferino.hparams import presets
from solferino.hparams.spec import Benchmark, Config
from solferino.models import registry

ROOT = Path(__file__).parents[2]
CONFIGS = [(family, config) for family in registry.FAMILIES for config in registry.get(family).spec.configs.values()]
each_config = pytest.mark.parametrize('family, config', CONFIGS, ids=lambda value: getattr(value, 'name', value))
RECIPES = {path.name for path in (ROOT / 'hparams/recipes').glob('*.flags')}


def _of(config: Config) -> Benchmark:
    assert config.benchmark, f'say what {config.name} costs and reaches: see hparams.spec.Benchmark'
    return config.benchmark


@each_config
def test_its_figures_stand_on_its_page(family: str, config: Config) -> None:
    benchmark = _of(config)
    lines = [line for line in (ROOT / benchmark.page).read_text().splitlines() if config.name in line]
    figures = re.findall(r'\d+\.\d+|\d+(?= s\b)', f'{benchmark.score}, {benchmark.time}')
    assert re.match(r'\d+\.\d{2,3}\b', benchmark.score)
    assert re.search(r'\d (minutes|min|s) (\(\d+ s )?o[nf]', benchmark.time)
    on_page = {number for line in lines for number in re.findall(r'\d+(?:\.\d+)?', line)}
    assert set(figures) <= on_page
    assert len(figures) >= 2


@each_config
def test_its_command_trains_it(family: str, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command, *arguments = shlex.split(_of(config).command)
    if command == 'make':
        target, _, only = arguments
        assert re.search(rf'^{target}:', Path('Makefile').read_text(), re.MULTILINE)
        assert only.startswith(f'ONLY={config.name}:')
        return
    spec = registry.get(family).spec
    assert command == f'{family}_train'
    values = flags.FlagValues()
    train.define(values, spec)
    values([command, *arguments])
    assert values.config == config.name
    assert values.preset or values.num_training_steps
    if values.preset:
        assert presets.find(spec.presets, config.name, values.preset)


@each_config
def test_its_recipe_says_the_same(family: str, config: Config) -> None:
    benchmark = _of(config)
    of_config = {name for name in RECIPES if name.endswith(f'-{config.name}.flags')}
    named = {Path(name).name for name in re.findall(r'--flagfile=(\S+)', benchmark.command)}
    assert named <= of_config
    assert bool(named) == bool(of_config)
    for name in named:
        words = ' '.join(line.lstrip('# ') for line in (ROOT / 'hparams/recipes' / name).read_text().splitlines())
        assert set(re.findall(r'\d+\.\d+', str(benchmark))) <= set(re.findall(r'\d+\.\d+', words))
        assert benchmark.page in words


@pytest.mark.parametrize('family', registry.FAMILIES)
def test_help_of_training_tells_them(family: str) -> None:
    spec = registry.get(family).spec
    values = flags.FlagValues()
    train.define(values, spec)
    for config in spec.configs.values():
        assert f'{config.name}: {config.benchmark}' in values['config'].help
