"""Training and evaluation of a family that the trainer has never heard of."""

import contextlib
import dataclasses
import errno
import functools
import io
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import toy_family
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginEventAccumulator
from toy_family import FAMILY, SPEC

from solferino.hparams.errors import SolferinoError
from solferino.models.core.layers.replicas import ALONE
from solferino.models.core.runs import curves, status
from solferino.models.core.settings import Given
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import asked, data, diagnosis, evaluating, interrupts, jobs, monitor


@pytest.fixture(scope='module')
def examples(tmp_path_factory):
    """Training and evaluation examples."""
    folder = tmp_path_factory.mktemp('examples')
    return toy_family.write(folder / 'train.tfrecord', 30), toy_family.write(folder / 'eval.tfrecord', 7, seed=1)


def request(run: Path, examples, **values) -> asked.Request:
    return asked.Request(str(run), examples=examples[0], **values)


def final(run: Path) -> checkpoints.Checkpoint:
    return checkpoints.latest(str(run / 'train'))


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    read = EventAccumulator(str(folder)).Reload()
    return {tag: {event.step: event.value for event in read.Scalars(tag)} for tag in read.Tags()['scalars']}


def assert_same_state(one: checkpoints.Checkpoint, other: checkpoints.Checkpoint) -> None:
    assert one.step == other.step
    for name in ('weights', 'optimizer'):
        arrays, others = getattr(one, name), getattr(other, name)
        assert arrays.keys() == others.keys()
        for key, array in arrays.items():
            assert array.tobytes() == others[key].tobytes(), key


def test_a_preset_says_what_the_request_does_not(tmp_path, examples):
    preset = {'preset': 'two_minutes', 'eval_examples': examples[1]}
    jobs.train(FAMILY, request(tmp_path / 'a', examples, **preset))
    assert final(tmp_path / 'a').step == 20
    assert final(tmp_path / 'a').metadata['hparams']['units'] == 4
    assert list(scalars(tmp_path / 'a' / 'eval')['loss']) == [10, 20]
    given = Given('small', 'learning_rate=0.03')
    jobs.train(FAMILY, request(tmp_path / 'b', examples, given=given, num_steps=6, eval_frequency=3, **preset))
    assert final(tmp_path / 'b').step == 6
    assert (
        final(tmp_path / 'b').metadata['hparams'] | {'units': 4, 'learning_rate': 0.03}
        == (final(tmp_path / 'b').metadata['hparams'])
    )
    jobs.train(FAMILY, request(tmp_path / 'b', examples, num_steps=8, preset='two_minutes', given=given))
    assert final(tmp_path / 'b').step == 8
    with pytest.raises(SolferinoError, match=r'learning_rate is 0\.03 .* but 0\.02 in --preset=two_minutes'):
        jobs.train(FAMILY, request(tmp_path / 'b', examples, num_steps=9, preset='two_minutes'))
    with pytest.raises(SolferinoError, match='large has no such preset'):
        jobs.train(FAMILY, request(tmp_path / 'c', examples, preset='two_minutes', given=Given('large')))


def test_a_run_from_start_to_end(tmp_path, examples, capsys, caplog):
    with caplog.at_level(logging.INFO):
        jobs.train(
            FAMILY,
            request(tmp_path, examples, eval_examples=examples[1], num_steps=60, eval_frequency=20, num_checkpoints=3),
        )
    train, held_out = scalars(tmp_path / 'train'), scalars(tmp_path / 'eval')
    assert set(train) == {
        'loss',
        'metrics/accuracy',
        'metrics/perplexity',
        'learning_rate',
        'gradient_norm',
        'global_step/sec',
        'events_per_second',
    }
    assert list(train['loss']) == [10, 20, 30, 40, 50, 60]
    assert train['loss'][60] < train['loss'][10]
    assert train['learning_rate'][10] == pytest.approx(0.01)
    assert train['metrics/perplexity'][60] == pytest.approx(np.exp(train['loss'][60]), rel=1e-5)
    assert set(held_out) == {'loss', 'metrics/accuracy', 'metrics/perplexity'}
    assert list(held_out['loss']) == [20, 40, 60]
    images = EventAccumulator(str(tmp_path / 'eval')).Reload().Images('generated')
    assert [image.step for image in images] == [20, 40, 60]
    assert list(checkpoints.paths(str(tmp_path / 'train'))) == [20, 40, 60]
    best = min(held_out['loss'], key=held_out['loss'].get)
    assert checkpoints.best(str(tmp_path / 'train')).endswith(f'best.ckpt-{best}.safetensors')
    assert f'best.ckpt-{best}.safetensors' in caplog.text
    said = capsys.readouterr().out
    assert f'best.ckpt-{best}.safetensors on the 7 examples' in said and 'metrics/perplexity' in said
    assert 'a table of what usually follows what, ' in said
    diagnosed = diagnosis.of_run(curves.read(str(tmp_path))).text
    assert f'{diagnosed}\nNewest checkpoint' in said
    assert 'toy_rnn_generate' in said
    read = PluginEventAccumulator(str(tmp_path / 'train')).Reload()
    (shown,) = read.Tensors('hyperparameters')
    assert b'| hparams.batch_size | 4 |' in shown.tensor_proto.string_val[0]
    assert read.SummaryMetadata('learning_rate').summary_description


