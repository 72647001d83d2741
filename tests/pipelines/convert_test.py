"""A folder of files becomes NoteSequences: those that Magenta makes, whatever lies about between them."""

import collections
import dataclasses
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from note_seq.protobuf import music_pb2

from solferino.bin import convert_dir_to_note_sequences as command
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.models.music.reading import remarks
from solferino.pipelines import convert, parsing
from solferino.pipelines.convert import Job
from solferino.pipelines.engine import listing
from solferino.pipelines.engine.listing import find
from solferino.pipelines.parsing import Limits

NOTE = b'\x00\x90\x3c\x50\x83\x60\x80\x3c\x00'


def midi(events=NOTE):
    track = events + b'\x00\xff\x2f\x00'
    return b'MThd' + struct.pack('>IHHH', 6, 0, 1, 480) + b'MTrk' + struct.pack('>I', len(track)) + track


def sequences(pattern):
    """The NoteSequences of TFRecord files by id."""
    found = [music_pb2.NoteSequence.FromString(r) for path in records.expand(str(pattern)) for r in records.read(path)]
    by_id = {sequence.id: sequence for sequence in found}
    assert len(by_id) == len(found)
    return by_id


OLD = records.frame(music_pb2.NoteSequence(id='old').SerializeToString())  # an output of an earlier run


def manifest(path):
    return json.loads(Path(path).read_text('utf-8'))


