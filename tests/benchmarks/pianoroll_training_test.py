"""The loop on tiny invented music: what it learns, when it ends, what its mean is of, and that test data are left."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pianoroll
import pianoroll_cell
import pytest
from pianoroll_data import DATA_SETS, KEYS, Cutting
from pianoroll_entrants import entrant
from pianoroll_settings import COSINE, LINEAR, SETTINGS, Schedule, Settings
from pianoroll_training import Entrant, copied, evaluate, evaluation_batches, train

from solferino.models.rbm import equations

SMALL = 'batch_size=3,rnn_layer_sizes=[12],dropout=0.0,input_dropout=0.0,learning_rate=0.05'


def songs(number: int, seed: int) -> list[np.ndarray]:
    """Two keys take turns."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        keys = np.zeros((int(rng.integers(5, 30)), KEYS), bool)
        keys[::2, 40] = True
        keys[1::2, 45] = True
        found.append(keys)
    return found


def lstm(hparams: str = SMALL) -> Entrant:
    """A tiny one."""
    return entrant('lstm', hparams, [])


def quiet(line: str) -> None:
    """Tells nobody."""


def clock() -> Callable[[], float]:
    """A second passes each time that it is looked at, which is after each step."""
    return itertools.count().__next__


@pytest.fixture(scope='module')
def trained():
    schedule = Schedule(Cutting(crop=8, context=2), epochs_per_validation=4, seconds=120)
    return train(lstm(), songs(6, 0), songs(3, 1), schedule, 0, quiet, clock())


def test_learns_what_is_there_to_learn(trained):
    assert trained.best.nats < 1  # a model that knows nothing pays 88 log 2 = 61, each key alone 2 log 2


def test_ends_with_the_best_weights(trained):
    mine = lstm()
    again = evaluate(trained.model, mine.whole(songs(3, 1)))
    assert again.nats == pytest.approx(trained.best.nats, rel=1e-5)


def test_rate_is_halved_when_nothing_gets_better_and_then_training_ends():
    mine = lstm(SMALL.replace('0.05', '0.5'))  # far too high
    ended = train(mine, songs(4, 0), songs(2, 1), Schedule(patience=0, halvings=2), 0, quiet)
    assert ended.ended == 'no better validation'
    rates = [v.rate for v in ended.curve]
    assert rates[0] == 0.5 and rates[-1] == pytest.approx(0.125)
    assert all(later in (now, now / 2) for now, later in itertools.pairwise(rates))


def test_mean_is_over_all_steps_of_all_sequences_first_steps_included():
    mine = lstm()
    model = mine.family.model(mine.config, 0)
    for name, variable in model.named_weights().items():
        if name != 'keys/bias':
            variable.assign(np.zeros(variable.shape))
    logits = np.linspace(-3, 3, KEYS)
    model.named_weights()['keys/bias'].assign(logits)
    rolls = [*songs(4, 2), np.ones((1, KEYS), bool)]  # a sequence with nothing but a first step
    steps = np.concatenate(rolls)
    expected = np.where(steps, np.logaddexp(0, -logits), np.logaddexp(0, logits)).sum(axis=1).mean()
    assert evaluate(model, mine.whole(rolls)).nats == pytest.approx(expected, rel=1e-5)


def test_a_step_is_predicted_from_the_steps_before_alone():
    mine = lstm()
    model = mine.family.model(mine.config, 0)
    rng = np.random.default_rng(0)
    for variable in model.named_weights().values():
        variable.assign(rng.normal(size=variable.shape))
    keys = rng.random((9, KEYS)) < 0.3
    whole, beginning = (evaluate(model, mine.whole([k])).nats * len(k) for k in (keys, keys[:6]))
    rest = evaluate(model, mine.dataset([(keys, 6)])).nats * 3  # its first six steps only seen
    assert beginning + rest == pytest.approx(whole, rel=1e-5)


def test_padding_does_not_count():
    mine = lstm()
    model = mine.family.model(mine.config, 0)
    long, short = songs(2, 3)
    one_by_one = [evaluate(model, mine.whole([keys])).nats * len(keys) for keys in (long, short)]
    together = evaluate(model, mine.whole([long, short])).nats * (len(long) + len(short))
    assert together == pytest.approx(sum(one_by_one), rel=1e-5)


def test_evaluation_batches_hold_every_example_once():
    data = lstm().whole(songs(20, 4))
    batches = list(evaluation_batches(data, limit=60))
    assert sorted(np.concatenate(batches)) == list(range(20))
    assert all(len(b) == 1 or len(b) * data.lengths[b].max() <= 60 for b in batches)


def test_training_ends_when_its_time_is_up_after_a_validation():
    ended = train(lstm(), songs(6, 0), songs(2, 1), Schedule(seconds=1), 0, quiet, clock())
    assert ended.ended == 'time'
    assert [v.epochs for v in ended.curve] == [0.5]


@pytest.mark.parametrize(('rate', 'last'), [(COSINE, 0.02), (LINEAR, 0.0)])
def test_rate_falls_over_all_of_training(rate, last):
    schedule = Schedule(epochs=3, seconds=1e9, rate=rate)
    ended = train(lstm(), songs(3, 0), songs(2, 1), schedule, 0, quiet, clock())
    assert ended.ended == 'epochs'
    assert [v.epochs for v in ended.curve] == [1, 2, 3]
    assert schedule.factor(10**6, 0) == 1
    assert schedule.factor(10**6, 1) == pytest.approx(last)
    factors = [schedule.factor(10**6, progress) for progress in np.linspace(0, 1, 50)]
    assert factors == sorted(factors, reverse=True)
    for place, validation in enumerate(ended.curve):  # an epoch is a step here
        assert validation.rate == pytest.approx(0.05 * schedule.factor(place, place / 3), rel=1e-5)