def test_the_best_checkpoint_is_corrected_once(tmp_path, examples, caplog):
    class Correcting(toy_family.ToyFamily):
        def calibrated(self, weights, config, examples, seed):
            assert len(examples) == 30
            return {**weights, 'kernel': weights['kernel'] + 1}, 'It was corrected.'

    given = {'eval_examples': examples[1], 'eval_frequency': 2}
    jobs.train(FAMILY, request(tmp_path / 'plain', examples, num_steps=4, **given))
    with caplog.at_level(logging.INFO):
        jobs.train(Correcting(), request(tmp_path / 'corrected', examples, num_steps=4, **given))
    assert 'It was corrected.' in caplog.text
    plain, corrected = (
        checkpoints.load(checkpoints.best(str(tmp_path / name / 'train'))) for name in ('plain', 'corrected')
    )
    np.testing.assert_array_equal(corrected.weights['kernel'], plain.weights['kernel'] + 1)
    np.testing.assert_array_equal(corrected.weights['embedding'], plain.weights['embedding'])
    assert_same_state(final(tmp_path / 'plain'), final(tmp_path / 'corrected'))  # from which a run goes on
    unbeaten = dataclasses.replace(corrected, eval_loss=0.0001)
    checkpoints.save(str(tmp_path / 'corrected/train'), unbeaten, checkpoints.BEST)
    jobs.train(Correcting(), request(tmp_path / 'corrected', examples, num_steps=6, **given))
    again = checkpoints.load(checkpoints.best(str(tmp_path / 'corrected/train')))
    np.testing.assert_array_equal(again.weights['kernel'], corrected.weights['kernel'])


def test_a_correction_that_fails_does_not_end_training(tmp_path, examples, caplog):
    class Failing(toy_family.ToyFamily):
        def calibrated(self, weights, config, examples, seed):
            raise ValueError('silence')

    jobs.train(Failing(), request(tmp_path, examples, num_steps=4, eval_examples=examples[1], eval_frequency=2))
    assert 'not corrected' in caplog.text and final(tmp_path).step == 4


@pytest.mark.parametrize(
    ('stop_at', 'num_checkpoints', 'shown'),
    [
        (25, 10, 'best.ckpt-20.safetensors on the 7'),
        (25, 1, 'best.ckpt-20.safetensors on the 7'),  # whose checkpoint has made room for the newest
        (40, 10, 'best.ckpt-20.safetensors on the 7'),  # the stop comes in an evaluation, which is left there
    ],
)
def test_a_stopped_run_tells_its_last_evaluation_beside_the_step_evaluated(
    tmp_path, examples, capsys, monkeypatch, stop_at, num_checkpoints, shown
):
    stop = interrupts.Stop()
    monkeypatch.setattr(interrupts, 'graceful', lambda: contextlib.nullcontext(stop))

    def note(_: status.Status, step: int) -> None:
        stop.wanted = step == stop_at

    monkeypatch.setattr(status.Status, 'note', note)
    options = {'eval_examples': examples[1], 'eval_frequency': 20, 'num_checkpoints': num_checkpoints}
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=100, **options))
    said = capsys.readouterr().out
    assert shown in said and 'metrics/perplexity' in said
    assert f'Newest checkpoint: {final(tmp_path).path}' in said
    assert final(tmp_path).step == stop_at
    assert f'ckpt-{stop_at}.safetensors on the' not in said


