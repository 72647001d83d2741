"""inspect: every kind of file is told, damaged and other files are refused with what they look like."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.hparams.drums_rnn import SPEC as DRUMS
from solferino.hparams.errors import SolferinoError
from solferino.hparams.melody_rnn import SPEC as MELODIES
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.runs import run_dir
from solferino.models.core.storage import checkpoints, records, sequence_examples
from solferino.models.core.training.monitor import Board
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song
from solferino.models.music.pictures.page import to_png
from solferino.pipelines import convert, examples, parsing
from solferino.pipelines.inspection import charts, kinds
from solferino.pipelines.inspection.findings import Finding, spread, text


def tune(number: int = 0, bars: int = 10) -> music_pb2.NoteSequence:
    """Quarters of a scale in 3/4 at 90 quarters a minute."""
    sequence = music_pb2.NoteSequence(id=f'/id/midi/test/{number}', filename=f'{number}.mid', collection_name='test')
    sequence.tempos.add(qpm=90)
    sequence.time_signatures.add(numerator=3, denominator=4)
    for k in range(3 * bars):
        pitch = 60 + (0, 2, 4, 5, 7, 9, 11)[(k + number) % 7]
        sequence.notes.add(pitch=pitch, velocity=80, start_time=k * 60 / 90, end_time=(k + 1) * 60 / 90)
    sequence.total_time = 3 * bars * 60 / 90
    return sequence


def write_records(path: Path, data: list[bytes]) -> Path:
    with records.Writer(str(path)) as writer:
        for record in data:
            writer.write(record)
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Nine tunes of 10 to 18 bars."""
    tunes = [tune(number, 10 + number) for number in range(9)]
    return write_records(tmp_path / 'notes.tfrecord', [t.SerializeToString() for t in tunes])


def told(path: Path | str) -> str:
    """The text about a file, which can also be drawn; spaces between columns are one."""
    finding = kinds.inspect(str(path))
    figure = charts.draw(finding)
    assert figure is None or to_png(figure).startswith(b'\x89PNG')
    return '\n'.join(' '.join(line.split()) for line in text(finding).splitlines())


def test_midi_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / 'tune.dat'
    midi_io.note_sequence_to_midi_file(tune(), str(path))
    out = told(path)
    for fact in (
        'MIDI file',
        'bars 10',
        'notes 30',
        'metres 3/4',
        'tempos 90 quarters',
        'pitches C4 to B4',
        'length 20',
    ):
        assert fact in out
    assert 'C4 ████████████████████████████████████████ 5' in out


def test_what_the_reader_passed_over_is_told(tmp_path: Path) -> None:
    midi_io.note_sequence_to_midi_file(song(style('rock')), str(tmp_path / 'rock.mid'))
    content = (tmp_path / 'rock.mid').read_bytes()
    assert 'attention' not in told(tmp_path / 'rock.mid')
    riff = b'RIFF' + (12 + len(content)).to_bytes(4, 'little') + b'RMIDdata' + len(content).to_bytes(4, 'little')
    (tmp_path / 'rock.dat').write_bytes(riff + content)
    out = told(tmp_path / 'rock.dat')
    assert 'rock.dat: MIDI file' in out
    assert 'attention: 1 RIFF wrapper opened' in out
    assert 'attention: Magenta reads this file otherwise' in out


def test_silence_is_explained(tmp_path: Path) -> None:
    track = b'\x00\x90\x3c\x40\x00\xff\x2f\x00'
    (tmp_path / 'open.mid').write_bytes(b'MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0' + bytes([len(track)]) + track)
    out = told(tmp_path / 'open.mid')
    assert 'attention: 1 note never ended, left out' in out
    assert f'attention: {parsing.NEVER_ENDED}: {parsing.SILENCE[parsing.NEVER_ENDED]}' in out


def test_drums_and_their_kinds(tmp_path: Path) -> None:
    path = tmp_path / 'rock.mid'
    midi_io.note_sequence_to_midi_file(song(style('rock')), str(path))
    out = told(path)
    assert 'of them drums' in out and 'closed hat █' in out and 'pitches' not in out


def test_a_midi_file_without_notes(tmp_path: Path) -> None:
    path = tmp_path / 'silence.mid'
    midi_io.note_sequence_to_midi_file(music_pb2.NoteSequence(), str(path))
    assert 'notes 0' in told(path)


ABC = 'X:1\nT:One\nM:6/8\nK:D\nDED FED|A3 A3|\n\nX:2\nT:Two\nM:4/4\nK:G\nGABc d2d2|\n'
XML = """<?xml version="1.0"?><score-partwise><part-list><score-part id="P1"><part-name>V</part-name></score-part>
</part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions><time><beats>4</beats>
<beat-type>4</beat-type></time></attributes><note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration>
<voice>1</voice></note></measure></part></score-partwise>"""


