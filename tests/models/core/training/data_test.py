"""Examples in memory and in their files, and the order of batches."""

import dataclasses
import logging
import math

import numpy as np
import pytest
import toy_family
from hypothesis import given
from hypothesis import strategies as st
from toy_family import FAMILY, SPEC

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records, sequence_examples
from solferino.models.core.training import data

SMALL, LARGE = SPEC.configs.values()


def dataset_of(lengths):
    examples = [{'events': np.full(n + 1, i % 5)} for i, n in enumerate(lengths)]
    return data.Dataset(FAMILY, SMALL, 'here', examples, np.array(lengths, np.int32), 'f')


@pytest.mark.parametrize('dense', [False, True])
def test_load(tmp_path, dense):
    path = toy_family.write(tmp_path / 'a.tfrecord', 7, dense=dense)
    dataset = data.load(FAMILY, SMALL, path)
    expected = list(toy_family.tracks(7))
    assert len(dataset) == 7
    assert dataset.lengths.tolist() == [len(track) - 1 for track in expected]
    for example, track in zip(dataset.examples, expected, strict=True):
        np.testing.assert_array_equal(example['events'], track)
        assert example['events'].dtype == np.int32
    assert len(data.load(FAMILY, SMALL, path, limit=3)) == 3


@pytest.mark.parametrize('dense', [False, True])
def test_examples_that_stay_in_their_files_are_the_same(tmp_path, dense, caplog):
    for i in range(3):
        toy_family.write(tmp_path / f'a-0000{i}-of-00003.tfrecord', 5 * i, seed=i, dense=dense)
    pattern = str(tmp_path / 'a@3.tfrecord')
    held = data.load(FAMILY, SMALL, pattern)
    assert isinstance(held.examples, list) and not caplog.text
    for most in (0, 3000):  # a few are held before it turns out that there are too many
        with caplog.at_level(logging.INFO):
            dataset = data.load(FAMILY, SMALL, pattern, most_held=most)
        assert not isinstance(dataset.examples, list) and 'stay in their files' in caplog.text
        assert dataset.describe() == held.describe()
        np.testing.assert_array_equal(dataset.lengths, held.lengths)
        assert len(dataset.examples) == len(dataset.examples[:]) == 15
        for one, other in ((dataset.examples, held.examples), (dataset.examples[3::4], held.examples[3::4])):
            assert repr(list(one)) == repr(list(other))
        assert repr(dataset.examples[-1]) == repr(held.examples[-1])
        for step in (0, 5, 1, 70):
            batch, expected = (data.Batches(one, 4, seed=3).batch(step) for one in (dataset, held))
            assert {k: v.tobytes() for k, v in batch.items()} == {k: v.tobytes() for k, v in expected.items()}
    assert len(data.load(FAMILY, SMALL, pattern, limit=7, most_held=0).examples) == 7
    size = sum(400 + example['events'].nbytes for example in held.examples)
    assert isinstance(data.load(FAMILY, SMALL, pattern, most_held=size).examples, list)
    assert not isinstance(data.load(FAMILY, SMALL, pattern, most_held=size - 1).examples, list)


def test_load_takes_patterns(tmp_path):
    for i in range(2):
        toy_family.write(tmp_path / f'a-0000{i}-of-00002.tfrecord', 3, seed=i)
    assert len(data.load(FAMILY, SMALL, str(tmp_path / 'a@2.tfrecord'))) == 6
    assert len(data.load(FAMILY, SMALL, str(tmp_path / 'a-*'))) == 6


def test_the_fingerprint_is_of_the_contents(tmp_path):
    paths = [toy_family.write(tmp_path / name, 3, seed=seed) for name, seed in (('a', 0), ('b', 0), ('c', 1))]
    one, same, other = (data.load(FAMILY, SMALL, path).fingerprint for path in paths)
    assert one == same != other


def test_wrong_input_is_named(tmp_path):
    def problem(path, config=SMALL):
        with pytest.raises(SolferinoError) as error:
            data.load(FAMILY, config, str(path))
        assert path.name in str(error.value)
        return str(error.value)

    assert 'No file' in problem(tmp_path / 'missing.tfrecord')
    (tmp_path / 'empty.tfrecord').write_bytes(b'')
    assert 'has no examples' in problem(tmp_path / 'empty.tfrecord')
    (tmp_path / 'song.mid').write_bytes(b'MThd' + bytes(100))
    assert 'not a TFRecord file' in problem(tmp_path / 'song.mid')
    for name, dense in (('compact', False), ('dense', True)):
        toy_family.write(tmp_path / name, 4, 'large', dense=dense)
        message = problem(tmp_path / name)
        assert 'record 0 is no example for --config=small' in message
        assert 'toy_rnn_create_dataset --config=small' in message
    with records.Writer(str(tmp_path / 'names')) as writer:
        writer.write(sequence_examples.serialize({'notes': np.arange(3)}))
    assert "it has no 'events'" in problem(tmp_path / 'names')
    with records.Writer(str(tmp_path / 'notes')) as writer:
        writer.write(b'\x0a\xff something else')
    assert 'record 0' in problem(tmp_path / 'notes')
    with records.Writer(str(tmp_path / 'short')) as writer:
        writer.write(sequence_examples.serialize({'events': np.array([1])}))
    assert 'it has no steps' in problem(tmp_path / 'short')


