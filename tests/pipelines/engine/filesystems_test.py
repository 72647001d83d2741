"""HDFS and Google's store, with clients that are made up; tests/engines/stores.py has real servers."""

import contextlib
import importlib.machinery
import io
import shutil
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core.storage import records
from solferino.pipelines import convert, examples
from solferino.pipelines.engine import filesystems

FLAGS = '--hdfs_host=h', '--hdfs_port=1', '--hdfs_user=me'


class HdfsError(Exception):
    """As the client raises it."""

    def __init__(self, message, exception=None):
        super().__init__(message)
        self.exception = exception


class Written(io.BytesIO):
    """A file that is there once it is closed."""

    def __init__(self, files, path):
        super().__init__()
        self.files, self.path = files, path

    def close(self):
        if not self.closed:
            self.files[self.path] = self.getvalue()
        super().close()


class Client:
    """What Beam and we call of hdfs.InsecureClient. Folders are what slashes in names make."""

    files: dict[str, bytes]

    def __init__(self, url, user):
        assert (url, user) == ('http://h:1', 'me')

    def status(self, path, strict=True):
        if path in self.files:
            return {'length': len(self.files[path]), 'type': 'FILE', 'modificationTime': 0}
        if any(name.startswith(path.rstrip('/') + '/') for name in self.files):
            return {'length': 0, 'type': 'DIRECTORY', 'modificationTime': 0}
        if strict:
            raise HdfsError(f'File does not exist: {path}', 'FileNotFoundException')
        return None

    def list(self, path, status):
        names = {name[len(path) + 1 :].split('/')[0] for name in self.files if name.startswith(f'{path}/')}
        return [(name, self.status(f'{path}/{name}')) for name in sorted(names)]

    @contextlib.contextmanager
    def read(self, path, offset, length):
        self.status(path)
        yield io.BytesIO(self.files[path][offset : offset + length])

    def write(self, path):
        return Written(self.files, path)

    def rename(self, old, new):
        if self.status(new, strict=False):
            raise HdfsError(f'{new} is there')
        self.files[new] = self.files.pop(old)

    def delete(self, path, recursive):
        for name in [name for name in self.files if f'{name}/'.startswith(path.rstrip('/') + '/')]:
            del self.files[name]


@pytest.fixture
def hdfs(monkeypatch):
    """An empty HDFS: its files."""
    from solferino.pipelines.engine.lean_beam import beam  # noqa: F401, I001 before any other module of Beam's
    from apache_beam.io import hadoopfilesystem

    monkeypatch.setattr(Client, 'files', {}, raising=False)
    module = types.ModuleType('hdfs')
    module.__spec__ = importlib.machinery.ModuleSpec('hdfs', None)
    module.InsecureClient, module.HdfsError = Client, HdfsError
    monkeypatch.setitem(sys.modules, 'hdfs', module)
    monkeypatch.setattr(hadoopfilesystem, 'hdfs', module)
    return Client.files


def tfrecords(folder):
    return {path.name: path.read_bytes() for path in folder.glob('*.tfrecord')}


def test_a_road_through_hdfs(tmp_path, shared, hdfs):
    music = tmp_path / 'midi'
    (music / 'below').mkdir(parents=True)
    for number, path in enumerate(sorted((shared / 'golden' / 'midi').rglob('*.mid'))[::12]):
        shutil.copy(path, music / ('below' if number % 2 else '') / f'{number}.mid')
    convert.convert(convert.Job(str(music), str(tmp_path / 'notes@3.tfrecord'), recursive=True))
    spec = registry.get('drums_rnn').spec
    config = spec.configs[spec.default_config]
    here = examples.Job('drums_rnn', config, str(tmp_path / 'notes@3.tfrecord'), str(tmp_path / 'data'), eval_ratio=0.3)
    examples.create(here)
    for path in music.rglob('*'):
        if path.is_file():
            hdfs[f'/in/{music.name}/{path.relative_to(music)}'] = path.read_bytes()
    notes, given = 'hdfs://out/notes@3.tfrecord', dict(hdfs)
    convert.convert(convert.Job(f'hdfs://in/{music.name}', notes, recursive=True, beam_args=FLAGS))
    there = examples.Job('drums_rnn', config, notes, 'hdfs://out/data', eval_ratio=0.3, beam_args=FLAGS)
    examples.create(there)  # two pipelines, each with a summary
    made = {name: data for name, data in hdfs.items() if name not in given}
    expected = {f'/out/{name}': data for name, data in tfrecords(tmp_path).items()}
    expected |= {f'/out/data/{name}': data for name, data in tfrecords(tmp_path / 'data').items()}
    beside = ['/out/data/drum_tracks.json', '/out/notes.manifest.json']
    assert len(expected) == 5 and sorted(made) == sorted([*expected, *beside])
    assert expected.items() <= made.items()


