"""melody_rnn_create_dataset: the examples are Magenta's; transposed copies are for training alone."""

import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.hparams.melody_rnn import SPEC, MelodyExtraction
from solferino.models import registry
from solferino.models.core.storage import records, sequence_examples
from solferino.models.music.pieces import piece
from solferino.pipelines import examples

CONFIGS = ['basic_rnn', 'mono_rnn', 'lookback_rnn', 'attention_rnn']


def job(input: Path, output_dir: Path, config: str = 'basic_rnn', **options) -> examples.Job:
    extraction = options.pop('extraction', MelodyExtraction())
    chosen = dataclasses.replace(SPEC.config(config), extraction=extraction)
    return examples.Job('melody_rnn', chosen, str(input), str(output_dir), **options)


def parsed(path: Path) -> list:
    return [sequence_examples.parse(data) for data in records.read(str(path))]


def dense(path: Path) -> Counter:
    return Counter((e.inputs.shape, e.inputs.tobytes(), e.labels.tobytes()) for e in parsed(path))


@pytest.mark.parametrize('config', CONFIGS)
def test_dense_examples_are_those_of_magenta(shared: Path, tmp_path: Path, config: str) -> None:
    golden = shared / 'golden'
    source = golden / 'convert/notesequences.tfrecord'
    examples.create(job(source, tmp_path, config, eval_ratio=0, form=examples.DENSE))
    arrays = np.load(golden / f'datasets/{config}/decoded.npz')
    numbers = [name.removeprefix('inputs_') for name in arrays if name.startswith('inputs_')]
    pairs = ((arrays[f'inputs_{n}'], arrays[f'labels_{n}']) for n in numbers)
    expected = Counter((i.shape, i.tobytes(), labels.tobytes()) for i, labels in pairs)
    assert expected.total() == 80
    assert dense(tmp_path / 'training_melodies.tfrecord') == expected


def test_odd_metres_and_lengths_are_treated_as_by_magenta(shared: Path, tmp_path: Path) -> None:
    golden = shared / 'golden/edge'
    examples.create(job(golden / 'notesequences.tfrecord', tmp_path, eval_ratio=0, form=examples.DENSE))
    assert dense(tmp_path / 'training_melodies.tfrecord') == dense(golden / 'basic_rnn/training_melodies.tfrecord')


SCALE = (60, 62, 64, 65, 67, 69, 71)


