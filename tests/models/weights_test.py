"""A model is loaded only if its weights have the names, shapes and types that its config asks for."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models import loading, registry
from solferino.models.core import settings
from solferino.models.core.runs import bundles
from solferino.models.core.runs.bundles import Bundle
from solferino.models.core.storage import checkpoints

_SMALL: dict[str, dict[str, Any]] = {
    'one_drum': {'rnn_layer_sizes': (3,)},
    'drum_kit': {'rnn_layer_sizes': (3, 2), 'attn_length': 2, 'residual_connections': True},
    'attention_rnn': {'rnn_layer_sizes': (3, 3), 'attn_length': 2},
    'gru_attention': {'rnn_layer_sizes': (3, 2), 'embedding_size': 3, 'attention_size': 2},
    'gru_nade': {'rnn_layer_sizes': (3, 2), 'nade_size': 2, 'key_size': 2, 'lags': (1, 2), 'span': 1},
    'chords': {'hidden_units': 3, 'num_timesteps': 2},
    'rnn_rbm': {'hidden_units': 3, 'rnn_units': 2},
    'musegan': {
        'num_tracks': 1,
        'num_bars': 3,
        'latent_size': 2,
        'temporal_size': 2,
        'bar_sizes': (4, 2, 2, 2),
        'critic_sizes': (2, 2, 2, 2),
    },
    'jazz_rnn': {'rnn_layer_sizes': (3,)},
}
MODELS = {
    config: (family, dataclasses.replace(family.spec.configs[config], hparams=hparams))
    for family in map(registry.get, registry.FAMILIES)
    for config in family.spec.configs.keys() & _SMALL.keys()
    for hparams in [dataclasses.replace(family.spec.configs[config].hparams, **_SMALL[config])]
}


def test_every_family_is_here() -> None:
    assert {family.spec.name for family, _ in MODELS.values()} == set(registry.FAMILIES)


@pytest.mark.parametrize('name', MODELS)
def test_the_shapes_are_those_that_are_trained(name: str) -> None:
    family, config = MODELS[name]
    trained = family.model(config, 0).named_weights()
    assert {k: tuple(v.shape) for k, v in trained.items()} == dict(family.weight_shapes(config))


def _doubled(weights: dict[str, np.ndarray], name: str) -> None:
    weights[name] = np.concatenate([weights[name], weights[name]])


def _not_a_number(weights: dict[str, np.ndarray], name: str) -> None:
    weights[name] = np.full_like(weights[name], np.nan)


DAMAGES = {
    'missing': lambda weights, name: weights.pop(name),
    'misshapen': lambda weights, name: weights.update({name: weights[name][None]}),
    'empty': lambda weights, name: weights.update({name: weights[name][:0]}),
    'doubled': _doubled,
    'nan': _not_a_number,
    'of another type': lambda weights, name: weights.update({name: weights[name].astype(np.float64)}),
    'too many': lambda weights, name: weights.update({name + '_2': weights[name]}),
}


@pytest.mark.parametrize('damage', DAMAGES)
@pytest.mark.parametrize('name', MODELS)
def test_every_damaged_weight_is_refused_by_name(tmp_path: Path, name: str, damage: str) -> None:
    family, config = MODELS[name]
    shapes = family.weight_shapes(config)
    sound = {weight: np.zeros(shape, np.float32) for weight, shape in shapes.items()}
    record = settings.record_of(family.spec, config)
    path = tmp_path / 'x.mag'
    bundles.write(path, Bundle(record, sound, 'id', ''))
    assert loading.load(path).config == config
    for weight in shapes:
        weights = dict(sound)
        DAMAGES[damage](weights, weight)
        bundles.write(path, Bundle(record, weights, 'id', ''))
        with pytest.raises(SolferinoError, match=rf'x\.mag.*{weight}'):
            loading.load(path)
    checkpoint = checkpoints.save(str(tmp_path), checkpoints.Checkpoint(1, weights, {}, record))
    with pytest.raises(SolferinoError, match=weight):
        loading.load(checkpoint)


def test_sizes_that_do_not_fit_the_weights_are_not_allocated(tmp_path: Path) -> None:
    family, config = MODELS['one_drum']
    weights = {k: np.zeros(shape, np.float32) for k, shape in family.weight_shapes(config).items()}
    record = settings.record_of(family.spec, config)
    record['hparams']['rnn_layer_sizes'] = [1_000_000]
    bundles.write(tmp_path / 'x.mag', Bundle(record, weights, 'id', ''))
    with pytest.raises(SolferinoError, match='does not fit this model'):
        loading.load(tmp_path / 'x.mag')
