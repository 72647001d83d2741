"""Where no disk is shared the same bytes are written as in this process, and only a summary comes back."""

import json
import struct
from pathlib import Path

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core.storage import records
from solferino.pipelines import convert, examples
from solferino.pipelines.engine import distributed, filesystems, remote_staging
from solferino.pipelines.parsing import Limits

NOTE = b'\x00\x90\x3c\x50\x83\x60\x80\x3c\x00'
DRUMS = registry.get('drums_rnn').spec


def midi(pitch=60):
    track = NOTE.replace(b'\x3c', bytes([pitch])) + b'\x00\xff\x2f\x00'
    return b'MThd' + struct.pack('>IHHH', 6, 0, 1, 480) + b'MTrk' + struct.pack('>I', len(track)) + track


@pytest.fixture
def songs(tmp_path):
    """A folder of files of all sorts."""
    folder = tmp_path / 'songs'
    (folder / 'below' / 'deep').mkdir(parents=True)
    for number in range(40):
        (folder / f'{number}.mid').write_bytes(midi(40 + number))
    (folder / 'below' / 'B.MIDI').write_bytes(midi())
    (folder / 'below' / 'deep' / '[c] *.mid').write_bytes(midi())
    (folder / 'bad.mid').write_bytes(midi()[:-5])
    (folder / 'empty.mid').write_bytes(b'')
    (folder / 'large.mid').write_bytes(midi() + bytes(2 << 20))
    (folder / 'notes.txt').write_bytes(b'-')
    return folder


def outputs(folder: Path):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == '.tfrecord'}


def lists(manifest: bytes):
    """But for names of places, and digests, which are of files on this machine alone."""
    apart = ('_dir', '_file', 'inputs', 'outputs')
    return {name: value for name, value in json.loads(manifest).items() if not name.endswith(apart)}


@pytest.mark.parametrize('recursive', [True, False])
@pytest.mark.parametrize('where', ['from s3 to s3', 'from s3', 'to s3'])
def test_the_bytes_are_those_of_this_process(tmp_path, songs, bucket, recursive, where):
    limits = Limits(megabytes=1)
    said = convert.convert(convert.Job(str(songs), str(tmp_path / 'a' / 'notes@4.tfrecord'), recursive, limits))
    expected = outputs(tmp_path / 'a')
    bucket.put_folder(songs, 'midi/songs')
    bucket.put('midi/songs/below/', b'')  # as some programs make folders
    source = f'{bucket.url}/midi/songs/' if 'from' in where else str(songs)
    folder = f'{bucket.url}/out' if 'to' in where else str(tmp_path / 'b')
    job = convert.Job(source, f'{folder}/notes@4.tfrecord', recursive, limits, beam_args=bucket.flags)
    again = convert.convert(job)
    assert again.splitlines()[:-2] == said.splitlines()[:-2]
    found = {name: data for name, data in bucket.files().items() if not name.startswith('midi/')}
    if 'to' in where:
        made = {name.removeprefix('out/'): data for name, data in found.items()}
    else:
        assert not found
        made = {path.name: path.read_bytes() for path in (tmp_path / 'b').iterdir()}
    manifest = made.pop('notes.manifest.json')
    assert made == expected and len(made) == 4
    assert lists(manifest) == lists((tmp_path / 'a' / 'notes.manifest.json').read_bytes())


def test_several_workers_and_an_empty_shard(tmp_path, bucket):
    (tmp_path / 'songs').mkdir()
    (tmp_path / 'songs' / 'a.mid').write_bytes(midi())
    convert.convert(convert.Job(str(tmp_path / 'songs'), str(tmp_path / 'a' / 'notes@3.tfrecord')))
    bucket.put_folder(tmp_path / 'songs', 'songs')
    job = convert.Job(f'{bucket.url}/songs', f'{bucket.url}/notes@3.tfrecord', num_workers=2, beam_args=bucket.flags)
    convert.convert(job)
    made = {name: data for name, data in bucket.files().items() if name.endswith('.tfrecord')}
    assert made == outputs(tmp_path / 'a')
    assert sorted(map(bool, made.values())) == [False, False, True]


