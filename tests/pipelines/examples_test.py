"""create_dataset: the examples are Magenta's, the split is stable, nothing is left out in silence."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams import melody_rnn
from solferino.hparams.drums_rnn import SPEC
from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core.storage import records, sequence_examples
from solferino.models.music.pieces import piece
from solferino.pipelines import examples, split


def _job(input: Path, output_dir: Path, config: str = 'drum_kit', **options) -> examples.Job:
    return examples.Job('drums_rnn', SPEC.config(config), str(input), str(output_dir), **options)


def _dense(paths: list[Path]) -> Counter:
    """The examples of dense files as a multiset."""
    parsed = (sequence_examples.parse(data) for path in paths for data in records.read(str(path)))
    return Counter((e.inputs.shape, e.inputs.tobytes(), e.labels.tobytes()) for e in parsed)


def _golden(path: Path) -> Counter:
    arrays = np.load(path)
    numbers = [name.removeprefix('inputs_') for name in arrays if name.startswith('inputs_')]
    pairs = ((arrays[f'inputs_{n}'], arrays[f'labels_{n}']) for n in numbers)
    return Counter((i.shape, i.tobytes(), labels.tobytes()) for i, labels in pairs)


@pytest.mark.parametrize('config', ['one_drum', 'drum_kit'])
def test_dense_examples_are_those_of_magenta(shared: Path, tmp_path: Path, config: str) -> None:
    golden = shared / 'golden'
    job = _job(golden / 'convert/notesequences.tfrecord', tmp_path, config, eval_ratio=0, form=examples.DENSE)
    examples.create(job)
    assert _dense([tmp_path / 'training_drum_tracks.tfrecord']) == _golden(golden / f'datasets/{config}/decoded.npz')


def test_odd_metres_and_lengths_are_treated_as_by_magenta(shared: Path, tmp_path: Path) -> None:
    golden = shared / 'golden/edge'
    job = _job(golden / 'notesequences.tfrecord', tmp_path, 'one_drum', eval_ratio=0, form=examples.DENSE)
    examples.create(job)
    assert _dense([tmp_path / 'training_drum_tracks.tfrecord']) == _dense(sorted((golden / 'one_drum').iterdir()))


def _song(number: int, steps: int = 160, is_drum: bool = True) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(
        id=f'/id/midi/test/{number}', filename=f'{number:03d}.mid', collection_name='test', total_time=steps / 8
    )
    sequence.tempos.add(qpm=120)
    for step in range(number % 3, steps, 2):
        sequence.notes.add(
            pitch=36 + step * (number + 1) % 13,
            velocity=90,
            is_drum=is_drum,
            start_time=step / 8,
            end_time=(step + 1) / 8,
        )
    return sequence


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """40 songs: 37 with drums, one too short, two without drums."""
    songs = [_song(n) for n in range(37)] + [_song(90, steps=20)] + [_song(n, is_drum=False) for n in (91, 92)]
    path = tmp_path / 'notes.tfrecord'
    with records.Writer(str(path)) as writer:
        for song in songs:
            writer.write(song.SerializeToString())
    return path


def test_counts_and_sidecar(notes: Path, tmp_path: Path) -> None:
    table = examples.create(_job(notes, tmp_path / 'data', eval_ratio=0.3, seed=4))
    sidecar = json.loads((tmp_path / 'data/drum_tracks.json').read_text())
    counts = sidecar['counts']
    assert counts['NoteSequences read'] == 40
    assert counts['training examples'] + counts['evaluation examples'] == 37
    assert counts['evaluation examples'] > 3
    assert sidecar['left_out'] == {
        'drum track too short': {'count': 1, 'examples': ['090.mid']},
        'no drum notes on channel 10': {'count': 2, 'examples': ['091.mid', '092.mid']},
    }
    assert (sidecar['config'], sidecar['seed'], sidecar['format']) == ('drum_kit', 4, 'compact')
    assert '091.mid, 092.mid' in table and '--ignore_is_drum' in table
    for side in ('training', 'evaluation'):
        path = tmp_path / 'data' / f'{side.removesuffix("uation")}_drum_tracks.tfrecord'
        assert records.count(str(path)) == counts[f'{side} examples']


def test_velocities_are_learned_of_the_training_side(tmp_path: Path) -> None:
    songs = [_song(n) for n in range(60)]
    for number, song in enumerate(songs):
        for note in song.notes:
            note.velocity = 110 if note.start_time % 2 == 0 else 50 + number
    with records.Writer(str(tmp_path / 'notes.tfrecord')) as writer:
        for song in songs:
            writer.write(song.SerializeToString())
    table = examples.create(_job(tmp_path / 'notes.tfrecord', tmp_path / 'data', eval_ratio=0.3, split=split.BY_NAME))
    assert 'notes whose velocities are learned' in table
    sidecar = json.loads((tmp_path / 'data/drum_tracks.json').read_text())
    curves = dict(curve.split(': ') for curve in sidecar['dynamics']['curves'])
    assert {curves[place] for place in curves if re.match(r'level \d 0', place)} == {' '.join(['110'] * 7)}
    sides = [split.side(split.key_of_name(piece.of(song)), 0.3, 0) for song in songs]
    assert set(sides) == {split.TRAINING, split.EVAL}
    learned = {int(velocity) for curve in curves.values() for velocity in curve.split()}
    assert learned <= {110} | {50 + number for number, side in enumerate(sides) if side == split.TRAINING}
    examples.create(
        _job(tmp_path / 'notes.tfrecord', tmp_path / 'two', eval_ratio=0.3, split=split.BY_NAME, num_workers=2)
    )
    assert json.loads((tmp_path / 'two/drum_tracks.json').read_text())['dynamics'] == sidecar['dynamics']


def test_compact_and_dense_examples_are_the_same_music(notes: Path, tmp_path: Path) -> None:
    family = registry.get('drums_rnn')
    config = SPEC.config('drum_kit')
    parsed = {}
    for form in (examples.COMPACT, examples.DENSE):
        examples.create(_job(notes, tmp_path / form, form=form))
        path = tmp_path / form / 'training_drum_tracks.tfrecord'
        parsed[form] = [sequence_examples.parse(data) for data in records.read(str(path))]
    assert len(parsed[examples.COMPACT]) == len(parsed[examples.DENSE]) > 20
    for compact, dense in zip(parsed[examples.COMPACT], parsed[examples.DENSE], strict=True):
        np.testing.assert_array_equal(
            compact['events'], family.from_dense(dense.inputs, dense.labels, config)['events']
        )
    sizes = {form: (tmp_path / form / 'training_drum_tracks.tfrecord').stat().st_size for form in parsed}
    assert sizes[examples.COMPACT] * 200 < sizes[examples.DENSE]


def test_output_does_not_depend_on_the_number_of_workers(notes: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        examples.create(_job(notes, tmp_path / str(workers), num_workers=workers))
    for name in ('training_drum_tracks.tfrecord', 'eval_drum_tracks.tfrecord', 'drum_tracks.json'):
        assert (tmp_path / '1' / name).read_bytes() == (tmp_path / '2' / name).read_bytes()


def test_renaming_folders_and_files_changes_no_side(notes: Path, tmp_path: Path) -> None:
    renamed = tmp_path / 'renamed.tfrecord'
    with records.Writer(str(renamed)) as writer:
        for number, data in enumerate(records.read(str(notes))):
            song = music_pb2.NoteSequence.FromString(data)
            song.id, song.filename, song.collection_name = f'/id/midi/other/{-number:03d}', f'new/{number}.mid', 'other'
            writer.write(song.SerializeToString())
    for source in (notes, renamed):
        examples.create(_job(source, tmp_path / source.stem, eval_ratio=0.3, seed=4))
    for side in ('training', 'eval'):
        old, new = (
            Counter(records.read(str(tmp_path / source.stem / f'{side}_drum_tracks.tfrecord')))
            for source in (notes, renamed)
        )
        assert old == new and old.total() > 3


def _tune(number: int, semitones: int = 0, qpm: float = 120.0) -> music_pb2.NoteSequence:
    """A tune that has nothing in common with those of other numbers."""
    rng = np.random.default_rng(number)
    song = music_pb2.NoteSequence(id=f'/id/midi/test/{number}_{semitones}', filename=f'{number}_{semitones}.mid')
    song.tempos.add(qpm=qpm)
    quarters = 0.0
    for pitch, length in zip(rng.integers(50, 80, 80), rng.choice([0.5, 1.0, 1.5], 80), strict=True):
        start, end = quarters * 60 / qpm, (quarters + length) * 60 / qpm
        song.notes.add(pitch=int(pitch) + semitones, velocity=90, start_time=start, end_time=end)
        quarters += float(length)
    song.total_time = quarters * 60 / qpm
    return song


@pytest.mark.parametrize('way, workers', [('by_content', 1), ('by_content', 2), ('by_notes', 1), ('by_name', 1)])
def test_near_duplicates_go_to_one_side(tmp_path: Path, way: str, workers: int) -> None:
    path = tmp_path / 'notes.tfrecord'
    with records.Writer(str(path)) as writer:
        for song in [*map(_tune, range(24)), *(_tune(n, n % 5 - 6, 90.0 + n) for n in range(16))]:
            writer.write(song.SerializeToString())
    config = melody_rnn.SPEC.config('mono_rnn')
    job = examples.Job('melody_rnn', config, str(path), str(tmp_path), eval_ratio=0.4, split=way, num_workers=workers)
    table = examples.create(job)
    times = [
        Counter(
            np.diff(record['events'][record['events'] > 1]).tobytes() for record in map(sequence_examples.parse, side)
        )
        for side in (records.read(str(tmp_path / f'{side}_melodies.tfrecord')) for side in ('training', 'eval'))
    ]
    assert len(times[0]) > 3 < len(times[1])
    apart = set(times[0]) & set(times[1])
    sidecar = json.loads((tmp_path / 'melodies.json').read_text())
    assert sidecar['split'] == way
    if way == 'by_content':
        assert not apart
        assert '32  near-duplicates, each on the side of those like it' in table
    else:
        assert apart and 'near-duplicates' not in table


@pytest.mark.parametrize(
    'options, says',
    [
        ({'eval_ratio': 1.0}, 'Lower --eval_ratio'),
        ({'eval_ratio': -0.1}, 'from 0 to 1'),
        ({'input': Path('/nowhere/notes.tfrecord')}, '/nowhere/notes.tfrecord'),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(notes: Path, tmp_path: Path, options: dict, says: str) -> None:
    with pytest.raises(SolferinoError, match=says):
        examples.create(_job(**{'input': notes, 'output_dir': tmp_path / 'data', **options}))
    assert not (tmp_path / 'data').exists()


def test_no_training_example_says_what_to_change(tmp_path: Path) -> None:
    path = tmp_path / 'notes.tfrecord'
    with records.Writer(str(path)) as writer:
        writer.write(_song(1, is_drum=False).SerializeToString())
    with pytest.raises(SolferinoError, match=r'(?s)no drum notes on channel 10.*--ignore_is_drum'):
        examples.create(_job(path, tmp_path / 'data'))
    assert not (tmp_path / 'data').exists()


def test_music_that_is_still_to_be_read_is_refused_with_the_command_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / 'midi').mkdir()
    (tmp_path / 'midi/a.mid').write_bytes(b'MThd')
    for path in (tmp_path / 'midi', tmp_path / 'midi/a.mid'):
        with pytest.raises(SolferinoError, match=f'convert_dir_to_note_sequences --input_dir={tmp_path}/midi '):
            examples.create(_job(path, tmp_path / 'data'))


def test_music_without_length_is_no_music(tmp_path: Path) -> None:
    path = tmp_path / 'notes.tfrecord'
    with records.Writer(str(path)) as writer:
        writer.write(music_pb2.NoteSequence(id='/id/midi/test/1').SerializeToString())
    # Not "--ignore_is_drum takes all notes as drums", with which nothing would come of it either.
    with pytest.raises(SolferinoError, match=r'music without notes .* The manifest of convert_dir') as refusal:
        examples.create(_job(path, tmp_path / 'data'))
    assert 'ignore_is_drum' not in str(refusal.value)


@pytest.mark.parametrize('seed', range(8))
def test_one_piece_cannot_be_divided(tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / 'notes.tfrecord'
    with records.Writer(str(path)) as writer:
        writer.write(_song(1).SerializeToString())
    said = ''
    try:
        table = examples.create(_job(path, tmp_path / 'data', eval_ratio=0.5, seed=seed))
        said, side = caplog.text, 'training'
        assert '1  NoteSequence read\n' in table and '1  training example\n' in table
    except SolferinoError as error:
        said, side = str(error), 'evaluation'
    assert (
        f'holds one piece of music, which cannot be divided between training and evaluation, and is for {side}' in said
    )
    assert 'Use --eval_ratio=0 to train on it.' in said


def test_too_few_pieces_to_divide(notes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    examples.create(_job(notes, tmp_path / 'data', eval_ratio=0.001))
    assert (
        'holds 40 pieces of music, and with --eval_ratio=0.001 and --seed=0 all that can be used are for training'
        in (caplog.text)
    )
    with pytest.raises(SolferinoError, match=r'are for evaluation. Try another --seed or a lower --eval_ratio'):
        examples.create(_job(notes, tmp_path / 'data', eval_ratio=0.999))
    caplog.clear()
    examples.create(_job(notes, tmp_path / 'data', eval_ratio=0))
    assert 'evaluation' not in caplog.text


def test_old_output_stays_when_nothing_comes_of_a_new_run(notes: Path, tmp_path: Path) -> None:
    examples.create(_job(notes, tmp_path / 'data'))
    before = {p.name: p.read_bytes() for p in (tmp_path / 'data').iterdir()}
    with pytest.raises(SolferinoError):
        examples.create(_job(notes, tmp_path / 'data', eval_ratio=1.0))
    assert {p.name: p.read_bytes() for p in (tmp_path / 'data').iterdir()} == before


@pytest.mark.parametrize('payload', [b'not a proto', b''])
def test_other_records_are_refused(tmp_path: Path, payload: bytes) -> None:
    path = tmp_path / 'other.tfrecord'
    with records.Writer(str(path)) as writer:
        writer.write(payload)
    with pytest.raises(SolferinoError, match='does not hold NoteSequences'):
        examples.create(_job(path, tmp_path / 'data'))