def test_a_run_that_another_trainer_has_begun_meanwhile_is_left_to_it(tmp_path, examples, monkeypatch):
    load = data.load

    def load_slowly(*arguments):
        monkeypatch.setattr(data, 'load', load)
        jobs.train(FAMILY, request(tmp_path, examples, num_steps=3))
        return load(*arguments)

    monkeypatch.setattr(data, 'load', load_slowly)
    with pytest.raises(
        SolferinoError, match=r'Another training run was at work in .* meanwhile. Give the same command'
    ):
        jobs.train(FAMILY, request(tmp_path, examples, num_steps=5))
    assert final(tmp_path).step == 3
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=5))
    assert final(tmp_path).step == 5


def test_padding_is_said_and_does_not_count_as_events(tmp_path, caplog):
    path = toy_family.write(tmp_path / 'train.tfrecord', 7)
    dataset = data.load(FAMILY, SPEC.configs['small'], path)
    with caplog.at_level(logging.INFO):
        jobs.train(FAMILY, asked.Request(str(tmp_path / 'run'), examples=path, num_steps=6, summary_frequency=2))
    padding = data.Batches(dataset, 4, seed=0).padding()
    assert padding > 0.02
    assert f'7 examples, 2 steps an epoch, {padding:.0%} padding' in caplog.text
    written = scalars(tmp_path / 'run/train')
    for step, speed in written['events_per_second'].items():  # each summary is of one epoch
        assert 2 * speed / written['global_step/sec'][step] == pytest.approx(dataset.lengths.sum(), rel=1e-5)


@pytest.mark.parametrize('stop_at', [1, 8, 13])
def test_a_run_that_goes_on_ends_with_the_same_weights(tmp_path, examples, stop_at):
    jobs.train(FAMILY, request(tmp_path / 'whole', examples, num_steps=20))
    for steps in (stop_at, 20):
        jobs.train(FAMILY, request(tmp_path / 'parts', examples, num_steps=steps))
    assert_same_state(final(tmp_path / 'whole'), final(tmp_path / 'parts'))
    jobs.train(FAMILY, request(tmp_path / 'other', examples, num_steps=20, seed=1))
    assert (
        final(tmp_path / 'other').weights['kernel'].tobytes() != final(tmp_path / 'whole').weights['kernel'].tobytes()
    )


def test_examples_that_stay_in_their_files_give_the_same_run(tmp_path, examples, capsys, monkeypatch):
    given = {'eval_examples': examples[1], 'eval_frequency': 10}
    jobs.train(FAMILY, request(tmp_path / 'held', examples, num_steps=30, **given))
    held = capsys.readouterr().out
    monkeypatch.setattr(data, 'load', functools.partial(data.load, most_held=0))
    for steps in (7, 20, 30):  # stopped in the middle of an epoch
        jobs.train(FAMILY, request(tmp_path / 'files', examples, num_steps=steps, **given))
    assert_same_state(final(tmp_path / 'held'), final(tmp_path / 'files'))
    in_files = capsys.readouterr().out
    said = [line for line in held.splitlines() if 'predicts' in line or 'Its loss is' in line]
    assert len(said) == 2 and all(line in in_files for line in said)


def test_evaluation_and_summaries_leave_training_as_it_is(tmp_path, examples):
    jobs.train(FAMILY, request(tmp_path / 'a', examples, num_steps=12))
    options = {'eval_examples': examples[1], 'eval_frequency': 3, 'summary_frequency': 1, 'checkpoint_seconds': 0.0}
    jobs.train(FAMILY, request(tmp_path / 'b', examples, num_steps=12, **options))
    assert_same_state(final(tmp_path / 'a'), final(tmp_path / 'b'))


def test_num_training_steps_is_the_total(tmp_path, examples, capsys):
    for _ in range(2):
        jobs.train(FAMILY, request(tmp_path, examples, num_steps=5))
    assert 'already trained to step 5' in capsys.readouterr().out
    assert final(tmp_path).step == 5