def test_a_batch_is_padded_with_zeros():
    batch = dataset_of([2, 4]).batch(np.array([1, 0]))
    assert batch['length'].tolist() == [4, 2]
    assert batch['inputs'].dtype == np.int32
    np.testing.assert_array_equal(batch['inputs'], [[1, 1, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(batch['size'], np.float32([5, 3]))
    batch = dataset_of([3, 1, 2]).batch(np.array([1, 2]))
    np.testing.assert_array_equal(batch['labels'], [[1, 0], [2, 2]])


lengths_of_tracks = st.lists(st.integers(1, 600), min_size=1, max_size=400)


@given(lengths_of_tracks, st.integers(1, 130), st.integers(0, 2**31), st.integers(0, 100))
def test_an_epoch_has_each_example_once_in_batches_of_nearly_one_size(lengths, batch_size, seed, epoch):
    batches = data.Batches(dataset_of(lengths), batch_size, seed)
    assert batches.per_epoch == math.ceil(len(lengths) / batch_size)
    order = [batches.indices(epoch * batches.per_epoch + i) for i in range(batches.per_epoch)]
    assert sorted(np.concatenate(order)) == list(range(len(lengths)))
    sizes = [len(indices) for indices in order]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_epochs_differ():
    batches = data.Batches(dataset_of(np.random.default_rng(0).integers(1, 100, 103)), 4, seed=5)
    orders = [np.concatenate([batches.indices(e * 26 + i) for i in range(26)]).tolist() for e in range(3)]
    assert orders[0] != orders[1] != orders[2] != orders[0]


@given(st.lists(st.integers(1, 600), min_size=1, max_size=40), st.integers(1, 16), st.integers(0, 2**31))
def test_batches_are_padded_no_more_than_shuffled_ones(pattern, batch_size, seed):
    """Sorted lengths are padded least; lengths that count as similar may cost what they differ by."""
    dataset = dataset_of(pattern * batch_size)  # so that all batches are full
    plain = np.array_split(np.random.default_rng(seed).permutation(len(dataset)), len(pattern))
    padded, padded_plain = (
        len(dataset) * dataset.lengths.mean() / (1 - share)
        for share in (data.Batches(dataset, batch_size, seed).padding(), data.padding(dataset, plain))
    )
    assert padded <= padded_plain / (1 - data.SIMILAR) * (1 + 1e-9)


def test_any_batch_can_be_made_without_those_before():
    dataset = dataset_of(np.random.default_rng(0).integers(1, 100, 50))
    in_order = [data.Batches(dataset, 4, seed=5).indices(step) for step in range(100)]
    backwards = data.Batches(dataset, 4, seed=5)
    for step in reversed(range(100)):
        np.testing.assert_array_equal(backwards.indices(step), in_order[step])
    other = data.Batches(dataset, 4, seed=6)
    assert any(other.indices(step).tolist() != in_order[step].tolist() for step in range(12))


def test_batches_hold_similar_lengths_yet_not_the_same_examples_each_time():
    dataset = dataset_of(np.random.default_rng(0).integers(20, 500, 400))
    batches = data.Batches(dataset, 16, seed=0)
    shuffled = np.split(np.random.default_rng(0).permutation(400), 25)
    assert data.padding(dataset, shuffled) > 0.4
    assert batches.padding() < 0.11
    epochs = [{frozenset(batches.indices(step)) for step in range(e * 25, e * 25 + 25)} for e in range(2)]
    assert not epochs[0] & epochs[1]
    # The order does not go from short to long.
    means = [dataset.lengths[batches.indices(step)].mean() for step in range(25)]
    assert abs(np.corrcoef(means, range(25))[0, 1]) < 0.6


def test_evaluation_takes_all_once_in_one_order():
    dataset = dataset_of([5, 1, 4, 2, 3])
    order = data.evaluation_order(dataset, 2)
    assert [indices.tolist() for indices in order] == [[1, 3], [4, 2], [0]]


def test_families_without_time_have_one_step():
    from solferino.models.core.family import Feature

    class Still(toy_family.ToyFamily):
        def features(self, config):
            return {'pitches': Feature((3,), 'float32')}

        def encode(self, example, config):
            return {'pitches': example['events'].astype(np.float32)}

    dataset = dataclasses.replace(dataset_of([1, 1]), family=Still(), examples=[{'events': np.arange(3)}] * 2)
    batch = dataset.batch(np.array([0, 1]))
    np.testing.assert_array_equal(batch['pitches'], [[0, 1, 2]] * 2)
    assert batch['length'].tolist() == [1, 1]
