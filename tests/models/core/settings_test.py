"""Stored settings are taken over; contradictions never win silently."""

import dataclasses
import json

import pytest
from toy_family import SPEC

from solferino.hparams.dynamics import Dynamics
from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.settings import Given

SMALL = SPEC.configs['small']


def stored(**hparams):
    return dataclasses.replace(SMALL, hparams=dataclasses.replace(SMALL.hparams, **hparams))


def test_round_trip_through_json():
    config = stored(units=3)
    record = json.loads(json.dumps(settings.record_of(SPEC, config)))
    assert settings.config_of(SPEC, record, 'a.json') == config


def test_dynamics_are_stored_where_there_are_some():
    assert 'dynamics' not in settings.record_of(SPEC, SMALL)
    config = dataclasses.replace(SMALL, dynamics=Dynamics(('all 0: 1 2 3 4 5 6 7',)))
    record = json.loads(json.dumps(settings.record_of(SPEC, config)))
    assert settings.config_of(SPEC, record, 'a.json') == config
    record['dynamics']['curves'] = ['all 0: loud']
    with pytest.raises(SolferinoError, match=r'a\.json: dynamics'):
        settings.config_of(SPEC, record, 'a.json')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'family': 'other_rnn'}, 'a.json belongs to other_rnn, not to toy_rnn'),
        ({'family': None}, 'a.json does not say which model'),
        ({'config': 'huge'}, "a.json has the config 'huge'"),
        ({'config': ['small']}, 'a.json has the config'),
        ({'hparams': {'depth': 3}}, 'a.json: there is no hyperparameter'),
        ({'hparams': [1]}, 'a.json is damaged'),
    ],
)
def test_a_foreign_record_is_named(change, message):
    with pytest.raises(SolferinoError, match=message):
        settings.config_of(SPEC, {**settings.record_of(SPEC, SMALL), **change}, 'a.json')


def test_a_run_keeps_its_values():
    config = stored(units=3)
    for given in (Given(), Given('small'), Given(None, 'units=3'), Given('small', 'units=3,batch_size=4')):
        assert settings.keep(SPEC, given, config, 'run.json') == config
    with pytest.raises(SolferinoError, match=r'units is 3 in run.json but 5 in --hparams'):
        settings.keep(SPEC, Given(None, 'units=5'), config, 'run.json')
    with pytest.raises(SolferinoError, match=r'--config is large but run.json has small'):
        settings.keep(SPEC, Given('large'), config, 'run.json')
    with pytest.raises(SolferinoError, match='--config'):
        settings.keep(SPEC, Given('huge'), config, 'run.json')


def test_a_dataset_binds_only_what_was_chosen_for_it():
    config = stored(units=3)
    adapted = settings.adapt(SPEC, Given(None, 'batch_size=2'), config, 'toy_tracks.json')
    assert adapted == stored(units=3, batch_size=2)
    with pytest.raises(SolferinoError, match=r'units is 3 in toy_tracks.json but 5 in --hparams'):
        settings.adapt(SPEC, Given(None, 'units=5'), config, 'toy_tracks.json')


@pytest.mark.parametrize(
    ('path', 'sidecar'),
    [
        ('data/training_drum_tracks.tfrecord', 'data/drum_tracks.json'),
        ('data/eval_drum_tracks.tfrecord', 'data/drum_tracks.json'),
        ('data/training_drum_tracks-00003-of-00008.tfrecord', 'data/drum_tracks.json'),
        ('mine.tfrecord', 'mine.json'),
        ('v1.2/best-of-bach.tfrecord', 'v1.2/best-of-bach.json'),
    ],
)
def test_where_the_sidecar_is(path, sidecar):
    assert settings.sidecar_path(path) == sidecar


def test_dataset_config(tmp_path):
    paths = [str(tmp_path / name) for name in ('training_a.tfrecord', 'eval_a.tfrecord', 'training_b.tfrecord')]
    assert settings.dataset_config(SPEC, paths) is None
    (tmp_path / 'a.json').write_text(json.dumps(settings.record_of(SPEC, stored(units=3))))
    config, sidecar = settings.dataset_config(SPEC, paths)
    assert (config, sidecar) == (stored(units=3), str(tmp_path / 'a.json'))
    (tmp_path / 'b.json').write_text(json.dumps(settings.record_of(SPEC, SMALL)))
    with pytest.raises(SolferinoError, match='cannot be used together'):
        settings.dataset_config(SPEC, paths)
    (tmp_path / 'b.json').write_text('{"family"')
    with pytest.raises(SolferinoError, match=r'b.json'):
        settings.dataset_config(SPEC, paths)
