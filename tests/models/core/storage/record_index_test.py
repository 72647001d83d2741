"""Records at random access are those that reading in order gives."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.models.core.storage.record_index import RecordIndex


def write(path, payloads):
    with records.Writer(str(path)) as writer:
        for payload in payloads:
            writer.write(payload)
    return str(path)


def indexed(*paths):
    index = RecordIndex()
    found = [data for path in paths for data in index.scan(path)]
    index.open()
    return index, found


@given(st.lists(st.lists(st.binary(max_size=100), max_size=5), max_size=5), st.randoms())
@settings(max_examples=50)
def test_any_record_of_any_file_in_any_order(tmp_path_factory, files, random):
    folder = tmp_path_factory.mktemp('r')
    index, found = indexed(*(write(folder / f'{i}', payloads) for i, payloads in enumerate(files)))
    expected = [payload for payloads in files for payload in payloads]
    assert found == expected and len(index) == len(expected)
    numbers = [*range(len(expected))]
    random.shuffle(numbers)
    assert [index[number] for number in numbers] == [expected[number] for number in numbers]


def test_what_is_scanned_in_part_is_entered_in_part(tmp_path):
    index = RecordIndex()
    scan = index.scan(write(tmp_path / 'a', [b'one', b'two', b'three']))
    assert (next(scan), next(scan)) == (b'one', b'two')
    index.open()
    assert len(index) == 2 and index[1] == b'two'


def test_a_file_that_is_written_anew_stays_what_it_was(tmp_path):
    index, _ = indexed(write(tmp_path / 'a', [b'one', b'two']))
    write(tmp_path / 'a', [b'another', b'thing'])
    assert index[1] == b'two'


def test_a_file_that_is_changed_in_place_is_noticed(tmp_path):
    path = Path(write(tmp_path / 'a', [b'one', b'two', b'three']))
    index, _ = indexed(str(path))
    good = path.read_bytes()
    for bad in (good.replace(b'two', b'tow'), good[:30], b''):
        path.write_bytes(bad)
        with pytest.raises(SolferinoError, match=r'a has changed since .*: record 1 is not where it was'):
            index[1]
    path.write_bytes(good)
    assert index[1] == b'two'


def test_several_threads_may_read(tmp_path):
    payloads = [bytes([k]) * (k + 1) for k in range(200)]
    index, _ = indexed(write(tmp_path / 'a', payloads))
    right = []

    def look():
        right.append(all(index[k] == payloads[k] for _ in range(20) for k in range(200)))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 4


def test_a_file_that_is_written_anew_before_it_is_opened_is_refused(tmp_path):
    index = RecordIndex()
    path = write(tmp_path / 'a', [b'one'])
    assert list(index.scan(path)) == [b'one']
    os.replace(write(tmp_path / 'b', [b'two']), path)
    with pytest.raises(SolferinoError, match='was written anew while its examples were counted'):
        index.open()


def test_more_files_may_be_open_than_a_shell_allows(tmp_path):
    script = """
import resource, sys
from solferino.models.core.storage.record_index import RecordIndex
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
index = RecordIndex()
for _ in range(100):
    list(index.scan(sys.argv[1]))
index.open()
print(len(index))
"""
    path = write(tmp_path / 'a', [b'one'])
    done = subprocess.run([sys.executable, '-c', script, path], capture_output=True, text=True, check=False)
    assert done.stdout == '100\n', done.stderr


def test_files_are_closed_with_the_index(tmp_path):
    def number_open():
        return len(os.listdir('/proc/self/fd'))

    before = number_open()
    index, _ = indexed(*(write(tmp_path / f'{k}', [b'x']) for k in range(5)))
    assert number_open() == before + 5
    del index
    assert number_open() == before