def test_datasets(tmp_path, shared, bucket):
    notes = tmp_path / 'notes@3.tfrecord'
    convert.convert(convert.Job(str(shared / 'golden' / 'midi'), str(notes), recursive=True))
    for path in records.shard_paths(str(notes)):
        bucket.put(f'in/{Path(path).name}', Path(path).read_bytes())
    config = DRUMS.configs[DRUMS.default_config]
    here = examples.Job('drums_rnn', config, str(notes), str(tmp_path / 'data'), eval_ratio=0.3)
    expected = examples.create(here)
    for number, pattern in enumerate((f'{bucket.url}/in/notes@3.tfrecord', f'{bucket.url}/in/notes-*', str(notes))):
        there = examples.Job(
            'drums_rnn',
            config,
            pattern,
            f'{bucket.url}/data/{number}',
            eval_ratio=0.3,
            beam_args=bucket.flags,
        )
        assert examples.create(there).splitlines()[:-1] == expected.splitlines()[:-1]
        made = {name.split('/')[-1]: data for name, data in bucket.files().items() if name.startswith('data/')}
        about = made.pop('drum_tracks.json')
        there_and_here = (about, (tmp_path / 'data' / 'drum_tracks.json').read_bytes())
        one, other = (lists(data) | {'input': ''} for data in there_and_here)
        assert one == other
        assert made == outputs(tmp_path / 'data')
        assert json.loads(about)['inputs'] == [] and 'outputs' not in json.loads(about)
        for name in bucket.files():
            if name.startswith('data/'):
                bucket.client.delete_object(Bucket=bucket.name, Key=name)


def test_a_missing_shard_is_an_error(tmp_path, bucket):
    bucket.put('notes-00000-of-00002.tfrecord', records.frame(b'x'))
    job = examples.Job(
        'drums_rnn',
        DRUMS.configs['drum_kit'],
        f'{bucket.url}/notes@2.tfrecord',
        str(tmp_path / 'd'),
        beam_args=bucket.flags,
    )
    with pytest.raises(SolferinoError, match=r'1 of the 2 shards .* are missing'):
        examples.create(job)
    assert not (tmp_path / 'd').exists()


def dataset(bucket, pattern, folder):
    config = DRUMS.configs['drum_kit']
    return examples.create(
        examples.Job('drums_rnn', config, pattern, str(folder), eval_ratio=0, beam_args=bucket.flags)
    )


@pytest.mark.parametrize(
    'pattern, message',
    [
        ('{url}/in/notes-*.tfrecord', r'notes@2.tfrecord and .*notes@4.tfrecord are there both'),
        (
            '{url}/in/cut-*.tfrecord',
            r'1 of the 2 shards of .*cut@2.tfrecord are missing, first .*00001-of',
        ),
        ('{url}/in/cut-00000-of-00002.tfrecord', r'1 of the 2 shards .* are missing'),
        ('{url}/in/notes@4.tfrecord,{url}/in/notes@2.tfrecord', 'are there both'),
        ('{url}/in/', r'/in/ is a folder, not a file. Name the files in it: s3://music/in/\*.tfrecord'),
        ('{url}', r's3://music is a folder, not a file. Name the files in it: s3://music/\*.tfrecord'),
        ('{url}/in/notes@4.tfrecord,/tmp/x.tfrecord', 'lists files of this machine and of a store'),
        ('/tmp/x.tfrecord, {url}/in/notes@4.tfrecord', 'lists files of this machine and of a store'),
        ('{url}/in/notes@4.tfrecord,ftp://x/y', 'paths that begin with ftp:// are not known'),
    ],
)
def test_files_that_are_no_whole_set_are_refused_as_on_this_machine(tmp_path, bucket, pattern, message):
    for path in (*records.shard_paths('notes@4.tfrecord'), *records.shard_paths('notes@2.tfrecord')):
        bucket.put(f'in/{path}', records.frame(b'x'))
    bucket.put('in/cut-00000-of-00002.tfrecord', records.frame(b'x'))
    with pytest.raises(SolferinoError, match=message):
        dataset(bucket, pattern.format(url=bucket.url), tmp_path / 'd')
    assert not (tmp_path / 'd').exists()


def test_one_shard_may_be_named_where_the_others_are_there(tmp_path, bucket):
    for number in range(2):
        bucket.put(f'in/no[te]s-{number:05}-of-00002.tfrecord', b'')
    with pytest.raises(SolferinoError, match='is empty: there is nothing to make examples of'):
        dataset(bucket, f'{bucket.url}/in/no?te?s-00001-of-00002.tfrecord', tmp_path / 'd')