@pytest.mark.parametrize(
    'pattern, found',
    [
        ('hdfs://music/**', ['.y.tmp/e.mid', 'a.mid', 'below/[b].mid', 'below/deep/c.mid']),
        ('hdfs://music/.x.0a1b2c3d.tmp/*', ['.x.0a1b2c3d.tmp/d.mid']),
        ('hdfs://music/.x.0a1b2c3d.tmp/**', ['.x.0a1b2c3d.tmp/d.mid']),
        ('hdfs://music/*', ['a.mid']),
        ('hdfs://music/*/*.mid', ['.y.tmp/e.mid', 'below/[b].mid']),
        ('hdfs://music/a.mid', ['a.mid']),
        ('hdfs://music/be*/deep/?.mid', ['below/deep/c.mid']),
        ('hdfs://nowhere/**', []),
    ],
)
def test_hdfs_is_listed(hdfs, pattern, found):
    for name in ('a.mid', 'below/[b].mid', 'below/deep/c.mid', '.x.0a1b2c3d.tmp/d.mid', '.y.tmp/e.mid'):
        hdfs[f'/music/{name}'] = b'12'
    filesystems.use(FLAGS)
    assert sorted(filesystems.find(pattern)) == [(f'hdfs://music/{name}', 2) for name in found]


def test_a_folder_with_brackets(hdfs):
    hdfs.update({'/music/[1]/a.mid': b'', '/music/1/b.mid': b'', '/music/(1)/c.mid': b''})
    filesystems.use(FLAGS)
    assert [found.path for found in filesystems.below('hdfs://music/[1]')] == ['hdfs://music/[1]/a.mid']


def test_a_file_of_hdfs_that_is_not_there(hdfs):
    filesystems.use(FLAGS)
    with pytest.raises(FileNotFoundError):
        filesystems.read('hdfs://music/a.mid')
    with pytest.raises(SolferinoError, match='there is no file below hdfs://music'):
        convert._check_folder('hdfs://music')
    with filesystems.create('hdfs://music/a.mid') as file:
        file.write(records.frame(b'1'))
    assert filesystems.size('hdfs://music/a.mid') == len(records.frame(b'1'))


def test_a_file_of_hdfs_is_replaced(hdfs):
    hdfs.update({'/music/old': b'1', '/music/new': b'2'})
    filesystems.use(FLAGS)
    filesystems.rename([('hdfs://music/new', 'hdfs://music/old')])
    assert hdfs == {'/music/old': b'2'}


def test_a_folder_of_hdfs_is_not_replaced(hdfs, tmp_path):
    hdfs.update({'/music/songs/a.mid': b'1', '/music/new': b'2'})
    job = convert.Job(str(tmp_path), 'hdfs://music/songs', beam_args=FLAGS)
    with pytest.raises(SolferinoError, match=r'hdfs://music/songs is a folder\.'):
        convert.convert(job)
    with pytest.raises(SolferinoError, match='is a folder'):
        filesystems.rename([('hdfs://music/new', 'hdfs://music/songs')])
    assert hdfs == {'/music/songs/a.mid': b'1', '/music/new': b'2'}


@pytest.mark.parametrize('signed_in, emulator', [(True, ''), (False, ''), (True, 'http://127.0.0.1:1')])
def test_who_is_not_signed_in_to_google_is_anonymous_at_once(monkeypatch, signed_in, emulator):
    class DefaultCredentialsError(Exception):
        pass

    def default():
        if not signed_in:
            raise DefaultCredentialsError
        return 'credentials', None

    google, auth = types.ModuleType('google'), types.ModuleType('google.auth')
    google.auth, auth.default = auth, default
    auth.exceptions = types.ModuleType('google.auth.exceptions')
    auth.exceptions.DefaultCredentialsError = DefaultCredentialsError
    for module in (google, auth, auth.exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv('STORAGE_EMULATOR_HOST', emulator)
    monkeypatch.setattr(filesystems, '_new_gs_client', lambda options, use_credentials: [use_credentials])
    filesystems._is_signed_in_to_google.cache_clear()
    monkeypatch.setattr(filesystems, '_of_thread', threading.local())
    options = object()
    client = filesystems._gs_client(options)
    assert client == [signed_in and not emulator]
    assert filesystems._gs_client(options) is client  # and not one for each file
    filesystems._is_signed_in_to_google.cache_clear()


def test_threads_make_beams_clients_ready_once(monkeypatch):
    begun = []

    def make_ready():
        begun.append(time.sleep(0.05))
        return 'systems'

    monkeypatch.setattr(filesystems, '_systems', None)
    monkeypatch.setattr(filesystems, '_with_our_clients', make_ready)
    with ThreadPoolExecutor(8) as pool:
        assert {made.result() for made in [pool.submit(filesystems._beam) for _ in range(8)]} == {'systems'}
    assert len(begun) == 1
