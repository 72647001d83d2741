"""musegan as a SavedModel gives the logits of the equations."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.hparams.musegan import SPEC, MuseGanGeneration, MuseGanLearned
from solferino.models import registry
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.musegan import generator, latents
from solferino.models.musegan.classes import Classes

FAMILY = registry.get('musegan')


@pytest.mark.parametrize(
    ('hparams', 'tutorial_format'), [('', False), ('num_bars=3,num_tracks=2', True), ('pitch_layers=dense', False)]
)
def test_logits_are_those_of_the_equations(tmp_path: Path, hparams: str, tutorial_format: bool) -> None:
    config = SPEC.config('musegan_small')
    small = f'temporal_size=8,bar_sizes=[8,6,4,4],{hparams}'.strip(',')
    config = dataclasses.replace(
        config,
        hparams=overrides.parse(config.hparams, small),
        extraction=dataclasses.replace(config.extraction, tutorial_format=tutorial_format),
    )
    tracks = config.hparams.num_tracks
    config = dataclasses.replace(config, learned=MuseGanLearned((40,) * tracks, (70,) * tracks))
    rng = np.random.default_rng(0)
    weights = {
        name: (rng.random(shape) if name.endswith('_variance') else rng.normal(0, 0.4, shape)).astype(np.float32)
        for name, shape in FAMILY.weight_shapes(config).items()
    }
    FAMILY.export(weights, config, 'savedmodel', tmp_path)
    assert b'PyFunc' not in (tmp_path / 'saved_model.pb').read_bytes()
    model, told = tf.saved_model.load(str(tmp_path)), json.loads((tmp_path / 'model.json').read_text())
    drawn = latents.draw(config.hparams, 1, 5, MuseGanGeneration(seed=3))
    with one_thread():
        expected = generator.forward(weights, drawn, config.hparams)
    expected = expected + Classes.of(config.extraction).allowed(config.learned, tracks)
    found = model.generate(*drawn)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    by_name = {name: tf.constant(value) for name, value in drawn._asdict().items()}
    np.testing.assert_array_equal(model.signatures['generate'](**by_name)['logits'], found)
    assert told['logits']['shape'] == ['batch', *expected.shape[1:]]
    assert {name: one['shape'][1:] for name, one in told['latents'].items()} == {
        name: list(value.shape[1:]) for name, value in drawn._asdict().items()
    }
    assert len(told['logits']['classes']) == (1 if tutorial_format else 3)


def test_web_pages_cannot_have_it(tmp_path: Path) -> None:
    with pytest.raises(SolferinoError, match='--format=savedmodel'):
        FAMILY.export({}, SPEC.config('musegan_small'), 'magentajs', tmp_path)
