"""Settings for a training of a given length."""

import pytest

from solferino.hparams import overrides, presets
from solferino.hparams.errors import SolferinoError
from solferino.hparams.presets import Preset
from solferino.models import registry

PRESETS = {'small': {'two_minutes': Preset('batch_size=8,rnn_layer_sizes=[64,32]', 95, 'a loss of 1')}}


@pytest.mark.parametrize('family', registry.FAMILIES)
def test_each_fits_its_config(family: str) -> None:
    spec = registry.get(family).spec
    assert set(spec.presets) <= set(spec.configs)
    for config, of_config in spec.presets.items():
        for name, preset in of_config.items():
            assert name in presets.NAMES
            hparams = overrides.parse(spec.configs[config].hparams, preset.hparams)
            assert hparams != spec.configs[config].hparams or preset.hparams == ''
            assert getattr(hparams, 'decay_steps', 0) in (0, preset.num_steps)
            assert 1 <= preset.eval_frequency <= preset.num_steps
            assert preset.expect


def test_what_is_given_wins() -> None:
    preset = presets.find(PRESETS, 'small', 'two_minutes')
    assert preset.hparams_with('') == preset.hparams
    assert preset.hparams_with('batch_size=4') == 'rnn_layer_sizes=[64,32],batch_size=4'
    assert preset.hparams_with('rnn_layer_sizes=[2], x=1') == 'batch_size=8,rnn_layer_sizes=[2], x=1'
    assert preset.eval_frequency == 9


def test_the_learning_rate_falls_as_far_as_the_steps_that_are_given() -> None:
    preset = presets.Preset('batch_size=8,decay_steps=600', 600, '')
    assert preset.hparams_with('', 900) == 'batch_size=8,decay_steps=900'
    assert preset.hparams_with('decay_steps=5', 900) == 'batch_size=8,decay_steps=5'


def test_one_that_is_not_there() -> None:
    with pytest.raises(SolferinoError, match=r'--preset=ten_minutes: small has no such preset\. It has: two_minutes\.'):
        presets.find(PRESETS, 'small', 'ten_minutes')
    with pytest.raises(SolferinoError, match='It has: none'):
        presets.find(PRESETS, 'large', 'ten_minutes')


def test_help_tells_what_to_expect() -> None:
    told = presets.describe(PRESETS)
    for part in ('small, two_minutes: a loss of 1', '--num_training_steps=95', 'rnn_layer_sizes=[64,32]'):
        assert part in told
