"""Checkpoints of TensorFlow are read as TensorFlow reads them; damaged ones are refused, in little memory."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import generator_pb2

from solferino.models.core.magenta import tf_checkpoint, tf_table

RNG = np.random.default_rng(0)
VARIABLES = {
    'rnn/kernel': RNG.normal(size=(37, 64)).astype(np.float32),
    'rnn/cell/wide': RNG.normal(size=(3, 1, 2)),
    'global_step': np.int64(1 << 40),
    'signed': np.array([-1, 0, 7], np.int32),
    'none': np.zeros((0, 4), np.float32),
    **{f'many_{i}': np.full(i, i, np.float32) for i in range(1, 40)},
}
# A fuzzed file must not take more than this beside its own size.
BYTES = 4 << 20


def save(prefix: Path, version: int, variables: dict = VARIABLES, **options: object) -> None:
    """Has TensorFlow write a checkpoint."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        held = [tf.Variable(array, name=name, **options) for name, array in variables.items()]
        session.run(tf.global_variables_initializer())
        tf.train.Saver(held, write_version=version).save(session, str(prefix), write_meta_graph=False)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the checkpoints v1 and v2."""
    folder = tmp_path_factory.mktemp('checkpoints')
    save(folder / 'v1', 1)
    save(folder / 'v2', 2)
    return folder


def assert_same(read: dict[str, np.ndarray], wanted: dict = VARIABLES) -> None:
    assert read.keys() == wanted.keys()
    for name, array in wanted.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize('name', ['v1', 'v2'])
def test_what_tensorflow_wrote(folder: Path, name: str) -> None:
    assert_same(tf_checkpoint.read(str(folder / name)))


def test_a_file_larger_than_any(tmp_path: Path) -> None:
    for name in ('huge', f'huge{tf_checkpoint.INDEX}'):
        with open(tmp_path / name, 'wb') as file:
            file.truncate(1 << 40)  # takes no room
        attempt(lambda: tf_checkpoint.read(f'{tmp_path}/huge'), checked=True)


def test_golden_bundles(shared: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    for path in sorted((shared / 'golden/bundles').glob('*.mag')):
        data = generator_pb2.GeneratorBundle.FromString(path.read_bytes()).checkpoint_file[0]
        (tmp_path / 'model.ckpt').write_bytes(data)
        reader = tf.train.load_checkpoint(str(tmp_path / 'model.ckpt'))
        wanted = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        assert len(wanted) >= 6
        assert_same(tf_checkpoint.parse_v1(data), wanted)


@pytest.mark.parametrize('version', [1, 2])
def test_text_and_parts_are_refused(version: int, tmp_path: Path) -> None:
    import tensorflow.compat.v1 as tf

    save(tmp_path / 'text', version, {'words': np.array(['a', 'b'])})
    with pytest.raises(ValueError, match='neither floats nor whole numbers'):
        tf_checkpoint.read(f'{tmp_path}/text')
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)  # which TensorFlow wants after `runtime.set_up`
        whole = tf.get_variable(
            'whole', [4, 3], partitioner=tf.fixed_size_partitioner(2), use_resource=False, dtype=tf.float32
        )
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver({'whole': whole}, write_version=version)
        saver.save(session, str(tmp_path / 'parts'), write_meta_graph=False)
    with pytest.raises(ValueError, match=r'a part of the variable|as many values'):
        tf_checkpoint.read(f'{tmp_path}/parts')


def test_compressed_tables_are_refused(folder: Path) -> None:
    data = (folder / 'v1').read_bytes()
    with mock.patch.object(tf_table, 'masked_crc', return_value=mock.ANY):
        index = tf_table.Reader(memoryview(data)[-48:-8])
        _, _, offset, size = (index.varint() for _ in range(4))
        compressed = bytearray(data)
        compressed[offset + size] = 1
        with pytest.raises(ValueError, match='compressed'):
            tf_checkpoint.parse_v1(bytes(compressed))


def damaged(data: bytes, draw: Callable) -> bytes:
    """Draws what may become of a file: cut off, bytes changed, a size that claims gigabytes."""
    data = bytearray(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)
    for _ in range(draw(st.integers(0, 4))):
        # Most of what is not values is at the beginning or the end.
        position = draw(st.integers(0, max(0, len(data) - 1)) | st.integers(0, 600) | st.integers(-600, -1))
        if -len(data) <= position < len(data):
            claim = draw(st.sampled_from([b'\xff\xff\xff\xff\x0f', b'\x80\x80\x80\x80\x08', b'']))
            data[position : position + len(claim)] = claim
            if not claim:
                data[position] = draw(st.integers(0, 255))
    return bytes(data)


def attempt(read: Callable[[], dict[str, np.ndarray]], checked: bool) -> None:
    """Reads, and raises for anything but a ValueError, the right values, or (unchecked) any values in little memory."""
    tracemalloc.start()
    try:
        variables = read()
    except ValueError as error:
        assert str(error).startswith('it ') or not checked
    else:
        if checked:
            assert_same(variables)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < BYTES


@pytest.mark.parametrize('checked', [True, False], ids=['checksums', 'no checksums'])
@given(data=st.data())
def test_damaged_v1(folder: Path, checked: bool, data: st.DataObject) -> None:
    file = damaged((folder / 'v1').read_bytes(), data.draw)
    with mock.patch.object(tf_table, 'masked_crc', tf_table.masked_crc if checked else lambda _: mock.ANY):
        attempt(lambda: tf_checkpoint.parse_v1(file), checked)


@pytest.mark.parametrize('checked', [True, False], ids=['checksums', 'no checksums'])
@given(data=st.data())
def test_damaged_v2(folder: Path, tmp_path_factory: pytest.TempPathFactory, checked: bool, data: st.DataObject) -> None:
    copy = tmp_path_factory.getbasetemp() / 'damaged'
    values = '.data-00000-of-00001'
    parts = {name: Path(f'{folder}/v2{name}').read_bytes() for name in (tf_checkpoint.INDEX, values)}
    broken = data.draw(st.sampled_from(sorted(parts)))
    parts[broken] = damaged(parts[broken], data.draw)
    for name, content in parts.items():
        Path(f'{copy}{name}').write_bytes(content)
    patched = tf_table.masked_crc if checked else lambda _: mock.ANY
    with (
        mock.patch.object(tf_table, 'masked_crc', patched),
        mock.patch.object(tf_checkpoint, 'masked_crc', patched),
    ):
        try:
            attempt(lambda: tf_checkpoint.read_v2(str(copy)), checked)
        except FileNotFoundError:  # it says that there are more data files
            assert not checked
