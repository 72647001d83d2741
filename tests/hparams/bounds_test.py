"""No number that is given is so high that it ends in a MemoryError, or never."""

import dataclasses
import math
import sys

import pytest

from solferino.bin import drums_rnn_generate, drums_rnn_train, solferino_write_grooves
from solferino.hparams import bounds, drums_rnn, generation, melody_rnn, overrides, piano_rnn, rbm
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records

_SPECS = [module.SPEC for module in (drums_rnn, melody_rnn, piano_rnn, rbm)]


@pytest.mark.parametrize('spec', _SPECS, ids=lambda spec: spec.name)
def test_defaults_are_within_them(spec):
    for config in spec.configs.values():
        for options in (config.hparams, config.extraction, spec.generation):
            bounds.require_all(options)


@pytest.mark.parametrize('spec', _SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize('value', [10**18 + 1, 10**24, 10**400], ids=['18', '24', '400'])
def test_all_whole_numbers_of_generating_end(spec, value):
    known = {field.name for field in dataclasses.fields(spec.generation)} & bounds.AT_MOST.keys()
    assert {'num_steps', 'num_bars', 'seconds'} <= known
    for name in known:
        with pytest.raises(SolferinoError, match=f'--{name}='):
            generation.replace(spec.generation, **{name: value})


def test_candidates_of_a_beam_are_bounded_together():
    with pytest.raises(SolferinoError, match='candidates'):
        generation.replace(drums_rnn.SPEC.generation, beam_size=1000, branch_factor=1000)
    generation.replace(drums_rnn.SPEC.generation, beam_size=100, branch_factor=10)


def test_hyperparameters_end():
    hparams = drums_rnn.SPEC.config(None).hparams
    for text in ('batch_size=1000000000', 'rnn_layer_sizes=[8,1000000000]', f'decay_steps={10**24}'):
        with pytest.raises(SolferinoError, match=r'at most|up to'):
            overrides.parse(hparams, text)
    with pytest.raises(SolferinoError, match='at most'):
        overrides.replace(hparams, {'batch_size': 10**9}, 'run.json')


@pytest.mark.parametrize('number', [0, 10**5, 10**9, 10**24])
def test_shards_are_numbered_in_five_digits(number):
    with pytest.raises(SolferinoError, match='from 1 to 99,999'):
        records.shard_paths(f'x@{number}.tfrecord')
    assert len(records.shard_paths('x@99999.tfrecord')) == 99_999


@pytest.mark.parametrize(
    ('module', 'argument', 'says'),
    [
        (drums_rnn_generate, f'--num_outputs={10**24}', '--num_outputs=1e+24 must be at most 100,000.'),
        (drums_rnn_generate, '--beam_size=10000000', '--beam_size=10,000,000 must be at most 1,000.'),
        (drums_rnn_generate, '--seconds=1e300', '--seconds=1e+300 must be at most 1,000,000.'),
        (drums_rnn_generate, f'--seed={10**24}', '--seed=1e+24 must be at most 9.22337e+18.'),
        (drums_rnn_generate, f'--seed=-{10**400}', '--seed=-inf must be at least -9.22337e+18.'),
        (drums_rnn_train, f'--num_checkpoints={10**24}', 'must be at most'),
        (solferino_write_grooves, '--num_files=1000000000000', 'must be at most 1,000,000.'),
    ],
)
def test_flags_end(module, argument, says, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['command', argument])
    with pytest.raises(SystemExit) as stop:
        module.console_entry_point()
    told = capsys.readouterr().err
    assert stop.value.code == 1
    assert says in told and len(told) < 200


def test_help_tells_them(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['command', '--help'])
    with pytest.raises(SystemExit):
        drums_rnn_generate.console_entry_point()
    assert 'How many MIDI files to generate. At most 100,000.' in capsys.readouterr().out


def test_numbers_are_shown_in_a_few_letters():
    assert [bounds.shown(n) for n in (7, 12345, 10**24, -(10**999), 0.5, math.inf)] == [
        '7', '12,345', '1e+24', '-inf', '0.5', 'inf',
    ]  # fmt: skip