def test_fewer_examples_than_a_batch(tmp_path):
    path = toy_family.write(tmp_path / 'few.tfrecord', 2)
    jobs.train(FAMILY, asked.Request(str(tmp_path / 'run'), examples=path, num_steps=3))
    assert final(tmp_path / 'run').step == 3


def test_what_a_kill_left_undone_after_a_checkpoint_is_done(tmp_path, examples):
    """Killed when the last checkpoint was saved: not yet evaluated, and the best of before still there."""
    values = {'eval_examples': examples[1], 'eval_frequency': 20, 'num_checkpoints': 2}
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=60, **values))
    train = tmp_path / 'train'
    whole = {path.name: path.read_bytes() for path in train.glob('*.safetensors')}
    (best,) = (name for name in whole if name.startswith('best'))
    assert best == 'best.ckpt-60.safetensors'
    last = checkpoints.load(str(train / best))
    (train / best).unlink()
    checkpoints.save(str(train), dataclasses.replace(last, step=40, eval_loss=last.eval_loss + 1), checkpoints.BEST)
    checkpoints.save(str(train), dataclasses.replace(last, step=20))
    (train / '.model.ckpt-60.safetensors.abcdefgh.tmp').write_bytes(b'half')
    record = json.loads((train / 'status.json').read_text())
    (train / 'status.json').write_text(json.dumps(record | {'state': status.TRAINING, 'heartbeat': 1}))
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=60, **values))
    assert {path.name: path.read_bytes() for path in train.glob('*.safetensors')} == whole
    assert not list(train.glob('.*'))
    assert not status.was_killed(str(tmp_path))


def stopped_in_the_evaluation(_, monkeypatch):
    stop = interrupts.Stop()
    monkeypatch.setattr(interrupts, 'graceful', lambda: contextlib.nullcontext(stop))
    monkeypatch.setattr(status.Status, 'note', lambda _, step: setattr(stop, 'wanted', step == 20))


def no_room_for_the_best(_, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(checkpoints, 'keep_best', full)


def no_examples_to_evaluate_on(options, _):
    del options['eval_examples']


@pytest.mark.parametrize('begin', [stopped_in_the_evaluation, no_room_for_the_best, no_examples_to_evaluate_on])
@pytest.mark.parametrize('num_steps', [20, 35])
def test_an_evaluation_that_was_not_done_is_done_by_the_same_command(tmp_path, examples, monkeypatch, begin, num_steps):
    options = {'eval_examples': examples[1], 'eval_frequency': 20}
    jobs.train(FAMILY, request(tmp_path / 'whole', examples, num_steps=num_steps, **options))
    with monkeypatch.context() as patch, contextlib.suppress(OSError):
        less = dict(options)
        begin(less, patch)
        jobs.train(FAMILY, request(tmp_path / 'parts', examples, num_steps=20, **less))
    assert checkpoints.best(str(tmp_path / 'parts/train')) is None
    for _ in range(2):  # the second time there is nothing left to do
        jobs.train(FAMILY, request(tmp_path / 'parts', examples, num_steps=num_steps, **options))
    assert scalars(tmp_path / 'parts/eval')['loss'] == scalars(tmp_path / 'whole/eval')['loss']
    whole, parts = (checkpoints.load(checkpoints.best(str(tmp_path / name / 'train'))) for name in ('whole', 'parts'))
    assert_same_state(whole, parts)
    assert len(list((tmp_path / 'parts/eval').iterdir())) == 1 + (begin is not no_examples_to_evaluate_on)


def test_a_correction_that_was_stopped_is_made_by_the_same_command(tmp_path, examples):
    class Correcting(toy_family.ToyFamily):
        stops = True

        def calibrated(self, weights, config, examples, seed):
            if self.stops:
                raise KeyboardInterrupt
            return {**weights, 'kernel': weights['kernel'] + 1}, 'It was corrected.'

    family, asked = Correcting(), request(tmp_path, examples, num_steps=4, eval_examples=examples[1])
    with pytest.raises(KeyboardInterrupt):
        jobs.train(family, asked)
    family.stops = False
    jobs.train(family, asked)
    assert checkpoints.load(checkpoints.best(str(tmp_path / 'train'))).metadata['calibrated'] == 'It was corrected.'


def test_a_learning_rate_that_has_fallen_to_zero_is_told_instead_of_trained_with(tmp_path, examples, capsys):
    given = Given(None, 'decay_steps=40')
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=40, given=given, summary_frequency=2))
    said = capsys.readouterr().out
    assert 'Still learning' in said and 'As its learning rate has fallen to 0, it has to begin anew' in said
    for num_steps in (60, 0):
        with pytest.raises(SolferinoError, match=r'fallen to 0 at step 40 \(decay_steps\).*--warm_start_bundle_file='):
            jobs.train(FAMILY, request(tmp_path, examples, num_steps=num_steps, given=given))
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=40, given=given))
    assert 'already trained' in capsys.readouterr().out


