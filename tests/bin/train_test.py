"""What the training commands of all families accept."""

import dataclasses

import pytest
from absl import flags

from solferino.bin import command, train
from solferino.models import registry


@pytest.mark.parametrize('family', registry.FAMILIES)
@pytest.mark.parametrize('seed', [-1, 2**32, 2**63])
def test_a_seed_that_cannot_be_is_an_error_that_names_the_flag(family, seed, capsys):
    spec = registry.get(family).spec
    with pytest.raises(SystemExit) as stop:
        command.run('', lambda fv: train.define(fv, spec), lambda _: pytest.fail('trains'), ['train', f'--seed={seed}'])
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith(f'error: --seed={seed}')


@pytest.mark.parametrize('flags', [['--checkpoint=best'], ['--checkpoint=newest', '--eval']])
def test_a_checkpoint_is_chosen_to_be_evaluated_once(flags, capsys):
    spec = registry.get('drums_rnn').spec
    with pytest.raises(SystemExit) as stop:
        command.run('', lambda fv: train.define(fv, spec), lambda fv: train.main(fv, spec), ['train', *flags])
    assert stop.value.code == 1
    assert 'is for --eval_once' in capsys.readouterr().err


@pytest.mark.parametrize('job', ['eval', 'eval_once', 'find_temperature'])
def test_several_processes_only_train(job, capsys):
    spec = registry.get('drums_rnn').spec
    flags = ['train', '--num_workers=2', f'--{job}']
    with pytest.raises(SystemExit) as stop:
        command.run('', lambda fv: train.define(fv, spec), lambda fv: train.main(fv, spec), flags)
    assert stop.value.code == 1
    assert f'--num_workers=2 is for training. Leave it out with --{job}.' in capsys.readouterr().err


def test_the_highest_seed_makes_a_model():
    family = registry.get('drums_rnn')
    values = flags.FlagValues()
    train.define(values, family.spec)
    config = family.spec.configs['drum_kit']
    small = dataclasses.replace(config.hparams, rnn_layer_sizes=(2,) * 9)
    model = family.model(dataclasses.replace(config, hparams=small), values['seed'].parser.upper_bound)
    assert len(model.named_weights()) > 2 * 9