def main(*args):
    """Runs the command in a process of its own."""
    command = [sys.executable, '-m', 'solferino.bin.convert_dir_to_note_sequences', *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def songs(tmp_path):
    """A folder with two good files, one below, and a bad one."""
    folder = tmp_path / 'songs'
    (folder / 'below').mkdir(parents=True)
    (folder / 'a.mid').write_bytes(midi())
    (folder / 'below' / 'B.MIDI').write_bytes(midi())
    (folder / 'bad.mid').write_bytes(midi()[:-5])  # so that the note is not ended
    return folder


@pytest.mark.parametrize(
    'folder, golden', [('midi', 'convert/notesequences.tfrecord'), ('midi_edge', 'edge/notesequences.tfrecord')]
)
def test_sequences_are_those_of_magenta(tmp_path, shared, folder, golden):
    source, output = str(shared / 'golden' / folder), str(tmp_path / 'ours.tfrecord')
    convert.convert(Job(source, output, recursive=True, magenta_reading=True))
    assert sequences(tmp_path / 'ours.tfrecord') == sequences(shared / 'golden' / golden)


def test_left_out_files_are_spoken_of_where_there_are_any(tmp_path, songs):
    job = Job(str(songs), str(tmp_path / 'out.tfrecord'))
    assert 'What was left out is listed in' in convert.convert(job)
    alone = tmp_path / 'alone'
    alone.mkdir()
    (alone / 'a.mid').write_bytes(midi(NOTE))
    table = convert.convert(dataclasses.replace(job, input_dir=str(alone)))
    assert '1  file converted\n' in table and 'left out' not in table and 'The counts are in' in table


def test_files_that_note_seq_had_to_read_are_counted(tmp_path, songs):
    job = Job(str(songs), str(tmp_path / 'out.tfrecord'), magenta_reading=True)
    (songs / 'odd.mid').write_bytes(midi(b'\x00\xf6' + NOTE))
    assert '1  odd MIDI file read by note-seq\n' in convert.convert(job)
    assert manifest(tmp_path / 'out.manifest.json')['converted']['odd MIDI files read by note-seq'] == 1
    (songs / 'odd.mid').unlink()
    assert 'odd' not in convert.convert(job)


def test_what_is_read_otherwise_than_by_magenta_is_counted_and_listed(tmp_path, songs):
    (songs / 'drums.mid').write_bytes(midi(NOTE + b'\x00\x99\x24\x50'))
    (songs / 'open.mid').write_bytes(midi(NOTE + b'\x00\x90\x3c\x50'))
    table = convert.convert(Job(str(songs), str(tmp_path / 'out.tfrecord')))
    assert '1  file read otherwise than by Magenta\n' in table
    assert re.search('1  drum hit without a length, kept\n +drums.mid\n', table)
    report = manifest(tmp_path / 'out.manifest.json')
    assert report['magenta_reading'] is False
    assert report['remarks'] == [
        {'file': 'drums.mid', 'magenta_reads_otherwise': True, 'remarks': {'drum hits without a length, kept': 1}},
        {'file': 'open.mid', 'magenta_reads_otherwise': False, 'remarks': {'notes never ended, left out': 1}},
    ]
    magenta = convert.convert(Job(str(songs), str(tmp_path / 'out.tfrecord'), magenta_reading=True))
    assert 'otherwise than' not in magenta and 'hit' not in magenta
    assert manifest(tmp_path / 'out.manifest.json')['magenta_reading'] is True


def test_files_without_notes_are_named_with_a_remedy(tmp_path, songs):
    (songs / 'lyrics.kar').write_bytes(midi(b''))
    (songs / 'open.mid').write_bytes(midi(NOTE[:4]))
    table = convert.convert(Job(str(songs), str(tmp_path / 'out.tfrecord')))
    assert '2  without notes\n' in table
    listed = manifest(tmp_path / 'out.manifest.json')['without_notes']
    assert [(line['file'], line['reason']) for line in listed] == [
        ('lyrics.kar', parsing.NOTHING_STRUCK),
        ('open.mid', parsing.NEVER_ENDED),
    ]
    for line in listed:
        assert line['remedy'] == parsing.SILENCE[line['reason']]
        assert re.search(re.escape(f'{line["reason"]}: {line["remedy"]}') + rf'\n +{line["file"]}\n', table)


def test_magenta_looks_for_no_other_endings(tmp_path, songs):
    (songs / 'song.kar').write_bytes(midi())
    for magenta_reading, files in [(True, 1), (False, 2)]:
        convert.convert(Job(str(songs), str(tmp_path / 'out.tfrecord'), magenta_reading=magenta_reading))
        assert manifest(tmp_path / 'out.manifest.json')['converted']['files'] == files


def test_every_malformed_file_is_converted_or_counted(tmp_path, shared):
    folder = shared / 'data' / 'malformed'
    convert.convert(
        Job(str(folder), str(tmp_path / 'out.tfrecord'), recursive=True, limits=Limits(memory_megabytes=500))
    )
    converted = {sequence.filename for sequence in sequences(tmp_path / 'out.tfrecord').values()}
    report = manifest(tmp_path / 'out.manifest.json')
    left_out = [line['file'] for line in report['left_out']]
    assert sorted([*converted, *left_out]) == sorted(
        str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()
    )
    assert report['converted']['files'] == len(converted)
    counts = collections.Counter(line['reason'] for line in report['left_out'])
    assert counts == {reason: tally['count'] for reason, tally in report['left_out_by_reason'].items()}


def test_the_bytes_do_not_depend_on_the_workers(tmp_path, shared):
    for workers in (1, 2):
        output = str(tmp_path / str(workers) / 'out@3.tfrecord')
        convert.convert(Job(str(shared / 'golden' / 'midi_edge'), output, num_workers=workers))
    for name in records.shard_paths('out@3.tfrecord'):
        assert (tmp_path / '1' / name).read_bytes() == (tmp_path / '2' / name).read_bytes()
    one, two = (manifest(tmp_path / workers / 'out.manifest.json') for workers in '12')
    assert {**one, 'output_file': ''} == {**two, 'output_file': ''}
    assert len(sequences(tmp_path / '1' / 'out@3.tfrecord')) == 13


def test_the_command(songs, tmp_path):
    done = main(f'--input_dir={songs}/', '--recursive', f'--output_file={tmp_path}/out.tfrecord', '--num_shards=2')
    assert (done.returncode, done.stderr) == (0, '')
    assert re.findall(r'^ *(\d+)  (.*)', done.stdout, re.MULTILINE) == [
        ('2', 'files converted'),
        ('2', 'sequences'),
        ('2', 'notes'),
        ('1', f'{parsing.DAMAGED}: {parsing.REMEDIES[parsing.DAMAGED]}'),
    ]
    found = sequences(tmp_path / 'out@2.tfrecord')
    assert set(found) == {parsing.sequence_id(name, 'songs', 'midi') for name in (b'a.mid', b'below/B.MIDI')}
    assert all(sequence.collection_name == 'songs' for sequence in found.values())
    text = (tmp_path / 'out.manifest.json').read_text()
    detail = 'no note of it is left: 1 track cut short, read up to there'
    assert f'\n  {{"file": "bad.mid", "reason": "damaged file", "detail": "{detail}"}}\n' in text
    assert json.loads(text)['converted'] == {'files': 2, 'sequences': 2, 'notes': 2, 'minutes': 1 / 60}
    assert sorted(os.listdir(tmp_path)) == [*records.shard_paths('out@2.tfrecord'), 'out.manifest.json', 'songs']


@pytest.mark.parametrize(
    'args, message',
    [
        (['--input_dir=', '--output_file=out'], r'--input_dir= is empty\. Give a value'),
        (['--input_dir=nowhere', '--output_file=out'], 'nowhere does not exist'),
        (['--input_dir=songs/a.mid', '--output_file=out'], 'is a file, not a folder'),
        (['--input_dir=songs/below/empty', '--output_file=out'], 'No file of .* could be converted'),
        (['--input_dir=above', '--output_file=out'], 'in its subfolders: add --recursive'),
        (['--input_dir=songs', '--output_file=songs'], 'is a folder'),
        (['--input_dir=songs', '--output_file=new/'], r'=new/ names a folder: .* such as new/notes\.tfrecord\.'),
        (['--input_dir=songs', '--output_file=new/', '--num_shards=2'], r'such as new/notes\.tfrecord\.'),
        (['--input_dir=songs', '--output_file=songs/'], r'such as songs/notes\.tfrecord\.'),
        (['--input_dir=songs', '--output_file=songs/a.mid/out'], 'cannot be written to'),
        (['--input_dir=songs', '--output_file=out@3.tfrecord', '--num_shards=2'], 'asks for 3 shards'),
        (['--input_dir=songs', '--output_file=out', '--runner=DaskRunner'], 'DaskRunner is refused'),
        (['--input_dir=songs'], '--output_file is required'),
        (['--input_dir=songs', '--output_file=out', '--audio', '--magenta_reading'], 'Magenta reads no recordings'),
        (['--input_dir=songs', '--output_file=out', '--num_worker=2'], 'There is no flag --num_worker'),
    ],
)
def test_mistakes_write_nothing(songs, monkeypatch, capsys, args, message):
    monkeypatch.chdir(songs.parent)
    (songs / 'below' / 'empty').mkdir()
    (songs.parent / 'above').mkdir()
    (songs.parent / 'above' / 'link').symlink_to(songs)
    monkeypatch.setattr(sys, 'argv', ['convert_dir_to_note_sequences', *args])
    with pytest.raises(SystemExit) as exit:
        command.console_entry_point()
    assert exit.value.code == 1
    assert re.search(message, capsys.readouterr().err)
    assert sorted(os.listdir()) == ['above', 'songs']


def test_no_subfolders_are_spoken_of_where_there_are_none(songs, tmp_path):
    alone = tmp_path / 'alone'
    alone.mkdir()
    (songs / 'bad.mid').rename(alone / 'bad.mid')
    with pytest.raises(SolferinoError, match=r'No file of .* could be converted') as refusal:
        convert.convert(Job(str(alone), str(tmp_path / 'out.tfrecord')))
    assert 'add --recursive' not in str(refusal.value)


def test_subfolders_are_spoken_of_only_where_there_is_music(songs, tmp_path):
    """Names that end as music does are not enough."""
    above = tmp_path / 'above'
    (above / 'sub').mkdir(parents=True)
    (above / 'sub' / 'bad.mid').write_bytes(b'no music')
    (above / 'sub' / 'build.xml').write_text('<project/>')
    with pytest.raises(SolferinoError) as refusal:
        convert.convert(Job(str(above), str(tmp_path / 'out.tfrecord')))
    assert 'There are music files' not in str(refusal.value)
    (songs / 'a.mid').rename(above / 'sub' / 'good.mid')
    with pytest.raises(SolferinoError, match=r'There are music files in its subfolders: add --recursive\.'):
        convert.convert(Job(str(above), str(tmp_path / 'out.tfrecord')))


def test_where_nothing_is_converted_the_details_are_printed(tmp_path):
    folder = tmp_path / 'songs'
    folder.mkdir()
    for number in range(12):
        (folder / f'{number:02}.mid').write_bytes(b'no music')
    with pytest.raises(SolferinoError) as refusal:
        convert.convert(Job(str(folder), str(tmp_path / 'out.tfrecord')))
    lines = str(refusal.value).splitlines()[-11:]
    assert lines[0].startswith('00.mid: not a MIDI file: ')
    assert lines[-1] == 'and 2 more'


def test_a_failure_keeps_the_old_output(songs, tmp_path, monkeypatch):
    (tmp_path / 'out.tfrecord').write_bytes(OLD)

    def fail(*_):
        raise SolferinoError('disk full')

    monkeypatch.setattr(convert, '_write_manifest', fail)
    with pytest.raises(SolferinoError, match='disk full'):
        convert.convert(Job(str(songs), str(tmp_path / 'out.tfrecord')))
    assert (tmp_path / 'out.tfrecord').read_bytes() == OLD
    assert sorted(os.listdir(tmp_path)) == ['out.tfrecord', 'songs']


def descendants(pid):
    """The processes started by one, and by those."""
    for path in Path('/proc', str(pid), 'task').glob('*/children'):
        for child in map(int, path.read_text().split()):
            yield child
            yield from descendants(child)


def is_running(pid):
    """Whether a process is there and not a mere entry in the table of processes."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')')[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def slow_run(songs, tmp_path):
    """A run with two workers, each busy with a file that takes minutes; its output exists already."""
    (tmp_path / 'out.tfrecord').write_bytes(OLD)
    for i in range(2):
        (songs / f'slow{i}.mid').write_bytes(midi(b'\x00\x90\x3c\x50' * 4_000_000))
    flags = [f'--input_dir={songs}', f'--output_file={tmp_path}/out.tfrecord', '--num_workers=2']
    script = [sys.executable, '-m', 'solferino.bin.convert_dir_to_note_sequences', *flags]
    process = subprocess.Popen(script, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def workers():
        name = b'\0solferino.pipelines.engine.workers\0'
        started = [pid for pid in descendants(process.pid) if name in Path(f'/proc/{pid}/cmdline').read_bytes()]
        return started if list(tmp_path.glob('.out.*/progress')) and len(started) == 2 else []

    wait_for(workers)
    yield process, workers()
    process.kill()
    process.communicate()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_run_leaves_the_old_output_and_nothing_of_its_workers(slow_run, tmp_path, number):
    process, workers = slow_run
    process.send_signal(number)
    process.wait()
    assert (tmp_path / 'out.tfrecord').read_bytes() == OLD
    wait_for(lambda: not any(is_running(pid) for pid in workers))


@pytest.mark.parametrize(
    ('end', 'code', 'says'),
    [
        (lambda process, _: os.killpg(process.pid, signal.SIGINT), 130, '\nInterrupted.\n'),
        (lambda process, _: process.send_signal(signal.SIGTERM), 143, '\nTerminated.\n'),
        (lambda _, workers: os.kill(workers[0], signal.SIGKILL), 1, 'A worker process was ended'),
    ],
)
def test_an_interrupted_run_ends_soon(slow_run, tmp_path, end, code, says):
    process, workers = slow_run
    end(process, workers)
    _, errors = process.communicate(timeout=30)
    assert says in errors
    assert process.returncode == code
    assert sorted(os.listdir(tmp_path)) == ['out.tfrecord', 'songs']
    assert (tmp_path / 'out.tfrecord').read_bytes() == OLD


def test_find(songs):
    (songs / 'notes.txt').write_text('')
    (songs / 'folder.mid').mkdir()
    (songs / 'below' / 'up').symlink_to('..')
    (songs / 'gone.mid').symlink_to('nowhere')
    (songs / 'self').symlink_to('self')
    (songs / 'ignored').mkdir()
    odd = os.path.join(os.fsencode(songs), b'caf\xe9.mid')
    with open(odd, 'wb') as file:
        file.write(midi())
    found = {
        b'a.mid': '',
        b'bad.mid': '',
        b'caf\xe9.mid': '',
        b'gone.mid': '',
        b'notes.txt': listing.UNKNOWN_KIND,
        b'self': listing.UNKNOWN_KIND,
    }
    below = {b'below/B.MIDI': '', b'below/up': listing.LOOP}
    skipped = dict.fromkeys([b'below', b'folder.mid'], listing.NOT_SEARCHED)
    assert dict(find(str(songs), recursive=True, ignore='ignored')) == found | below
    assert dict(find(str(songs), recursive=False, ignore='ignored')) == found | skipped


def test_a_manifest_that_describes_other_music_is_not_replaced(songs, tmp_path):
    def convert_to(name):
        convert.convert(Job(str(songs), str(tmp_path / 'out' / name)))

    convert_to('n.tfrecord')
    convert_to('n.tfrecord')
    before = {path.name: path.read_bytes() for path in (tmp_path / 'out').iterdir()}
    message = r'n.manifest.json describes n.tfrecord, which is still there \(.*\), and would be replaced\. Name another'
    with pytest.raises(SolferinoError, match=message):
        convert_to('n@2.tfrecord')
    assert {path.name: path.read_bytes() for path in (tmp_path / 'out').iterdir()} == before
    (tmp_path / 'out').rename(tmp_path / 'moved')
    (tmp_path / 'out').symlink_to('moved')
    (tmp_path / 'moved' / 'n.tfrecord').unlink()
    convert_to('n@2.tfrecord')
    with pytest.raises(SolferinoError, match=r'describes n@2.tfrecord, which is still there'):
        convert_to('n@3.tfrecord')
    (tmp_path / 'moved' / 'n-00000-of-00002.tfrecord').unlink()
    with pytest.raises(SolferinoError, match=r'still there \(.*n-00001-of-00002.tfrecord\)'):
        convert_to('n.tfrecord')


def test_a_folder_of_music_may_hold_what_is_made_of_it(songs):
    made = []
    for _ in range(3):
        table = convert.convert(Job(str(songs), str(songs / 'n@2.tfrecord'), recursive=True))
        assert '2  files converted' in table and listing.MANIFEST not in table and listing.UNKNOWN_KIND not in table
        made.append({path.name: path.read_bytes() for path in songs.glob('n*')})
    assert made[0] == made[1] == made[2] and len(made[0]) == 3
    table = convert.convert(Job(str(songs), str(songs / 'other.tfrecord'), recursive=True))
    assert re.search(rf'1  {listing.MANIFEST}: .*\n +n\.manifest\.json\n', table)
    assert f'2  {listing.UNKNOWN_KIND}: ' in table


def test_pipes_devices_and_large_files_are_left_out_and_not_even_digested(songs, tmp_path):
    os.mkfifo(songs / 'pipe.mid')
    (songs / 'zero.mid').symlink_to('/dev/zero')
    (songs / 'large.mid').write_bytes(midi() + bytes(2 << 20))
    done = main(f'--input_dir={songs}', f'--output_file={tmp_path}/out.tfrecord', '--max_file_mb=1')
    assert done.returncode == 0, done.stderr
    said = manifest(tmp_path / 'out.manifest.json')
    assert {line['file']: line['reason'] for line in said['left_out']} == {
        'bad.mid': parsing.DAMAGED,
        'below': listing.NOT_SEARCHED,
        'large.mid': parsing.TOO_LARGE,
        'pipe.mid': parsing.CANNOT_BE_READ,
        'zero.mid': parsing.CANNOT_BE_READ,
    }
    assert [one['file'] for one in said['inputs']] == ['songs/a.mid', 'songs/bad.mid']


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_what_may_not_be_read_is_counted(songs, tmp_path):
    (songs / 'below').chmod(0)
    (songs / 'bad.mid').chmod(0)
    convert.convert(Job(str(songs), str(tmp_path / 'out.tfrecord'), recursive=True))
    (songs / 'below').chmod(0o700)
    lines = [(line['file'], line['reason']) for line in manifest(tmp_path / 'out.manifest.json')['left_out']]
    assert lines == [('bad.mid', parsing.CANNOT_BE_READ), ('below/', parsing.CANNOT_BE_READ)]


def test_every_reason_for_leaving_a_file_out_has_a_remedy():
    """One without would not be in the table."""
    reasons = {value for name, value in vars(remarks).items() if name.isupper() and isinstance(value, str)}
    reasons |= {
        getattr(parsing, name) for name in ('CANNOT_BE_READ', 'EMPTY', 'TOO_LARGE', 'TOO_MUCH_MEMORY', 'CRASHED')
    }
    assert len(reasons) > 10
    assert not [reason for reason in reasons if not convert.REMEDIES.get(reason)]