def tune(number: int, steps: int = 160, pitches: tuple[int, ...] = SCALE, **more) -> music_pb2.NoteSequence:
    """Quarters at 120 quarters a minute."""
    sequence = music_pb2.NoteSequence(
        id=f'/id/midi/test/{number}', filename=f'{number:03d}.mid', collection_name='test', total_time=steps / 8
    )
    sequence.tempos.add(qpm=120)
    for n in range(steps // 4):
        pitch = pitches[(n * (1 + number % 3)) % len(pitches)]
        sequence.notes.add(pitch=pitch, velocity=90, start_time=n / 2, end_time=(n + 1) / 2, **more)
    return sequence


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """30 tunes that are kept, and one for each reason why music is left out."""
    chords = tune(92)
    chords.notes.add(pitch=72, velocity=90, start_time=0, end_time=1)
    tunes = [tune(n) for n in range(30)]
    tunes += [tune(90, steps=20), tune(91, pitches=SCALE[:3]), chords, tune(93, is_drum=True), tune(94, steps=600)]
    path = tmp_path / 'notes.tfrecord'
    with records.Writer(str(path)) as writer:
        for sequence in tunes:
            writer.write(sequence.SerializeToString())
    return path


def test_counts_and_reasons(notes: Path, tmp_path: Path) -> None:
    table = examples.create(job(notes, tmp_path / 'data', eval_ratio=0.3, seed=4))
    sidecar = json.loads((tmp_path / 'data/melodies.json').read_text())
    counts = sidecar['counts']
    assert counts['NoteSequences read'] == 35
    assert counts['training examples'] + counts['evaluation examples'] == 31
    assert counts['evaluation examples'] > 3
    assert sidecar['left_out'] == {
        'instrument with several notes at once': {'count': 1, 'examples': ['092.mid']},
        'melody of too few pitches': {'count': 1, 'examples': ['091.mid']},
        'melody too short': {'count': 1, 'examples': ['090.mid']},
        'no notes beside drums': {'count': 1, 'examples': ['093.mid']},
        'rest of a melody that was cut off': {'count': 1, 'examples': ['094.mid']},
    }
    for remedy in ('--ignore_polyphonic_notes', '--min_unique_pitches', '--min_bars', '--max_steps'):
        assert remedy in table


@pytest.mark.parametrize(
    'extraction, more',
    [
        (MelodyExtraction(min_bars=1), 1),
        (MelodyExtraction(min_unique_pitches=3), 1),
        (MelodyExtraction(ignore_polyphonic_notes=True), 1),
        (MelodyExtraction(min_bars=1, min_unique_pitches=1, ignore_polyphonic_notes=True), 3),
    ],
)
def test_the_remedies_help(notes: Path, tmp_path: Path, extraction: MelodyExtraction, more: int) -> None:
    examples.create(job(notes, tmp_path / 'data', extraction=extraction, eval_ratio=0))
    assert records.count(str(tmp_path / 'data/training_melodies.tfrecord')) == 31 + more


def test_transposed_copies_are_for_training_alone(notes: Path, tmp_path: Path) -> None:
    for name, extraction in (('plain', MelodyExtraction()), ('moved', MelodyExtraction(transpose_augment='-5:6'))):
        examples.create(job(notes, tmp_path / name, extraction=extraction, eval_ratio=0.3, seed=4))
    evaluation = [(tmp_path / name / 'eval_melodies.tfrecord').read_bytes() for name in ('plain', 'moved')]
    assert evaluation[0] == evaluation[1]
    plain, moved = (
        Counter(e['events'].tobytes() for e in parsed(tmp_path / name / 'training_melodies.tfrecord'))
        for name in ('plain', 'moved')
    )
    assert moved.total() == 12 * plain.total()
    assert plain <= moved
    assert json.loads((tmp_path / 'moved/melodies.json').read_text())['extraction']['transpose_augment'] == '-5:6'


def test_transposed_copies_are_the_melody_in_other_keys() -> None:
    family = registry.get('melody_rnn')
    config = dataclasses.replace(SPEC.config('basic_rnn'), extraction=MelodyExtraction(transpose_augment='0:2'))
    rows = [example['events'] for example in family.examples(piece.of(tune(0)), config, lambda reason: None)]
    (plain,) = family.examples(piece.of(tune(0)), config.for_evaluation(), lambda reason: None)
    notes = plain['events'] >= 2
    for semitones, row in enumerate(rows):
        np.testing.assert_array_equal(row, plain['events'] + semitones * notes)


@pytest.mark.parametrize('text', ['5', '6:-5', '-13:0', 'a:b', '-5:6:7', '0:99'])
def test_augmentation_that_cannot_be_understood(text: str) -> None:
    with pytest.raises(ValueError, match='from:to'):
        MelodyExtraction(transpose_augment=text)


@pytest.mark.parametrize('config', CONFIGS)
def test_compact_and_dense_examples_are_the_same_music(notes: Path, tmp_path: Path, config: str) -> None:
    family = registry.get('melody_rnn')
    rows = {}
    for form in (examples.COMPACT, examples.DENSE):
        examples.create(job(notes, tmp_path / form, config, form=form))
        rows[form] = parsed(tmp_path / form / 'training_melodies.tfrecord')
    for compact, big in zip(rows[examples.COMPACT], rows[examples.DENSE], strict=True):
        again = family.from_dense(big.inputs, big.labels, SPEC.config(config))
        np.testing.assert_array_equal(compact['events'], again['events'])


def test_no_training_example_says_what_to_change(tmp_path: Path) -> None:
    path = tmp_path / 'notes.tfrecord'
    with records.Writer(str(path)) as writer:
        writer.write(tune(1, steps=20).SerializeToString())
    with pytest.raises(SolferinoError, match=r'(?s)melody too short.*--min_bars'):
        examples.create(job(path, tmp_path / 'data'))
    assert not (tmp_path / 'data').exists()


def test_stored_examples_become_music_again(notes: Path, tmp_path: Path) -> None:
    family = registry.get('melody_rnn')
    examples.create(job(notes, tmp_path, eval_ratio=0))
    config = SPEC.config('basic_rnn')
    for example in parsed(tmp_path / 'training_melodies.tfrecord'):
        sequence = family.to_sequence(example, config)
        assert {note.pitch % 12 for note in sequence.notes} <= {pitch % 12 for pitch in SCALE}
        np.testing.assert_array_equal(
            family.classes(family.whole_track(piece.of(sequence), config), config), example['events']
        )