def test_a_run_keeps_the_name_that_it_was_begun_with(tmp_path, examples):
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=2, generator={'id': 'one'}))
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=3, generator={'id': 'one'}))
    with pytest.raises(SolferinoError, match=r'--generator_id=two: .* was begun with one\. Leave it out'):
        jobs.train(FAMILY, request(tmp_path, examples, num_steps=4, generator={'id': 'two'}))


def test_a_best_checkpoint_that_a_kill_left_beside_the_new_one_goes(tmp_path):
    checkpoint = checkpoints.Checkpoint(4, {'x': np.zeros(2, np.float32)}, {}, {}, 1.5)
    for step in (2, 4):
        checkpoints.save(str(tmp_path), dataclasses.replace(checkpoint, step=step), checkpoints.BEST)
    assert checkpoints.keep_best(str(tmp_path), checkpoint) is None
    assert list(checkpoints.paths(str(tmp_path), checkpoints.BEST)) == [4]


def test_dense_examples_train_to_the_same_weights(tmp_path, examples):
    dense = toy_family.write(tmp_path / 'dense.tfrecord', 30, dense=True)
    jobs.train(FAMILY, request(tmp_path / 'a', examples, num_steps=5))
    jobs.train(FAMILY, request(tmp_path / 'b', [dense], num_steps=5))
    assert_same_state(final(tmp_path / 'a'), final(tmp_path / 'b'))


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, examples):
    with pytest.raises(SolferinoError) as error:
        jobs.train(
            FAMILY,
            request(
                tmp_path, examples, num_steps=1000, given=Given(None, 'learning_rate=1e25'), checkpoint_seconds=0.0
            ),
        )
    message = str(error.value)
    assert 'learning_rate' in message and '1e+25' in message and '--run_dir' in message
    kept = final(tmp_path)
    assert kept.path in message
    assert all(np.isfinite(array).all() for array in kept.weights.values())
    assert not status.is_training(str(tmp_path))


def test_a_truncated_checkpoint_loses_only_its_own_steps(tmp_path, examples, caplog):
    jobs.train(FAMILY, request(tmp_path / 'whole', examples, num_steps=20))
    for steps in (8, 13):
        jobs.train(FAMILY, request(tmp_path / 'parts', examples, num_steps=steps))
    newest = Path(final(tmp_path / 'parts').path)
    newest.write_bytes(newest.read_bytes()[:100])
    # To fewer steps than the damaged one has, which would count as the newest.
    jobs.train(FAMILY, request(tmp_path / 'parts', examples, num_steps=10, num_checkpoints=1))
    assert f'It is kept as {newest}.damaged' in caplog.text
    assert Path(f'{newest}.damaged').stat().st_size == 100
    assert final(tmp_path / 'parts').step == 10
    jobs.train(FAMILY, request(tmp_path / 'parts', examples, num_steps=20))
    assert_same_state(final(tmp_path / 'whole'), final(tmp_path / 'parts'))


def test_a_picture_that_fails_does_not_end_training(tmp_path, examples, caplog):
    class Shy(toy_family.ToyFamily):
        def draw(self, sequence, config):
            raise OSError('no fonts')

    jobs.train(Shy(), request(tmp_path, examples, eval_examples=examples[1], num_steps=2))
    assert 'no fonts' in caplog.text
    assert final(tmp_path).step == 2