@pytest.mark.parametrize('name', ['tunes.abc', 'tunes.txt'])
def test_abc(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(ABC)
    out = told(tmp_path / name)
    assert 'ABC tunes' in out and 'tunes 2' in out and '4/4 (1), 6/8 (1)' in out


@pytest.mark.parametrize('name', ['score.xml', 'score.mxl', 'score.dat'])
def test_musicxml(tmp_path: Path, name: str) -> None:
    content = XML.encode()
    if name.endswith('mxl'):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, 'w') as archive:
            archive.writestr(
                'META-INF/container.xml', '<container><rootfiles><rootfile full-path="a.xml"/></rootfiles></container>'
            )
            archive.writestr('a.xml', content)
        content = packed.getvalue()
    (tmp_path / name).write_bytes(content)
    out = told(tmp_path / name)
    assert 'MusicXML score' in out and 'pitches C4 to C4' in out


def test_note_sequences_one_file_or_shards(notes: Path, tmp_path: Path) -> None:
    out = told(notes)
    for fact in ('NoteSequences 9', 'midi (9)', 'length 20 to 36, median 28 seconds', '3/4 (9)', 'notes 378'):
        assert fact in out
    for number, data in enumerate(np.array_split(list(records.read(str(notes))), 2)):
        write_records(tmp_path / f'n-{number:05}-of-00002.tfrecord', [bytes(d) for d in data])
    assert told(tmp_path / 'n@2.tfrecord').splitlines()[1:] == out.splitlines()[1:]


@pytest.mark.parametrize('form', [examples.COMPACT, examples.DENSE])
def test_examples_and_their_sidecar(notes: Path, tmp_path: Path, form: str) -> None:
    config = MELODIES.config('attention_rnn')
    examples.create(examples.Job('melody_rnn', config, str(notes), str(tmp_path / 'data'), form=form, eval_ratio=0))
    path = tmp_path / 'data/training_melodies.tfrecord'
    out = told(path)
    for fact in (
        'examples 9',
        'config attention_rnn',
        f'format {form}',
        'attn_length 40',
        'training examples 9',
        'pitches',
    ):
        assert fact in out
    assert ('74 inputs a step' in out) == (form == examples.DENSE)
    assert 'attention:' not in out
    assert 'description of a dataset' in told(tmp_path / 'data/melodies.json')
    (tmp_path / 'data/melodies.json').unlink()
    alone = told(path)
    if form == examples.DENSE:
        assert 'fits melody_rnn attention_rnn\n' in alone and 'pitches' in alone
    else:
        assert 'melody_rnn attention_rnn' in alone and 'nothing beside it says' in alone


def test_a_sidecar_that_does_not_fit_is_told(notes: Path, tmp_path: Path) -> None:
    config = MELODIES.config('basic_rnn')
    job = examples.Job('melody_rnn', config, str(notes), str(tmp_path), form=examples.DENSE, eval_ratio=0)
    examples.create(job)
    for record, says in (
        (settings.record_of(DRUMS, DRUMS.config('drum_kit')), 'it does not fit drum_kit'),
        ({'family': 'organs'}, "melodies.json belongs to the model family 'organs'"),
    ):
        (tmp_path / 'melodies.json').write_text(json.dumps(record))
        assert says in told(tmp_path / 'training_melodies.tfrecord')
    (tmp_path / 'melodies.json').write_text('[')
    assert 'no JSON object' in told(tmp_path / 'training_melodies.tfrecord')


def test_examples_of_nobody(tmp_path: Path) -> None:
    data = sequence_examples.serialize({'mel': np.zeros((3, 4), np.float32)})
    out = told(write_records(tmp_path / 'x.tfrecord', [data]))
    assert 'compact, holding mel' in out and 'no config of any family' in out


