"""What the system refuses becomes a sentence."""

import errno
import os

import pytest

from solferino.hparams import system_errors


@pytest.mark.parametrize(
    ('number', 'says'),
    [
        (errno.ENOSPC, 'Make room'),
        (errno.EDQUOT, 'Make room'),
        (errno.EROFS, 'can be written to'),
        (errno.EACCES, 'permissions'),
        (errno.EISDIR, 'Name a file'),
        (errno.ENOTDIR, 'a folder is needed'),
        (errno.ENAMETOOLONG, 'shorter'),
        (errno.ENOENT, 'Check the path'),
        (errno.ELOOP, 'circle'),
        (errno.EMFILE, 'ulimit -n'),
    ],
)
def test_it_names_the_file_and_says_what_to_do(number, says):
    told = system_errors.sentence(OSError(number, os.strerror(number), b'run/x'))
    assert told.startswith(f'run/x: {os.strerror(number)}. ')
    assert says in told and told.endswith('.')


def test_two_names_and_none():
    assert system_errors.sentence(OSError(errno.EXDEV, 'Cross-device link', 'a', None, 'b')).startswith('a and b: ')
    assert system_errors.sentence(OSError(errno.ENOSPC, 'No space left on device')).startswith('No space left on')


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / 'gone').mkdir()
    monkeypatch.chdir(tmp_path / 'gone')
    (tmp_path / 'gone').rmdir()
    with pytest.raises(FileNotFoundError) as error:
        os.getcwd()
    assert 'folder in which this command runs' in system_errors.sentence(error.value)


def test_memory():
    assert system_errors.sentence(MemoryError()).startswith('There is not enough memory for that. Ask for less')
    assert '(Unable to allocate 9 PiB)' in system_errors.sentence(MemoryError('Unable to allocate 9 PiB'))


def test_tensorflow_tells_of_files_in_its_own_errors():
    tf = pytest.importorskip('tensorflow')
    full = tf.errors.ResourceExhaustedError(
        None, None, '{{function_node __wrapped}} out/part-0.tempstate1; No space left on device [Op:SaveV2]'
    )
    assert system_errors.sentence(full) == (
        'out/part-0.tempstate1; No space left on device. Make room there, or name another place.'
    )
    large = tf.errors.ResourceExhaustedError(None, None, 'OOM when allocating tensor with shape[9,9]\nlong hint')
    assert 'not enough memory' in system_errors.sentence(large) and 'hint' not in system_errors.sentence(large)
    assert system_errors.sentence(tf.errors.InvalidArgumentError(None, None, 'Shapes differ')) is None


@pytest.mark.parametrize('error', [ValueError('x'), KeyError('x'), OSError('x'), OSError(9999, 'x')])
def test_faults_of_ours_stay_what_they_are(error):
    assert system_errors.sentence(error) is None


def test_names_that_are_no_text():
    with pytest.raises(UnicodeEncodeError) as error:
        os.fsdecode(b'dir/caf\xe9.mid').encode()
    assert system_errors.sentence(error.value).startswith(r"'dir/caf\\xe9.mid' is not in UTF-8")
    with pytest.raises(UnicodeEncodeError) as error:
        'é'.encode('ascii')  # which no user can mend
    assert system_errors.sentence(error.value) is None
