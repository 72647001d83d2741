"""Trainings: real ones, of a few steps; stopped, gone on with, killed, found again."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models import loading
from solferino.pipelines.studio.learn import children, watched
from solferino.pipelines.studio.learn.dropped import Collection, Collections
from solferino.pipelines.studio.learn.lessons import Train
from solferino.pipelines.studio.learn.trainings import Training, Trainings

pytestmark = pytest.mark.once


def until(true: Callable[[], bool], seconds: float = 240) -> None:
    """Waits."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, 'it did not come about'
        time.sleep(0.1)


def ended(training: Training) -> dict[str, Any]:
    until(lambda: training.children.state().has_ended and not training.children.is_alive())
    return training.told()


@pytest.fixture(scope='module')
def collection(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Some drum pieces that were read."""
    made = Collections(tmp_path_factory.mktemp('work') / 'collections').new('Grooves')
    (made.folder / 'music').mkdir()
    for path in sorted((shared / 'data' / 'drums').rglob('*.mid'))[:12]:
        (made.folder / 'music' / path.name).write_bytes(path.read_bytes())
    about = made.about()
    about.files = 12
    made._keep(about)
    made.read({'drums_rnn': {'min_bars': 4}})
    until(lambda: made.told()['state'] == children.DONE)
    return made


@pytest.fixture
def trainings(tmp_path: Path) -> Trainings:
    return Trainings(tmp_path / 'trainings')


def asked(collection: Collection, steps: int = 20) -> Train:
    return Train(collection.id, 'drums_rnn', 'one_drum', '', steps)


def test_one_trains_the_next_waits_and_the_studio_may_be_started_anew(
    trainings: Trainings, collection: Collection, tmp_path: Path
) -> None:
    first = trainings.new(asked(collection), collection)
    second = trainings.new(asked(collection), collection)
    third = trainings.new(asked(collection), collection)
    assert [trainings.position(one) for one in (first, second, third)] == [0, 1, 2]
    assert first.told()['preparing'] and first.told()['total'] == 20
    trainings.stop(second)
    assert second.told()['state'] == children.STOPPED and trainings.position(third) == 1

    anew = Trainings(tmp_path / 'trainings')  # which started nothing, and finds all
    first = anew.get(first.id)
    told = ended(first)
    assert told['state'] == children.DONE, first.children.log()
    assert told['step'] == 20 and told['curves']['training'][-1][0] == 20 and told['curves']['evaluation']
    assert told['table'] > 0 and told['checkpoints'] >= 2 and told['diagnosis']['text']
    log = first.children.log()
    assert '--min_bars=4' in log and '$ drums_rnn_train' in log and 'Traceback' not in log
    model = loading.load(str(first.run))
    assert model.config.extraction.min_bars == 4 and model.generate(num_bars=1)
    assert first.unheard() is not None

    anew.start_next()
    assert anew.get(third.id).told()['state'] == children.RUNNING
    anew.remove(anew.get(third.id))
    assert {one.id for one in anew.all()} == {first.id, second.id}
    until(lambda: not list((tmp_path / 'trainings').glob('.*')))

    opened = watched.Opened('anid', first.run, tmp_path / 'samples').told()
    assert (opened['state'], opened['step'], opened['total']) == (children.DONE, 20, 20)
    assert opened['curves'] == told['curves'] and not opened['can_go_on']


def test_it_is_stopped_gone_on_with_and_killed(trainings: Trainings, collection: Collection) -> None:
    training = trainings.new(asked(collection, 100_000), collection)
    until(lambda: training.told()['step'] >= 10)
    assert training.told()['seconds_left'] is None or training.told()['seconds_left'] > 0
    with pytest.raises(SolferinoError, match='trains already'):
        trainings.go_on(training, 0)
    trainings.stop(training)
    told = ended(training)
    assert told['state'] == children.STOPPED and told['checkpoints'] >= 2
    reached = told['step']

    trainings.go_on(training, 0)
    until(lambda: training.told()['step'] > reached)
    assert training.children.log().count('$ drums_rnn_create_dataset') == 1
    training.children.kill()
    told = ended(training)
    assert told['state'] == children.KILLED and 'ended from outside' in told['error']

    training.folder.joinpath('training.json').write_bytes(
        training.folder.joinpath('training.json').read_bytes().replace(b'100000', b'%d' % (reached + 10))
    )
    trainings.go_on(training, 0)
    told = ended(training)
    assert told['state'] == children.DONE, training.children.log()


def test_one_that_fails_has_the_words_of_its_command(trainings: Trainings, collection: Collection) -> None:
    training = trainings.new(asked(collection), collection)
    training.children.kill()
    until(lambda: not training.children.is_alive())
    about = training.about()
    about.notes = str(training.folder / 'gone.tfrecord')
    training.keep(about)
    trainings.go_on(training, 0)
    told = ended(training)
    assert told['state'] == children.FAILED
    assert told['error'].startswith('No file matches') and str(training.folder) not in told['error']


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'family': 'no_rnn'}, 'no model family'),
        ({'config': 'no_kit'}, 'no config'),
        ({'preset': 'two_years'}, 'no settings'),
        ({'num_steps': 0}, 'how many steps'),
        ({'family': 'melody_rnn', 'config': 'basic_rnn'}, 'no music that basic_rnn can learn from'),
    ],
)
def test_wrong_requests(trainings: Trainings, collection: Collection, change: dict[str, Any], said: str) -> None:
    wrong = asked(collection)
    for name, value in change.items():
        setattr(wrong, name, value)
    with pytest.raises(SolferinoError, match=said):
        trainings.new(wrong, collection)
    assert trainings.all() == []


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for content in (b'', b'{', b'[]', b'{"family": 1}', b'{"family": "no_rnn", "config": "x"}'):
        (tmp_path / 'run.json').write_bytes(content)
        with pytest.raises(SolferinoError):
            watched.Opened('anid', tmp_path, tmp_path).told()


def test_long_curves_are_thinned_and_keep_their_end() -> None:
    steps = list(range(1, 100_002))
    kept = watched.thinned((steps, [float(step) for step in steps]))
    assert 150 <= len(kept) <= 301 and kept[-1] == (100_001, 100_001.0)
    assert watched.thinned(([1, 2], [3.0, 4.0])) == [(1, 3.0), (2, 4.0)]