def test_what_is_no_older_output_is_not_written_over(bucket, songs):
    bucket.put('notes.tfrecord', b'a letter')
    job = convert.Job(str(songs), f'{bucket.url}/notes.tfrecord', beam_args=bucket.flags)
    with pytest.raises(SolferinoError, match='is there already and is not a TFRecord file of NoteSequences'):
        convert.convert(job)
    assert bucket.files() == {'notes.tfrecord': b'a letter'}
    bucket.put('old-00000-of-00002.tfrecord', b'')
    bucket.put('old.manifest.json', b'{\n "input_dir": "x",\n "output_file": "s3://elsewhere/old@2.tfrecord",\n')
    with pytest.raises(SolferinoError, match=r'old.manifest.json describes old@2.tfrecord, which is still there'):
        convert.convert(convert.Job(str(songs), f'{bucket.url}/old.tfrecord', beam_args=bucket.flags))
    for name in ('old-00000-of-00002.tfrecord', 'old.manifest.json'):
        bucket.client.delete_object(Bucket=bucket.name, Key=name)
    bucket.put('notes.tfrecord', b'')  # and an older output is replaced
    convert.convert(job)
    convert.convert(job)
    assert sorted(bucket.files()) == ['notes.manifest.json', 'notes.tfrecord']


def test_a_failure_leaves_the_old_output_and_nothing_else(bucket, tmp_path):
    (tmp_path / 'x.mid').write_bytes(b'')
    old = records.frame(b'\x0a\x01x')
    bucket.put('notes.tfrecord', old)
    with pytest.raises(SolferinoError, match=r'No file of .* could be converted'):
        convert.convert(convert.Job(str(tmp_path), f'{bucket.url}/notes.tfrecord', beam_args=bucket.flags))
    assert bucket.files() == {'notes.tfrecord': old}


@pytest.mark.parametrize(
    'path, message',
    [
        ('s3://music/none', 'there is no file below s3://music/none'),
        ('s3://nowhere/none', 'there is no file below s3://nowhere/none'),
        ('ftp://music/x', 'paths that begin with ftp:// are not known; s3://, gs://, hdfs:// are'),
        ('s3://', 'names no bucket'),
        ('hdfs://music/x', 'cannot be used: hdfs_host is not set|needs a package'),
    ],
)
def test_inputs_that_are_not_there(bucket, tmp_path, path, message):
    job = convert.Job(path, str(tmp_path / 'notes.tfrecord'), beam_args=bucket.flags)
    with pytest.raises(SolferinoError, match=message):
        convert.convert(job)


@pytest.mark.parametrize('slash', ['', '/'])
def test_a_bucket_may_be_read_and_written_to(bucket, tmp_path, shared, slash):
    bucket.put_folder(shared / 'golden' / 'midi', 'songs')
    notes = str(tmp_path / 'notes.tfrecord')
    convert.convert(convert.Job(bucket.url + slash, notes, recursive=True, beam_args=bucket.flags))
    dataset(bucket, notes, bucket.url + slash)
    assert {'training_drum_tracks.tfrecord', 'drum_tracks.json'} < set(bucket.names())


@pytest.mark.parametrize(
    'name, message',
    [
        ('', 'names no file in the bucket: give one, such as s3://music/notes.tfrecord'),
        ('/', 'names no file in the bucket: give one, such as s3://music/notes.tfrecord'),
        ('@2', 'names no file in the bucket: give one, such as s3://music/notes.tfrecord'),
        ('/out/', 'names a folder: give a file in it, such as s3://music/out/notes.tfrecord'),
    ],
)
def test_outputs_that_are_no_files(bucket, songs, name, message):
    with pytest.raises(SolferinoError, match=message):
        convert.convert(convert.Job(str(songs), bucket.url + name, beam_args=bucket.flags))
    assert not bucket.names()