def test_what_is_wrong_leaves_no_run_directory(tmp_path, examples):
    wrong = [
        request(tmp_path / 'run', ['']),
        request(tmp_path / 'run', [','.join(examples)], eval_examples=examples[1]),
        request(tmp_path / 'run', examples, eval_examples=toy_family.write(tmp_path / 'large', 3, 'large')),
        request(tmp_path / 'run', [str(tmp_path / 'missing')]),
        request(tmp_path / 'run', examples, eval_examples=str(tmp_path / 'missing')),
        request(tmp_path / 'run', examples, given=Given('huge')),
        request(tmp_path / 'run', examples, given=Given(None, 'depth=3')),
        request(tmp_path / 'run', [toy_family.write(tmp_path / 'large', 3, 'large')]),
    ]
    for each in wrong:
        with pytest.raises(SolferinoError) as refusal:
            jobs.train(FAMILY, each)
        assert 'run.json' not in str(refusal.value)  # there is none
        assert not (tmp_path / 'run').exists()


def test_what_is_told_at_the_end_is_of_the_best_checkpoint(tmp_path, examples, capsys, monkeypatch):
    from solferino.models.core.training.evaluation import Evaluator

    values, losses = Evaluator.values, iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(Evaluator, 'values', lambda self: values(self) | {'loss': next(losses)})
    jobs.train(FAMILY, request(tmp_path, examples, eval_examples=examples[1], num_steps=6, eval_frequency=2))
    said = capsys.readouterr().out
    assert 'best.ckpt-4.safetensors on the 7 examples' in said
    assert 'Its loss is 1.0000' in said


def test_what_is_told_at_the_end_may_be_of_a_call_before(tmp_path, examples, capsys):
    told = {'eval_examples': examples[1], 'eval_frequency': 10}
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=10, **told))
    best = checkpoints.load(checkpoints.best(str(tmp_path / 'train')))
    unbeaten = dataclasses.replace(best, eval_loss=0.0001)  # by any after it
    checkpoints.save(str(tmp_path / 'train'), unbeaten, checkpoints.BEST)
    capsys.readouterr()
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=30, **told))
    said = capsys.readouterr().out
    held_out = scalars(tmp_path / 'eval')['loss']
    assert held_out[30] < held_out[10]
    assert 'best.ckpt-10.safetensors on the 7 examples' in said
    assert f'Its loss is {held_out[10]:.4f}' in said
    assert 'best.ckpt-10.safetensors (held-out loss 0.0001)' in said


def test_a_terminal_shows_a_bar(tmp_path, examples, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr('sys.stderr', terminal)
    monkeypatch.setattr('solferino.models.core.training.runtime.set_up', lambda cluster, stop: ALONE)
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=10, summary_frequency=5))
    shown = terminal.getvalue()
    assert '10/10' in shown and 'loss=' in shown and 'events/s=' in shown


def test_a_run_that_cannot_be_written_is_named(tmp_path, examples):
    (tmp_path / 'file').write_text('')
    with pytest.raises(SolferinoError, match=r'file/run.* cannot be'):
        jobs.train(FAMILY, request(tmp_path / 'file' / 'run', examples, num_steps=1))


def test_evaluate_once(tmp_path, examples, capsys):
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=5))
    capsys.readouterr()
    evaluating.evaluate_once(FAMILY, request(tmp_path, [examples[1]]))
    said = capsys.readouterr().out
    assert 'model.ckpt-5.safetensors on the 7 examples' in said and 'metrics/accuracy' in said
    assert list(scalars(tmp_path / 'eval')['loss']) == [5]
    train = str(tmp_path / 'train')
    assert checkpoints.best(train) is None
    with pytest.raises(SolferinoError, match='There is no best checkpoint'):
        evaluating.evaluate_once(FAMILY, request(tmp_path, [examples[1]], checkpoint='best'))
    checkpoints.keep_best(train, dataclasses.replace(checkpoints.latest(train), eval_loss=1.0))
    for checkpoint, name in (('best', 'best.ckpt-5'), ('newest', 'model.ckpt-5')):
        evaluating.evaluate_once(FAMILY, request(tmp_path, [examples[1]], checkpoint=checkpoint))
        assert f'{name}.safetensors on the 7 examples' in capsys.readouterr().out
    with pytest.raises(SolferinoError, match='is no run directory'):
        evaluating.evaluate_once(FAMILY, request(tmp_path / 'elsewhere', examples))


