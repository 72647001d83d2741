"""inspect: empty, damaged and other files are refused with what they look like."""

import json
from pathlib import Path

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.storage import records, sequence_examples
from solferino.models.core.training import monitor
from solferino.pipelines.inspection import kinds


def wrong(tmp_path: Path, name: str, content: bytes) -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


FRAME = records.frame(music_pb2.NoteSequence(id='/id/midi/test/0').SerializeToString())


@pytest.mark.parametrize(
    'name, content, says',
    [
        ('a.mid', b'', 'is empty'),
        ('a.tfrecord', b'', 'is empty'),
        ('a.mid', b'MThd\0\0', 'damaged file'),
        ('a.mid', b'Dear friend,\nhow are you?', 'not a MIDI file'),
        ('a.txt', 'Chère amie,\ncomment ça va ?'.encode(), "a text that begins with 'Chère amie,'"),
        ('a.png', b'\x89PNG\r\n\x1a\n', 'a PNG picture that is cut off'),
        ('a.npz', b'PK\x03\x04', 'a ZIP archive'),
        ('a.bin', b'\x01\x02\0\xff', 'data that begin with the bytes 01 02 00 ff'),
        ('a.json', b'{"colour": 1}', 'did not write: it has colour'),
        ('a.json', b'{"family": "organs", "config": "x"}', 'organs'),
        ('a.json', b'{"fam', 'no JSON object'),
        ('a.safetensors', b'nothing', 'not a safetensors file'),
        ('a.mag', b'no bundle', 'not a bundle'),
        ('a.tfrecord', b'no records at all', 'not a TFRecord file'),
        ('a.tfrecord', FRAME[:-3], 'ends within it'),
        ('a.tfrecord', FRAME + FRAME[:-3], 'record 1'),
        ('a.tfrecord', FRAME + records.frame(b'\xff\xff'), 'record 1 is none'),
        ('a.tfrecord', records.frame(b'\xff\xfe'), 'the first begins with the bytes ff fe'),
        ('a.tfrecord', records.frame(b''), 'bytes of nothing'),
        ('a.xml', b'<html></html>', 'not a MusicXML file'),
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(SolferinoError, match=says) as caught:
        kinds.inspect(str(wrong(tmp_path, name, content)))
    assert name in str(caught.value)


def test_other_places_are_refused(tmp_path: Path) -> None:
    wrong(tmp_path, 'a.mid', b'MThd')
    with pytest.raises(SolferinoError, match=r'1 \.mid file\. .*convert_dir_to_note_sequences'):
        kinds.inspect(str(tmp_path))
    with pytest.raises(SolferinoError, match='No file matches'):
        kinds.inspect(str(tmp_path / 'missing.mid'))
    with pytest.raises(SolferinoError, match='no regular file'):
        kinds.inspect('/dev/null')


def test_an_event_of_classes_that_no_encoding_has_is_named(tmp_path: Path) -> None:
    spec = registry.get('melody_rnn').spec
    whole = np.array([60, 1, 62, 1] * 20)
    path = tmp_path / f'training_{spec.records}.tfrecord'
    record = settings.record_of(spec, spec.configs['mono_rnn'])
    Path(settings.sidecar_path(str(path))).write_text(json.dumps(record | {'encoding': {}}))
    with records.Writer(str(path)) as writer:
        for events in (*[whole] * 10, np.where(whole == 62, 1 << 28, whole)):
            writer.write(sequence_examples.serialize({'events': events}))
    with pytest.raises(SolferinoError, match='record 10 is no example for --config=mono_rnn'):
        kinds.inspect(str(path))


def test_an_event_file_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    with monitor.Board(str(tmp_path)) as board:
        board.scalars(3, {'loss': 1.5})
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + records.frame(b'\xff\xff'))
    assert kinds.inspect(str(path)).curves == {'loss': {'': ([3], [1.5])}}
