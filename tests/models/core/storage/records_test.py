"""TFRecord files: what is written is read back, is what TensorFlow writes, and no damage passes."""

import os
import stat
import struct
from pathlib import Path

import google_crc32c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files, records


def write(path, payloads):
    with records.Writer(str(path)) as writer:
        for payload in payloads:
            writer.write(payload)
    return str(path)


@given(st.lists(st.binary(max_size=300)))
@settings(max_examples=50)
def test_round_trip(tmp_path_factory, payloads):
    path = write(tmp_path_factory.mktemp('r') / 'a.tfrecord', payloads)
    assert list(records.read(path)) == payloads
    assert records.count(path) == len(payloads)
    spans = list(records.index(path))
    assert [span.length for span in spans] == [len(p) for p in payloads]
    for i, span in enumerate(spans):
        assert list(records.read(path, span.offset)) == payloads[i:]
        assert list(records.read(path, span.offset, span.end)) == payloads[i : i + 1]


@given(st.binary(min_size=1, max_size=60), st.data())
@settings(max_examples=200)
def test_no_damage_passes(tmp_path_factory, payload, data):
    """One changed bit, or a lost end, of the second of two records is found, and the first is still read."""
    path = write(tmp_path_factory.mktemp('r') / 'a.tfrecord', [b'first', payload])
    good = Path(path).read_bytes()
    second = len(records.frame(b'first'))
    position = data.draw(st.integers(second, len(good) - 1))
    cut = data.draw(st.booleans()) and position > second
    damaged = good[:position] if cut else good[:position] + bytes([good[position] ^ 4]) + good[position + 1 :]
    Path(path).write_bytes(damaged)
    reader = records.read(path)
    assert next(reader) == b'first'
    with pytest.raises(SolferinoError, match=r'a\.tfrecord: record 1 '):
        list(reader)


@given(st.binary(min_size=1, max_size=200))
def test_a_foreign_file_is_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp('r') / 'foreign'
    path.write_bytes(content)
    for look in (records.read, records.index):
        with pytest.raises(SolferinoError, match='is not a TFRecord file'):
            list(look(str(path)))


def test_a_length_beyond_the_file_is_refused_unread(tmp_path):
    length = struct.pack('<Q', 1 << 62)
    crc = google_crc32c.value(length)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    (tmp_path / 'huge').write_bytes(length + struct.pack('<I', masked) + b'x' * 100)
    with pytest.raises(SolferinoError, match='the file ends within it'):
        list(records.read(str(tmp_path / 'huge')))


def test_bytes_are_those_that_tensorflow_writes(tmp_path):
    tf = pytest.importorskip('tensorflow')
    payloads = [b'', b'a', bytes(range(256)) * 50]
    ours = write(tmp_path / 'ours', payloads)
    with tf.io.TFRecordWriter(str(tmp_path / 'theirs')) as writer:
        for payload in payloads:
            writer.write(payload)
    assert Path(ours).read_bytes() == (tmp_path / 'theirs').read_bytes()


def test_expand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    for name in ('b.tfrecord', 'a.tfrecord', 'we[ird].tfrecord', *records.shard_paths('s@2.tfrecord')):
        write(name, [b'x'])
    shards = ['s-00000-of-00002.tfrecord', 's-00001-of-00002.tfrecord']
    assert records.expand('?.tfrecord') == ['a.tfrecord', 'b.tfrecord']
    assert records.expand('b.tfrecord, a.tfrecord,*.tfrecord') == [
        'a.tfrecord', 'b.tfrecord', *shards, 'we[ird].tfrecord'
    ]  # fmt: skip
    assert records.expand('we[ird].tfrecord') == ['we[ird].tfrecord']
    assert records.expand('s@2.tfrecord') == records.expand('s-*') == shards
    assert records.expand(f'a.tfrecord,./a.tfrecord,{tmp_path}/a*') == ['a.tfrecord']
    assert records.expand('~/a.tfrecord') == [str(tmp_path / 'a.tfrecord')]
    assert records.shard_paths('dir@3/x') == ['dir@3/x']
    assert records.shard_paths('x@1') == ['x-00000-of-00001']


@pytest.mark.parametrize(
    'pattern, message',
    [
        ('none*.tfrecord', r"No file matches 'none\*.tfrecord'"),
        ('', 'No file is named'),
        ('.', r'is a folder, not a file\. Name a file in it, of \./s-00000-of-00003.tfrecord, .*, and 2 more\.'),
        ('none', 'is a folder, not a file. There is no TFRecord file in it.'),
        ('s@0.tfrecord', 'must be from 1 to 99,999'),
        ('s@3.tfrecord', '1 of the 3 shards'),
        ('s-*', '1 of the 3 shards .* s-00002-of-00003.tfrecord'),
        ('t-*', 't@1.tfrecord and t@2.tfrecord are there both'),
    ],
)
def test_expand_says_what_is_missing(tmp_path, monkeypatch, pattern, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'none').mkdir()
    for path in records.shard_paths('s@3.tfrecord')[:2]:
        write(path, [])
    for path in records.shard_paths('t@1.tfrecord') + records.shard_paths('t@2.tfrecord'):
        write(path, [])
    with pytest.raises(SolferinoError, match=message):
        records.expand(pattern)


def test_a_missing_file_is_named():
    with pytest.raises(SolferinoError, match='nowhere cannot be read'):
        list(records.read('nowhere'))


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_what_was_there(tmp_path, error):
    path = write(tmp_path / 'a.tfrecord', [b'old'])
    with pytest.raises(error), records.Writer(path) as writer:
        writer.write(b'new')
        raise error
    assert list(records.read(path)) == [b'old']
    assert os.listdir(tmp_path) == ['a.tfrecord']


def test_what_is_no_ordinary_file_stays(tmp_path):
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    for path in (str(pipe), os.devnull, str(tmp_path)):
        with pytest.raises(OSError):
            files.atomic_write(path, 'x')
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_atomic_write(tmp_path):
    path = tmp_path / 'new' / 'é.txt'
    files.atomic_write(str(path), 'é\n')
    assert path.read_bytes() == 'é\n'.encode()
    plain = tmp_path / 'plain'
    plain.write_bytes(b'')
    assert path.stat().st_mode == plain.stat().st_mode
    files.atomic_write(str(path), b'\0')
    assert path.read_bytes() == b'\0' and os.listdir(path.parent) == ['é.txt']
