"""A run that begins with a trained model: with its weights and layers, at step 0, and never in silence otherwise."""

import dataclasses
import json
import logging

import numpy as np
import pytest
import toy_family
from toy_family import FAMILY, SPEC

from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.runs import run_dir
from solferino.models.core.settings import Given
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import asked, jobs
from solferino.models.core.warm_start import WarmStart

CONFIG = dataclasses.replace(
    SPEC.configs['small'], hparams=dataclasses.replace(SPEC.configs['small'].hparams, units=5, keep_prob=0.6)
)


@pytest.fixture
def start():
    weights = {name: v.numpy() for name, v in FAMILY.model(CONFIG, 3).named_weights().items()}
    return WarmStart('x.mag', 'x.mag', CONFIG, weights)


@pytest.fixture
def request_(tmp_path, start):
    path = toy_family.write(tmp_path / 'training_toy_tracks.tfrecord', 9)
    return asked.Request(str(tmp_path / 'run'), examples=path, num_steps=2, warm_start=start)


def test_a_run_begins_with_the_weights_and_a_fresh_optimizer(tmp_path, request_, start):
    jobs.train(FAMILY, request_)
    steps = {step: checkpoints.load(path) for step, path in checkpoints.paths(str(tmp_path / 'run/train')).items()}
    assert list(steps) == [0, 2]
    for name, array in start.weights.items():
        np.testing.assert_array_equal(steps[0].weights[name], array)
    fresh = Given(hparams='units=5,keep_prob=0.6')
    jobs.train(FAMILY, dataclasses.replace(request_, run_dir=f'{tmp_path}/fresh', warm_start=None, given=fresh))
    for name, array in checkpoints.load(checkpoints.paths(f'{tmp_path}/fresh/train')[0]).optimizer.items():
        np.testing.assert_array_equal(steps[0].optimizer[name], array)
    assert any((steps[2].weights[name] != array).any() for name, array in start.weights.items())
    run = run_dir.load(str(tmp_path / 'run'), SPEC)
    assert run.config == CONFIG
    assert run.warm_start == start.describe()


def test_the_same_command_goes_on_and_says_so(request_, caplog):
    jobs.train(FAMILY, request_)
    with caplog.at_level(logging.INFO, 'solferino'):
        jobs.train(FAMILY, dataclasses.replace(request_, num_steps=4))
    assert 'goes on from its own checkpoint; x.mag was its beginning' in caplog.text
    assert list(checkpoints.paths(request_.run_dir + '/train')) == [0, 2, 4]


def test_a_run_that_began_otherwise_is_refused(request_, start):
    jobs.train(FAMILY, dataclasses.replace(request_, warm_start=None, given=Given(hparams='units=5')))
    with pytest.raises(SolferinoError, match=r'began with random weights, not with x\.mag'):
        jobs.train(FAMILY, request_)
    other = WarmStart('y.mag', 'y.mag', CONFIG, {name: array + 1 for name, array in start.weights.items()})
    assert other.describe()['fingerprint'] != start.describe()['fingerprint']


def test_weights_that_do_not_fit_are_refused(request_, start):
    damaged = WarmStart('x.mag', 'x.mag', CONFIG, {**start.weights, 'kernel': np.zeros((1, 1), np.float32)})
    with pytest.raises(SolferinoError, match=r'x\.mag does not fit this model: weights kernel'):
        jobs.train(FAMILY, dataclasses.replace(request_, warm_start=damaged))


def test_what_may_differ():
    chosen = settings.start_from(SPEC, Given('small', 'learning_rate=0.5,units=5'), CONFIG, 'x.mag', None)
    assert chosen.hparams == dataclasses.replace(CONFIG.hparams, learning_rate=0.5)
    with pytest.raises(SolferinoError, match=r'units is 5 in x\.mag but 6 in --hparams'):
        settings.start_from(SPEC, Given(None, 'units=6'), CONFIG, 'x.mag', None)
    with pytest.raises(SolferinoError, match=r'--config is large but x\.mag has small'):
        settings.start_from(SPEC, Given('large'), CONFIG, 'x.mag', None)


def test_the_dataset_has_its_say(tmp_path, start):
    def choose(hparams, config='small', given=None):
        record = {**settings.record_of(SPEC, SPEC.configs[config]), 'hparams': hparams}
        (tmp_path / 'a.json').write_text(json.dumps({**record, 'extraction': {'min_steps': 3}}))
        paths = [str(tmp_path / 'training_a.tfrecord')]
        return run_dir.choose(SPEC, str(tmp_path / 'run'), given or Given(), None, paths, start).config

    config = choose({'batch_size': 7, 'units': 8})  # 8 is the default, and was not chosen
    assert config.hparams == dataclasses.replace(CONFIG.hparams, batch_size=7)
    assert config.extraction.min_steps == 3
    for arguments, says in (
        (({'units': 9},), r'another units than x\.mag has'),
        (({}, 'large'), r'x\.mag is a model of small, but .* for large'),
        (({'batch_size': 7}, 'small', Given(None, 'batch_size=6')), 'batch_size is 7 in'),
    ):
        with pytest.raises(SolferinoError, match=says):
            choose(*arguments)