def test_training_is_as_far_as_its_epochs_or_its_time():
    schedule = Schedule(epochs=10, seconds=100)
    assert schedule.progress(5, 20) == 0.5
    assert schedule.progress(5, 70) == 0.7
    assert schedule.progress(5, 700) == 1
    assert Schedule(seconds=100).progress(5, 20) == 0.2


def test_training_repeats_with_its_seed():
    schedule = Schedule(Cutting(crop=8, transpose=(-3, 3)), epochs_per_validation=2, seconds=12)
    mine = lstm(SMALL.replace('dropout=0.0', 'dropout=0.3'))
    first, same = (copied(train(mine, songs(4, 0), songs(2, 1), schedule, 1, quiet, clock()).model) for _ in range(2))
    assert all((first[name] == same[name]).all() for name in first)


@pytest.fixture
def folder(tmp_path) -> Path:
    for data_set in DATA_SETS.values():
        splits = {
            split: [[(np.flatnonzero(step) + 21).tolist() for step in keys] for keys in songs(3, seed)]
            for seed, split in enumerate(('train', 'valid', 'test'))
        }
        (tmp_path / data_set.file).write_text(json.dumps(splits))
    return tmp_path


def test_test_data_are_read_once_and_after_training(folder, monkeypatch):
    read, happened = DATA_SETS['jsb'].read, []
    monkeypatch.setattr(
        'pianoroll_data.DataSet.read', lambda self, where, split: (happened.append(split), read(where, split))[1]
    )
    monkeypatch.setattr('pianoroll_training.train', lambda *args: (train(*args), happened.append('trained'))[0])
    result = pianoroll_cell.run('lstm', DATA_SETS['jsb'], folder, Settings(SMALL, Schedule(seconds=1)), 0, quick=False)
    assert happened == ['train', 'valid', 'trained', 'test']
    assert set(result['scores']) == {'valid', 'test'}


def test_a_quick_run_leaves_test_data_alone(folder, monkeypatch):
    monkeypatch.setattr(pianoroll_cell, 'final', None)
    result = pianoroll_cell.run('lstm', DATA_SETS['jsb'], folder, Settings(SMALL, Schedule(seconds=1)), 0, quick=True)
    assert set(result['scores']) == {'valid'}
    json.dumps(result)


def test_page_has_a_row_for_each_model_and_the_published_figures(folder):
    settings = Settings(SMALL, Schedule(seconds=1))
    result = pianoroll_cell.run('lstm', DATA_SETS['piano'], folder, settings, 0, quick=False)
    result['scores']['test'] |= {'low': 1.0, 'high': 2.5}
    simple = {d.name: pianoroll.without_training(d, folder, quick=False) for d in DATA_SETS.values()}
    page = pianoroll.page([result], simple, quick=False)
    row = next(line for line in page.splitlines() if 'plain LSTM' in line)
    nats = result['scores']['test']['nats']
    assert row.replace(' ', '') == f'|plainLSTM,independentkeys|||{nats:.3f}[1.000,2.500]|8.33|3.25|7.54|'
    assert SMALL in page


def test_every_run_has_settings_that_its_model_knows():
    for (model, data_set), settings in SETTINGS.items():
        assert model in pianoroll.MODELS and data_set in DATA_SETS
        assert settings.schedule.seconds <= 3600
        entrant(model, settings.hparams, songs(2, 0), settings.evaluation)


TINY = {
    'frame': 'batch_size=2,hidden_units=5,chains=8',
    'rnn_rbm': 'batch_size=2,hidden_units=5,rnn_units=4,ais_steps=100',
    'gru_nade': 'batch_size=2,rnn_layer_sizes=[5],nade_size=4,key_size=3,lags=[1,2],span=2',
}


@pytest.mark.parametrize('model', TINY)
def test_families_of_the_benchmark_train_by_the_loop(model):
    mine = entrant(model, TINY[model], songs(4, 0))
    schedule = Schedule(Cutting(crop=8), seconds=3)
    ended = train(mine, songs(4, 0), songs(2, 1), schedule, 0, quiet, clock())
    score = evaluate(ended.model, mine.whole(songs(2, 1)))
    assert 0 < score.nats < 61
    assert score.low is None or score.low <= score.nats <= score.high
    assert (score.low is None) == (model == 'gru_nade')


def test_rbm_is_scored_by_its_likelihood_per_step():
    mine = entrant('frame', TINY['frame'], songs(4, 0))
    model = mine.family.model(mine.config, 0)
    rolls = songs(3, 1)
    weights = {name: v.astype(np.float64) for name, v in copied(model).items()}
    log_z = equations.exact_log_partition(weights['weights'], weights['visible_bias'], weights['hidden_bias'])
    expected = log_z + equations.free_energy(np.concatenate(rolls), *weights.values()).mean()
    assert evaluate(model, mine.whole(rolls)).nats == pytest.approx(expected, rel=1e-4)


def test_models_that_predict_all_that_they_see_refuse_a_context():
    with pytest.raises(ValueError, match='predicts all steps'):
        entrant('frame', TINY['frame'], songs(4, 0)).dataset([(songs(1, 0)[0], 2)])
