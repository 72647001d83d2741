"""What is said of files that have changed, and of those that have not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solferino.bin import command as commands
from solferino.bin import convert_dir_to_note_sequences, drums_rnn_create_dataset, solferino_inspect
from solferino.hparams.drums_rnn import SPEC
from solferino.hparams.errors import SolferinoError
from solferino.models import load, registry
from solferino.models.core.runs import run_dir
from solferino.models.core.settings import record_of
from solferino.models.core.storage import checkpoints, provenance, records
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song
from solferino.pipelines import convert
from solferino.pipelines.inspection import kinds, verifying

STYLES = ('waltz', 'disco', 'funk', 'rock')


def say(module, *arguments, beam=False):
    """Runs a command in this process."""
    commands.run(module.__doc__, module.define, module.main, [f'{module.__name__.split(".")[-1]}', *arguments], beam)


def road(folder: Path) -> Path:
    """Music, NoteSequences of it in two shards, examples, a run with a checkpoint, and a bundle."""
    from note_seq import midi_io

    (folder / 'midi').mkdir(parents=True)
    for name in STYLES:
        midi_io.note_sequence_to_midi_file(song(style(name)), str(folder / f'midi/{name}.mid'))
    convert_flags = [f'--input_dir={folder}/midi', f'--output_file={folder}/notes@2.tfrecord']
    say(convert_dir_to_note_sequences, *convert_flags, beam=True)
    flags = ['--config=one_drum', f'--input={folder}/notes@2.tfrecord', f'--output_dir={folder}/data', '--min_bars=2']
    script = [sys.executable, '-m', drums_rnn_create_dataset.__name__, *flags, '--eval_ratio=0.5', '--seed=3']
    subprocess.run(script, check=True, capture_output=True)
    run = run_dir.Run(str(folder / 'run'), SPEC.config('one_drum'), 5)
    run_dir.write(run, SPEC, [str(folder / 'data/training_drum_tracks.tfrecord')])
    shapes = registry.get(SPEC.name).weight_shapes(run.config)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    metadata = {**record_of(SPEC, run.config), 'seed': 5}
    checkpoints.save(run.train_dir, checkpoints.Checkpoint(3, weights, {}, metadata))
    load(folder / 'run').save_bundle(folder / 'drums.mag')
    return folder


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Never changed."""
    return road(tmp_path_factory.mktemp('road') / 'here')


@pytest.fixture
def place(made, tmp_path):
    """A copy, elsewhere."""
    return Path(shutil.copytree(made, tmp_path / 'moved'))


ALL = ['notes@2.tfrecord', 'notes-00001-of-00002.tfrecord', 'notes.manifest.json', 'data', 'data/drum_tracks.json',
       'data/eval_drum_tracks.tfrecord', 'run', 'run/train/model.ckpt-3.safetensors', 'drums.mag']  # fmt: skip


@pytest.mark.parametrize('name', ALL)
def test_what_has_not_changed_is_good_even_elsewhere(place, name):
    found = verifying.verify(str(place / name))
    assert found.is_good and 'made by Solferino' in found.text
    assert 'CHANGED' not in found.text and 'MISSING' not in found.text


def test_the_command_the_seed_and_the_digests_are_told(place):
    assert verifying.verify(str(place / 'notes.manifest.json')).text.splitlines()[1:] == [
        '  written: 2 files as they were written',
        '  read: 4 files as they were',
    ]
    first, *others = verifying.verify(str(place / 'data')).text.splitlines()
    told = 'drums_rnn_create_dataset --config=one_drum --input=notes@2.tfrecord --eval_ratio=0.5 --seed=3 --min_bars=2'
    assert first.endswith(f', seed 3: {told}')
    assert others == ['  written: 2 files as they were written', '  read: 2 files as they were']
    assert verifying.verify(str(place / 'run')).text.splitlines()[1:] == [
        '  1 checkpoint whole, by the checksums in them',
        '  read: 1 file as it was',
    ]
    bundle = verifying.verify(str(place / 'drums.mag'))
    assert bundle.is_good and ', seed 5: ' in bundle.text
    assert bundle.text.splitlines()[1:] == [
        '  its weights match their checksum',
        '  read: 1 file, not here: model.ckpt-3.safetensors',
    ]
    shutil.copy(place / 'run/train/model.ckpt-3.safetensors', place)
    assert 'read: 1 file as it was' in verifying.verify(str(place / 'drums.mag')).text


