"""--temperature=auto, of the commands and of Python."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest

from solferino.bin import drums_rnn_generate, drums_rnn_train
from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models import load, registry
from solferino.models.core import settings
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import temperature
from solferino.models.loading import Model


@pytest.fixture(scope='module')
def model() -> Model:
    family = registry.get('drums_rnn')
    config = family.spec.configs['drum_kit']
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, 'rnn_layer_sizes=[4],attn_length=0'))
    weights = {name: v.numpy() for name, v in family.model(config, 0).named_weights().items()}
    return Model(family, config, weights, 'here', 'drum_kit', 'Tiny.', recommended_temperature=0.6)


@pytest.fixture
def generate(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command on a model that recommends 0.6, and on one without a recommendation."""

    def run(*flags: str, recommended: bool = True) -> None:
        chosen = model if recommended else dataclasses.replace(model, recommended_temperature=None)
        chosen.save_bundle(tmp_path / 'tiny.mag')
        where = [f'--bundle_file={tmp_path}/tiny.mag', f'--output_dir={tmp_path}/out', '--num_outputs=1']
        monkeypatch.setattr('sys.argv', ['drums_rnn_generate', *where, '--seed=5', *flags])
        drums_rnn_generate.console_entry_point()

    return run


def test_auto_is_what_the_bundle_carries(
    generate: Any, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate('--temperature=auto')
    assert '--seed=5 --temperature=0.6 makes' in capsys.readouterr().out
    generate()
    assert '--seed=5 --temperature=1.0 makes' in capsys.readouterr().out
    loaded = load(tmp_path / 'tiny.mag')
    assert loaded.recommended_temperature == 0.6
    assert loaded.generate(temperature='auto', seed=5) == loaded.generate(temperature=0.6, seed=5)
    assert loaded.generate(temperature='auto', seed=5) != loaded.generate(seed=5)


def test_a_model_without_one_takes_the_default_and_says_so(
    generate: Any, model: Model, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        generate('--temperature=auto', recommended=False)
    assert 'no recommended temperature: 1.0 is taken' in caplog.text
    assert '--temperature=1.0 makes' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('value', 'says'),
    [
        ('warm', 'is not a number, or auto'),
        ('Auto', 'is not a number, or auto'),
        ('0', 'must be above 0'),
        ('-1', 'must be above 0'),
        ('nan', 'finite'),
        ('inf', 'finite'),
        ('', 'is not a number, or auto'),
    ],
)
def test_wrong_temperatures_are_refused(
    generate: Any, value: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        generate(f'--temperature={value}')
    assert stopped.value.code == 1
    error = capsys.readouterr().err
    assert f'--temperature={value}' in error
    assert says in error
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('value', ['warm', 0, -1, float('nan'), None])
def test_wrong_temperatures_in_python(model: Model, value: Any) -> None:
    with pytest.raises(SolferinoError, match='--temperature='):
        model.generate(temperature=value)


def test_a_checkpoint_carries_it_into_a_bundle(model: Model, tmp_path: Path) -> None:
    record = {**settings.record_of(model.family.spec, model.config), 'seed': 0}
    path = checkpoints.save(str(tmp_path), checkpoints.Checkpoint(3, dict(model.weights), {}, record, 1.5, 'set'))
    assert load(path).recommended_temperature is None
    checkpoints.amend(path, {temperature.KEY: 0.8})
    amended = checkpoints.load(path)
    assert (amended.step, amended.eval_loss, amended.eval_set) == (3, 1.5, 'set')
    load(path).save_bundle(tmp_path / 'a.mag')
    assert load(tmp_path / 'a.mag').recommended_temperature == 0.8


def test_jobs_exclude_one_another(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr('sys.argv', ['drums_rnn_train', '--eval_once', '--find_temperature'])
    with pytest.raises(SystemExit):
        drums_rnn_train.console_entry_point()
    assert '--eval_once and --find_temperature exclude each other' in capsys.readouterr().err
