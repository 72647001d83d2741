"""inspect knows what solferino_export, create_dataset, the trainer and solferino_draw write, file by file."""

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.hparams.melody_rnn import SPEC
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.runs import status
from solferino.models.core.storage import records
from solferino.models.music.pictures.page import to_png
from solferino.pipelines import examples
from solferino.pipelines.inspection import kinds
from solferino.pipelines.inspection.findings import text


def told(path: Path) -> str:
    return '\n'.join(' '.join(line.split()) for line in text(kinds.inspect(str(path))).splitlines())


@pytest.mark.parametrize('format, says', [('magentajs', 'for web pages'), ('savedmodel', 'for TensorFlow')])
def test_every_file_of_an_export_is_told(tmp_path: Path, format: str, says: str) -> None:
    family = registry.get('melody_rnn')
    config = settings.choose(SPEC, settings.Given('basic_rnn', 'rnn_layer_sizes=[4]'))
    weights = {name: variable.numpy() for name, variable in family.model(config, 0).named_weights().items()}
    folder = tmp_path / 'out'
    folder.mkdir()
    family.export(weights, config, format, folder)
    found = [path for path in folder.rglob('*') if path.is_file()]
    assert len(found) > 2
    for path in (folder, *found):
        out = told(path)
        assert says in out and f'files {len(found)}' in out, path
    if format == 'magentajs':
        (folder / 'weights_manifest.json').write_text('[1]')
        with pytest.raises(SolferinoError, match='no list of weights'):
            kinds.inspect(str(folder))


def test_the_status_of_a_run(tmp_path: Path) -> None:
    with status.claim(str(tmp_path), total=100, evaluates=True) as entry:
        entry.note(7)
        assert 'status of a training run' in told(tmp_path / 'train/status.json')
        entry.update(state=status.FINISHED, step=100)
    out = told(tmp_path / 'train/status.json')
    for fact in ('state finished, step 100 of 100', 'keeps the best checkpoint true', 'last heard of 20'):
        assert fact in out
    path = tmp_path / 'train/status.json'
    record = json.loads(path.read_text()) | {'state': status.TRAINING, 'pid': 2**30, 'heartbeat': 0.0}
    path.write_text(json.dumps(record))
    assert 'stopped without a word' in told(path)


def test_a_dataset_and_pictures(tmp_path: Path) -> None:
    tune = music_pb2.NoteSequence(id='/id/midi/test/0', filename='a.mid', total_time=40)
    for step in range(80):
        pitch = 60 + step % 7
        tune.notes.add(pitch=pitch, velocity=80, start_time=step / 2, end_time=step / 2 + 0.5)
    with records.Writer(str(tmp_path / 'notes.tfrecord')) as writer:
        writer.write(tune.SerializeToString())
    job = examples.Job(
        'melody_rnn', SPEC.config('mono_rnn'), str(tmp_path / 'notes.tfrecord'), str(tmp_path / 'data'), eval_ratio=0
    )
    examples.create(job)
    assert 'config mono_rnn' in told(tmp_path / 'data')
    (tmp_path / 'a.png').write_bytes(to_png(Figure(figsize=(3, 2), dpi=100)))
    assert 'picture (PNG)' in told(tmp_path / 'a.png') and 'pixels' in told(tmp_path / 'a.png')