def test_evaluate_once_compares_with_the_training_examples_if_they_are_there(tmp_path, caplog, capsys):
    training, held_out = (toy_family.write(tmp_path / f'{n}.tfrecord', n, seed=n) for n in (20, 5))
    jobs.train(FAMILY, asked.Request(str(tmp_path / 'run'), examples=training, num_steps=5))
    once = asked.Request(str(tmp_path / 'run'), examples=held_out)
    for change, compares, why in (
        (lambda: None, True, ''),
        (lambda: toy_family.write(training, 21, seed=8), False, 'is not what it was'),
        (lambda: Path(training).unlink(), False, training),
    ):
        change()
        caplog.clear()
        with caplog.at_level(logging.INFO):
            evaluating.evaluate_once(FAMILY, once)
        assert ('what usually follows what' in capsys.readouterr().out) == compares
        assert why in caplog.text


def test_partial_batches_count_for_what_they_hold(tmp_path, examples):
    values = []
    for batch_size in (1, 4, 100):
        run = tmp_path / str(batch_size)
        given = Given(None, f'batch_size={batch_size}')
        jobs.train(FAMILY, request(run, examples, given=given, eval_examples=examples[1], num_steps=1))
        # The weights differ after a step with another batch; those of the start are the same.
        for path in list(checkpoints.paths(str(run / 'train')).values())[1:]:
            Path(path).unlink()
        evaluating.evaluate_once(FAMILY, request(run, [examples[1]]))
        values.append(scalars(run / 'eval')['loss'][0])
    assert values == pytest.approx([values[0]] * 3, rel=1e-6)


def test_num_eval_examples(tmp_path, examples, capsys):
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=1))
    evaluating.evaluate_once(FAMILY, request(tmp_path, examples, eval_examples=examples[1], num_eval_examples=3))
    assert 'on the 3 examples of ' + examples[1] in capsys.readouterr().out


def test_the_evaluation_job_takes_every_checkpoint_and_ends(tmp_path, examples, capsys):
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=6, checkpoint_seconds=0.0))
    evaluating.evaluate(FAMILY, request(tmp_path, [examples[1]]))
    losses = scalars(tmp_path / 'eval')['loss']
    assert list(losses) == [0, 1, 2, 3, 4, 5, 6]
    best = checkpoints.load(checkpoints.best(str(tmp_path / 'train')))
    assert best.eval_loss == pytest.approx(min(losses.values()))
    assert best.step == min(losses, key=losses.get)


def test_the_evaluation_job_says_what_is_missing_before_it_waits(tmp_path):
    with pytest.raises(SolferinoError, match=r'missing.tfrecord'):
        evaluating.evaluate(FAMILY, request(tmp_path, [str(tmp_path / 'missing.tfrecord')]))


def test_the_evaluation_job_gives_up_where_nothing_is(tmp_path, examples, monkeypatch):
    monkeypatch.setattr(evaluating, 'POLL_S', 0.01)
    with pytest.raises(SolferinoError, match='No checkpoint appeared'):
        evaluating.evaluate(FAMILY, request(tmp_path, [examples[1]]), patience_s=0.05)


@pytest.mark.parametrize('writes', [3, 5])
def test_a_run_whose_curves_cannot_be_written_keeps_its_steps(tmp_path, examples, monkeypatch, writes):
    class Full(io.FileIO):
        left = writes

        def write(self, data):
            Full.left -= 1
            if Full.left < 0:
                raise OSError(errno.ENOSPC, 'No space left on device')
            return super().write(data[: 1 + len(data) // 2])  # a part, as writing may do

    class FullIO:
        FileIO, BytesIO = Full, io.BytesIO

    monkeypatch.setattr(monitor, 'io', FullIO)
    with pytest.raises(SolferinoError, match=r'events\.out\.tfevents.*No space left.*goes on from the last checkpoint'):
        jobs.train(FAMILY, request(tmp_path, examples, num_steps=40, summary_frequency=7))
    monkeypatch.undo()
    step = final(tmp_path).step if final(tmp_path) else 0
    assert step in (0, 7)
    jobs.train(FAMILY, request(tmp_path, examples, num_steps=40))
    assert final(tmp_path).step == 40
