"""The command that writes models for other programs."""

import dataclasses
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from solferino.bin import solferino_export
from solferino.hparams import overrides
from solferino.models import load, registry
from solferino.models.loading import Model
from tests.bin.typed import typed

run = functools.partial(typed, solferino_export)


def bundle(folder: Path, config_name: str, hparams: str = 'rnn_layer_sizes=[5,4]') -> Path:
    """A small model of no training."""
    family = registry.family_of_config(config_name)
    config = family.spec.config(config_name)
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, hparams))
    weights = {name: variable.numpy() for name, variable in family.model(config, seed=0).named_weights().items()}
    path = folder / f'{config_name}.mag'
    Model(family, config, weights, '', config_name, config.description).save_bundle(path)
    return path


@pytest.mark.parametrize(
    ('config', 'hparams', 'spec', 'page'),
    [
        ('basic_rnn', '', {'type': 'MusicRNN'}, "new mm.MusicRNN('web')"),
        (
            'drum_kit',
            ',attn_length=0',
            {'type': 'MusicRNN', 'auxInputs': [{'type': 'BinaryCounter', 'args': {'numBits': 6}}]},
            "new mm.MusicRNN('web')",
        ),
        ('drum_kit', '', {'type': 'SolferinoAttentionRNN', 'attentionLength': 32}, 'src="web/attention.js"'),
    ],
)
def test_web_files(tmp_path: Path, config: str, hparams: str, spec: dict, page: str) -> None:
    path = bundle(tmp_path, config, 'rnn_layer_sizes=[5,4]' + hparams)
    assert run('--format=magentajs', f'--bundle_file={path}', f'--output_dir={tmp_path}/new/web/') == 0
    web = tmp_path / 'new/web'
    written = json.loads((web / 'config.json').read_text())
    assert spec.items() <= written.items()
    ((group),) = json.loads((web / 'weights_manifest.json').read_text())
    size = sum(4 * int(np.prod(weight['shape'])) for weight in group['weights'])
    assert sum((web / name).stat().st_size for name in group['paths']) == size
    assert page in (web / 'README.md').read_text()
    assert (web / 'attention.js').exists() == ('attentionLength' in written)


@pytest.mark.parametrize('seed', range(3))
def test_a_model_is_exported_to_the_same_bytes_whatever_its_order(tmp_path: Path, seed: int) -> None:
    model = load(bundle(tmp_path, 'drum_kit'))
    names = np.random.default_rng(seed).permutation(sorted(model.weights)).tolist()
    for number, weights in enumerate([model.weights, {name: model.weights[name] for name in names}]):
        (tmp_path / str(number)).mkdir()
        model.family.export(weights, model.config, 'magentajs', tmp_path / str(number))
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in '01')
    assert first == second


@pytest.mark.parametrize('format', ['magentajs', 'savedmodel'])
def test_the_bytes_are_the_same_each_time(tmp_path: Path, format: str) -> None:
    path = bundle(tmp_path, 'drum_kit')
    assert bundle(tmp_path, 'drum_kit').read_bytes() == path.read_bytes()
    first, other = (tmp_path / str(number) for number in range(2))
    for number, folder in enumerate((first, other)):
        flags = [f'--format={format}', f'--bundle_file={path}', f'--output_dir={folder}']
        script = [sys.executable, '-m', 'solferino.bin.solferino_export', *flags]
        subprocess.run(script, env=os.environ | {'PYTHONHASHSEED': str(number)}, check=True, capture_output=True)
    files = [file.relative_to(first) for file in first.rglob('*') if file.is_file()]
    assert len(files) > 3
    assert [str(file) for file in files if (other / file).read_bytes() != (first / file).read_bytes()] == []


def test_what_a_run_left_that_was_killed_at_its_end_goes_too(tmp_path: Path) -> None:
    left = tmp_path / '.web.abcdefgh.tmp'
    for folder in (left, tmp_path / 'web'):
        folder.mkdir()
        (folder / 'README.md').write_text('')
    assert run('--format=magentajs', '--bundle_file=x.mag', f'--output_dir={tmp_path}/web') == 1
    assert os.listdir(tmp_path) == ['web']


def test_shards_are_small(tmp_path: Path) -> None:
    path = bundle(tmp_path, 'basic_rnn', 'rnn_layer_sizes=[600]')
    assert run('--format=magentajs', f'--bundle_file={path}', f'--output_dir={tmp_path}/web') == 0
    sizes = {p.name: p.stat().st_size for p in (tmp_path / 'web').glob('group1-*')}
    assert sorted(sizes) == ['group1-shard1of2', 'group1-shard2of2']
    assert max(sizes.values()) <= 4 << 20


@pytest.mark.parametrize(
    ('config', 'hparams', 'why'),
    [
        ('lookback_rnn', '', 'one and two bars ago'),
        ('attention_rnn', '', 'likely keys'),
        ('basic_rnn', ',residual_connections=true', 'residual_connections'),
    ],
)
def test_what_the_package_cannot_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture, config: str, hparams: str, why: str
) -> None:
    path = bundle(tmp_path, config, 'rnn_layer_sizes=[5,4]' + hparams)
    assert run('--format=magentajs', f'--bundle_file={path}', f'--output_dir={tmp_path}/new/web') == 1
    error = capsys.readouterr().err
    assert '@magenta/music cannot run' in error and why in error
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_saved_model(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = bundle(tmp_path, 'attention_rnn')
    (tmp_path / 'saved').mkdir()  # an empty folder is as good as none
    assert run('--format=savedmodel', f'--bundle_file={path}', f'--output_dir={tmp_path}/saved') == 0
    assert {p.name for p in (tmp_path / 'saved').iterdir()} >= {'saved_model.pb', 'variables', 'model.json'}
    assert 'model.json' in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, 'saved']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--bundle_file={bundle}', '--output_dir={new}'], '--format'),
        (['--format=magentajs', '--bundle_file={bundle}'], '--output_dir'),
        (['--format=onnx', '--bundle_file={bundle}', '--output_dir={new}'], 'magentajs'),
        (['--format=magentajs', '--output_dir={new}'], 'given: none'),
        (['--format=magentajs', '--bundle_file={bundle}', '--run_dir=x', '--output_dir={new}'], '--run_dir'),
        (['--format=magentajs', '--bundle_file=no.mag', '--output_dir={new}'], 'no.mag'),
        (['--format=magentajs', '--bundle_file={bundle}', '--output_dir={full}'], 'not empty'),
        (['--format=magentajs', '--bundle_file={bundle}', '--output_dir={bundle}'], 'is a file'),
        (['--format=magentajs', '--bundle_file={bundle}', '--output_dir={bundle}/web'], 'Not a directory'),
    ],
)
def test_wrong_flags(tmp_path: Path, capsys: pytest.CaptureFixture, arguments: list[str], message: str) -> None:
    full = tmp_path / 'full'
    full.mkdir()
    (full / 'mine.txt').write_text('keep')
    paths = {'bundle': bundle(tmp_path, 'one_drum'), 'new': tmp_path / 'new', 'full': full}
    assert run(*(argument.format(**paths) for argument in arguments)) == 1
    assert message in capsys.readouterr().err
    assert not paths['new'].exists()
    assert [p.name for p in full.iterdir()] == ['mine.txt']