def test_manifest(tmp_path: Path) -> None:
    (tmp_path / 'midi').mkdir()
    midi_io.note_sequence_to_midi_file(tune(), str(tmp_path / 'midi/tune.mid'))
    (tmp_path / 'midi/bad.mid').write_bytes(b'no music')
    convert.convert(convert.Job(str(tmp_path / 'midi'), str(tmp_path / 'notes.tfrecord')))
    out = told(tmp_path / 'notes.manifest.json')
    assert 'manifest' in out and 'files 1' in out and 'not a MIDI file 1' in out


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of a tiny network with random weights."""
    family = registry.get('melody_rnn')
    config = settings.choose(MELODIES, settings.Given('basic_rnn', 'rnn_layer_sizes=[4]'))
    run = run_dir.Run(str(tmp_path / 'run'), config, 3, {'path': 'melodies.tfrecord', 'examples': 7})
    run_dir.write(run, family.spec)
    rng = np.random.default_rng(0)
    shapes = {'lstm_0/kernel': (38, 16), 'lstm_0/recurrent_kernel': (4, 16), 'lstm_0/bias': (16,)}
    shapes |= {'logits/kernel': (4, 38), 'logits/bias': (38,)}
    weights = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    checkpoint = checkpoints.Checkpoint(20, weights, {}, run_dir.checkpoint_metadata(run, MELODIES), 1.25, 'x')
    (tmp_path / 'run/train').mkdir()
    for kind in (checkpoints.MODEL, checkpoints.BEST):
        checkpoints.save(run.train_dir, checkpoint, kind)
    with Board(run.train_dir) as board:
        for step in (10, 20, 30):
            board.scalars(step, {'loss': 3 - step / 20, 'metrics/accuracy': step / 100})
    with Board(run.train_dir, step=20) as board:  # it went on from there: the loss at 30 is another
        board.scalars(30, {'loss': 2.5})
    with Board(run.eval_dir) as board:
        board.scalars(20, {'loss': 1.25})
    return tmp_path / 'run'


def test_run_checkpoint_and_bundle(run: Path, tmp_path: Path) -> None:
    out = told(run)
    for fact in ('run directory', 'config basic_rnn', 'rnn_layer_sizes 4', 'seed 3', 'examples 7', 'step 20',
                 'best.ckpt-20.safetensors, evaluation loss 1.25', 'training loss 2.5 to 2.5, best 2 at step 20',
                 'evaluation loss 1.25 to 1.25', 'numbers in 5 arrays'):  # fmt: skip
        assert fact in out, fact
    assert told(run / 'train').splitlines()[1:] == told(run / 'run.json').splitlines()[1:] == out.splitlines()[1:]
    for name in ('model.ckpt-20.safetensors', 'model.ckpt-20', 'best.ckpt-20.safetensors'):
        assert 'evaluation loss 1.25' in told(run / 'train' / name)
    (event,) = (run / 'eval').glob('events*')
    assert 'loss 1.25' in told(event)
    from solferino.models import load

    load(run).save_bundle(tmp_path / 'own.mag', 'Just a try.')
    out = told(tmp_path / 'own.mag')
    assert 'bundle, a trained model' in out and 'description Just a try.' in out


def test_event_files_are_read_in_the_order_of_their_making(run: Path) -> None:
    """TensorBoard counts the files of a process: the tenth one is after the ninth."""
    first, second = sorted((run / 'train').glob('events*'), key=lambda path: path.stat().st_mtime_ns)
    first.rename(first.with_name('events.out.tfevents.1700000000.host.77.9.v2'))
    second.rename(second.with_name('events.out.tfevents.1700000000.host.77.10.v2'))
    assert 'training loss 2.5 to 2.5, best 2 at step 20' in told(run)


def test_a_run_that_is_still_written_or_damaged(run: Path) -> None:
    for event in (run / 'train').glob('events*'):
        event.write_bytes(event.read_bytes()[:-5])
    assert 'loss' in told(run)
    for path in (run / 'train').glob('*.safetensors'):
        path.write_bytes(path.read_bytes()[:-5])
    assert 'attention: Checkpoint' in told(run)


def test_words() -> None:
    assert spread([], 'steps') == ''
    assert spread([3], 'steps') == '3 steps'
    assert spread([3, 3], 'steps') == '3 steps each'
    assert spread([1.5, 1200, 7], 'steps') == '1.5 to 1,200, median 7 steps'
    assert text(Finding('x', 'nothing')) == 'x: nothing'
    assert charts.draw(Finding('x', 'nothing')) is None


@pytest.mark.parametrize(
    'name, says',
    [
        ('convert/notesequences.tfrecord', 'NoteSequences 73'),
        ('datasets/basic_rnn/training_melodies.tfrecord', 'fits melody_rnn basic_rnn'),
        ('datasets/one_drum/training_drum_tracks.tfrecord', 'fits drums_rnn one_drum'),
        ('bundles/attention_rnn.mag', 'config attention_rnn'),
        ('bundles/drum_kit.mag', "bundle of Magenta's"),
        ('midi_edge/m_12of8.mid', 'metres 12/8'),
    ],
)
def test_files_of_magenta(shared: Path, name: str, says: str) -> None:
    assert says in told(shared / 'golden' / name)


@pytest.mark.once
def test_every_odd_file_has_an_answer(shared: Path) -> None:
    for path in sorted((shared / 'data/malformed').rglob('*.*')):
        if path.is_file():
            try:
                assert kinds.inspect(str(path)).kind
            except SolferinoError as error:
                assert str(path) in str(error)


@pytest.mark.parametrize('ending', ['json', 'npz'])
def test_a_table_of_voices(shared, ending):
    found = kinds.inspect(str(shared / f'data/chorales/jsb16_separated_dev.{ending}'))
    assert found.kind == 'table of voices'
    assert found.facts['tunes'] == 229


def test_a_recording_is_sent_to_what_reads_it(tmp_path: Path) -> None:
    (tmp_path / 'song.mp3').write_bytes(b'ID3' + bytes(50))
    for path in (tmp_path / 'song.mp3', tmp_path):
        with pytest.raises(SolferinoError, match='convert_dir_to_note_sequences --audio'):
            kinds.inspect(str(path))