@given(st.data())
@settings(max_examples=20)
def test_any_byte_that_changes_is_noticed(made, tmp_path_factory, data):
    place = Path(shutil.copytree(made, tmp_path_factory.mktemp('changed') / 'x'))
    name, described, what = data.draw(
        st.sampled_from(
            [
                ('midi/funk.mid', 'notes.manifest.json', 'CHANGED: midi/funk.mid'),
                ('notes-00000-of-00002.tfrecord', 'notes.manifest.json', 'NOT WHAT WAS WRITTEN: notes-00000-of'),
                ('notes-00001-of-00002.tfrecord', 'data', 'CHANGED: ../notes-00001-of-00002.tfrecord'),
                ('data/training_drum_tracks.tfrecord', 'data', 'NOT WHAT WAS WRITTEN: training_drum_tracks'),
                ('data/training_drum_tracks.tfrecord', 'run', 'CHANGED: ../data/training_drum_tracks'),
            ]
        )
    )
    contents = bytearray((place / name).read_bytes())
    contents[data.draw(st.integers(0, len(contents) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (place / name).write_bytes(contents)
    found = verifying.verify(str(place / described))
    assert not found.is_good and what in found.text


def test_what_is_missing_is_named(place):
    (place / 'midi/funk.mid').unlink()
    (place / 'notes-00001-of-00002.tfrecord').unlink()
    found = verifying.verify(str(place / 'notes.manifest.json'))
    assert not found.is_good
    assert 'written: 1 file as it was written; MISSING: notes-00001-of-00002.tfrecord' in found.text
    assert 'read: 3 files as they were; MISSING: midi/funk.mid' in found.text


@pytest.mark.parametrize('name', ['notes.tfrecord', 'notes-00000-of-00001.tfrecord'])
def test_what_another_description_is_beside_is_not_called_good(place, name):
    (place / name).write_bytes(b'')
    found = verifying.verify(str(place / name))
    assert not found.is_good
    assert f'NOT DESCRIBED: {Path(name).name}. This says how other files were made' in found.text


def test_a_pipe_where_music_was_is_not_waited_for(place):
    (place / 'midi/funk.mid').unlink()
    os.mkfifo(place / 'midi/funk.mid')
    assert 'MISSING: midi/funk.mid' in verifying.verify(str(place / 'notes.manifest.json')).text


def test_music_that_is_not_kept_is_told_and_is_no_fault(place):
    shutil.rmtree(place / 'midi')
    found = verifying.verify(str(place / 'notes@2.tfrecord'))
    assert found.is_good and 'read: 4 files, not here: midi/disco.mid, midi/funk.mid' in found.text


def test_a_damaged_checkpoint_is_told_beside_the_rest(place):
    path = place / 'run/train/model.ckpt-3.safetensors'
    contents = bytearray(path.read_bytes())
    contents[-1] ^= 1
    path.write_bytes(contents)
    found = verifying.verify(str(place / 'run'))
    assert not found.is_good
    assert f'  DAMAGED: Checkpoint {path}' in found.text and 'do not match its checksum' in found.text
    assert 'read: 1 file as it was' in found.text


@pytest.mark.parametrize('name', ['notes.manifest.json', 'data/drum_tracks.json', 'run/run.json'])
def test_older_files_stay_readable(place, name):
    record = json.loads((place / name).read_text())
    for key in (provenance.MADE_BY, provenance.INPUTS, provenance.OUTPUTS):
        record.pop(key, None)
    (place / name).write_text(json.dumps(record))
    found = verifying.verify(str(place / name))
    assert found.is_good and 'made before digests were kept' in found.text
    assert kinds.inspect(str(place / name))


def test_a_damaged_description_is_refused(place):
    path = place / 'data/drum_tracks.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'inputs': [{'file': 3}]}))
    with pytest.raises(SolferinoError, match=r'drum_tracks\.json is damaged or not ours: inputs'):
        verifying.verify(str(path))


def test_what_describes_nothing_is_said(place, tmp_path):
    for name, message in (
        ('midi/funk.mid', 'Nothing beside .* says how it was made'),
        ('midi', 'in which nothing says how it was made'),
        ('none.mag', 'There is no '),
        ('none.tfrecord', 'No file matches'),
    ):
        with pytest.raises(SolferinoError, match=message):
            verifying.verify(str(place / name))


def test_the_same_commands_elsewhere_write_the_same_bytes(made, tmp_path):
    other = road(tmp_path / 'other')
    for name in ('notes-00000-of-00002.tfrecord', 'data/training_drum_tracks.tfrecord', 'drums.mag'):
        assert (other / name).read_bytes() == (made / name).read_bytes()
    for name in ('notes.manifest.json', 'data/drum_tracks.json', 'run/run.json'):
        one, two = (json.loads((folder / name).read_text()) for folder in (made, other))
        for key in (provenance.MADE_BY, provenance.INPUTS, provenance.OUTPUTS):
            assert one.get(key) == two.get(key)
            assert str(made) not in str(one.get(key))


def test_a_name_that_is_no_text_has_no_digest(tmp_path):
    from note_seq import midi_io

    (tmp_path / 'midi').mkdir()
    midi_io.note_sequence_to_midi_file(song(style('funk')), str(tmp_path / 'midi/a.mid'))
    try:
        shutil.copy(tmp_path / 'midi/a.mid', bytes(tmp_path / 'midi') + b'/\xff.mid')
    except OSError:
        pytest.skip('this file system takes UTF-8 alone')
    convert.convert(convert.Job(str(tmp_path / 'midi'), str(tmp_path / 'n.tfrecord')))
    assert records.count(str(tmp_path / 'n.tfrecord')) == 2
    found = verifying.verify(str(tmp_path / 'n.tfrecord'))
    assert found.is_good and 'read: 1 file as it was' in found.text and ': Python' in found.text


def test_a_folder_whose_name_is_no_text_is_converted_without_digests(tmp_path, made):
    folder = os.fsdecode(bytes(tmp_path) + b'/\xff')
    try:
        shutil.copytree(made / 'midi', folder)
    except OSError:
        pytest.skip('this file system takes UTF-8 alone')
    convert.convert(convert.Job(folder, str(tmp_path / 'n.tfrecord')))
    assert records.count(str(tmp_path / 'n.tfrecord')) == len(STYLES)
    found = verifying.verify(str(tmp_path / 'n.tfrecord'))
    assert found.is_good and 'read' not in found.text


def test_what_stands_beside_its_music_names_it_plainly(tmp_path, made):
    shutil.copytree(made / 'midi', tmp_path / 'midi')
    convert.convert(convert.Job(str(tmp_path / 'midi'), str(tmp_path / 'midi/n.tfrecord')))
    manifest = json.loads((tmp_path / 'midi/n.manifest.json').read_bytes())
    assert [one['file'] for one in manifest['inputs']] == sorted(f'{name}.mid' for name in STYLES)


def test_a_folder_may_be_a_link_to_another_disk(tmp_path, made):
    shutil.copytree(made / 'midi', tmp_path / 'midi')
    (tmp_path / 'large/disk').mkdir(parents=True)
    (tmp_path / 'out').symlink_to(tmp_path / 'large/disk')
    convert.convert(convert.Job(str(tmp_path / 'midi'), str(tmp_path / 'out/n.tfrecord')))
    found = verifying.verify(str(tmp_path / 'out/n.tfrecord'))
    assert found.is_good and f'read: {len(STYLES)} files as they were' in found.text


def test_the_command_exits_with_1_if_anything_has_changed(place, capsys):
    def run(*names):
        try:
            commands.run('', solferino_inspect.define, solferino_inspect.main,
                         ['solferino_inspect', '--verify', *names], arguments=solferino_inspect.ARGUMENTS)  # fmt: skip
        except SystemExit as stop:
            return stop.code
        return 0

    paths = [str(place / name) for name in ALL]
    assert run(*paths) == 0
    assert capsys.readouterr().out.count('made by Solferino') == len(ALL)
    (place / 'midi/funk.mid').write_bytes(b'')
    assert run(*paths) == 1
    caught = capsys.readouterr()
    assert 'CHANGED: midi/funk.mid' in caught.out and 'Not all is what it was' in caught.err
    assert run(paths[0], '--plot=x.png') == 1