def test_a_missing_extra(monkeypatch):
    monkeypatch.setattr(filesystems.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(SolferinoError, match=r"pip install 'solferino\[aws\]'"):
        filesystems.require('s3://music/x', 'input_dir')


def test_only_what_runs_prepare_is_passed_over(bucket):
    prepared = remote_staging.RemoteStaging(f'{bucket.url}/n.tfrecord').path('a.mid').removeprefix(f'{bucket.url}/')
    for name in (prepared, '.my.tmp/a.mid', f'[1]/{prepared}', f'{prepared}/.my.tmp/a.mid', 'a.mid'):
        bucket.put(name, midi())
    filesystems.use(bucket.flags)

    def below(folder):
        return {found.path.removeprefix(f'{bucket.url}/') for found in filesystems.below(f'{bucket.url}{folder}')}

    assert below('') == {'.my.tmp/a.mid', 'a.mid'}
    assert below(f'/{prepared}') == {f'{prepared}/.my.tmp/a.mid'}
    assert below(f'/[1]/{prepared[:-6]}') == {f'[1]/{prepared}'}


def test_many_shards_do_not_ask_for_more_connections_than_there_are(bucket, caplog):
    filesystems.use(bucket.flags)
    with remote_staging.at(f'{bucket.url}/n@60.tfrecord') as staging:
        for path in records.shard_paths(f'{bucket.url}/n@60.tfrecord'):
            with filesystems.create(staging.output(path)) as file:
                file.write(b'1')
        staging.commit()
    assert len(bucket.names()) == 60
    assert 'Connection pool is full' not in caplog.text


def test_a_file_that_is_gone_is_counted(bucket, songs, monkeypatch):
    bucket.put('songs/a.mid', midi())
    bucket.put('songs/b.mid', midi())
    read = filesystems.read

    def gone(path):
        if path.endswith('b.mid'):
            raise FileNotFoundError(path)
        return read(path)

    monkeypatch.setattr(filesystems, 'read', gone)
    said = convert.convert(convert.Job(f'{bucket.url}/songs', f'{bucket.url}/n.tfrecord', beam_args=bucket.flags))
    assert 'cannot be read' in said


def test_a_folder_of_a_store_may_hold_what_is_made_of_it(bucket, songs):
    bucket.put_folder(songs, 'songs')
    made = []
    for _ in range(2):
        convert.convert(convert.Job(f'{bucket.url}/songs', f'{bucket.url}/songs/n.tfrecord', beam_args=bucket.flags))
        made.append({name: data for name, data in bucket.files().items() if '/n.' in name})
    assert made[0] == made[1] and len(made[0]) == 2


def test_what_a_store_does_not_give(bucket, tmp_path):
    def archive(name, content):
        bucket.client.put_object(Bucket=bucket.name, Key=name, Body=content, StorageClass='GLACIER')

    archive('songs/a.mid', midi())
    output = f'{bucket.url}/n.tfrecord'
    job = convert.Job(f'{bucket.url}/songs', output, beam_args=bucket.flags)
    said = "The operation is not valid for the object's storage class"
    with pytest.raises(SolferinoError, match=f'No file of (.|\n)*a.mid: cannot be read: {said}'):
        convert.convert(job)
    bucket.put('songs/b.mid', midi())
    assert 'cannot be read: ' in convert.convert(job)
    found = json.loads(bucket.client.get_object(Bucket=bucket.name, Key='n.manifest.json')['Body'].read())
    assert found['left_out'] == [{'file': 'a.mid', 'reason': 'cannot be read', 'detail': said}]
    archive('n.tfrecord', records.frame(b'\x0a\x01x'))
    with pytest.raises(SolferinoError, match=rf'^{output} is there and cannot be read: {said}. Name another file'):
        convert.convert(job)
    with pytest.raises(SolferinoError, match=rf'^{output} cannot be used: {said}'):
        dataset(bucket, output, tmp_path / 'd')


def test_a_worker_that_does_not_see_the_files_says_so(tmp_path):
    with pytest.raises(SolferinoError, match=r'does not see .*/nowhere'):
        filesystems.require_seen(str(tmp_path / 'nowhere'))


def test_a_summary_that_cannot_be_seen(tmp_path):
    with pytest.raises(SolferinoError, match='they are on other machines'):
        distributed._read_summary(str(tmp_path / 'x' / 'summary.json'))


def test_workers_that_outlive_their_command_end_and_leave_nothing(bucket):
    filesystems.use(bucket.flags)
    with remote_staging.at(f'{bucket.url}/notes.tfrecord') as staging:
        remote_staging.require_wanted(staging.folder)
        with remote_staging.create(staging.folder, staging.path('a')) as file:
            file.write(b'a')
        assert len(bucket.files()) == 2
    assert bucket.files() == {}
    with (
        pytest.raises(SolferinoError, match='has ended'),
        remote_staging.create(staging.folder, staging.path('b')) as file,
    ):
        file.write(b'b')
    assert bucket.files() == {}
    with pytest.raises(SolferinoError, match='has ended'):
        distributed._Write(staging.folder, bucket.flags).start_bundle()


def test_a_bundle_that_outlives_its_command_ends(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, '_ASK_S', 0)
    (tmp_path / 'a.mid').write_bytes(midi())
    process = distributed._Work.process

    def ended(work, unit):
        [mark] = [name for name in bucket.files() if name.endswith('started')]
        bucket.client.delete_object(Bucket=bucket.name, Key=mark)
        return process(work, unit)

    written = []
    monkeypatch.setattr(distributed._Work, 'process', ended)
    monkeypatch.setattr(distributed._Write, 'start_bundle', lambda work: written.append(work))
    with pytest.raises(SolferinoError, match='has ended'):
        convert.convert(convert.Job(str(tmp_path), f'{bucket.url}/notes.tfrecord', beam_args=bucket.flags))
    assert bucket.files() == {}
    assert not written
