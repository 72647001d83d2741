"""Recordings in a folder: found, read within the limits, counted under a reason, the same for all workers."""

import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import soundfile
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.models.music.listening import transcription
from solferino.pipelines import convert, parsing
from solferino.pipelines.convert import Job
from solferino.pipelines.engine import listing
from solferino.pipelines.parsing import Converted, LeftOut, Limits, Parser, Request

ENDINGS = ['.wav', '.mp3', '.flac', '.ogg']


def tone(seconds: float = 1.0, rate: int = 22050) -> np.ndarray:
    """A plucked A4, from 0.2 s on."""
    time = np.arange(round(seconds * rate)) / rate - 0.2
    partials = [0.3 / k**1.5 * np.sin(2 * np.pi * 440 * k * time) for k in range(1, 6)]
    return np.where(time > 0, np.sum(partials, axis=0) * np.exp(-3 * time), 0)


def recording(ending: str, sound: np.ndarray | None = None) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, tone() if sound is None else sound, 22050, format=ending[1:].upper())
    return content.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of each format, one of silence, one that is none, and a file of another kind."""
    made = tmp_path / 'band'
    made.mkdir()
    for ending in ENDINGS:
        (made / f'a{ending}').write_bytes(recording(ending))
    (made / 'B.WAV').write_bytes(recording('.wav'))
    (made / 'silence.wav').write_bytes(recording('.wav', np.zeros(9000)))
    (made / 'noise.wav').write_bytes(recording('.wav', np.random.default_rng(0).normal(0, 0.1, 22050)))
    (made / 'text.mp3').write_text('no sound')
    (made / 'readme.txt').write_text('hello')
    return made


def converted(folder: Path, output: Path, **options: Any) -> tuple[str, dict[str, Any], list[music_pb2.NoteSequence]]:
    table = convert.convert(Job(str(folder), str(output), **options))
    found = [music_pb2.NoteSequence.FromString(record) for record in records.read(str(output))]
    return table, json.loads(output.with_suffix('.manifest.json').read_text()), found


def test_recordings_become_notes_and_all_else_is_counted(tmp_path: Path, folder: Path) -> None:
    table, manifest, found = converted(folder, tmp_path / 'out.tfrecord', audio=True)
    by_name = {sequence.filename: sequence for sequence in found}
    for name in [*(f'a{ending}' for ending in ENDINGS), 'B.WAV']:
        [note] = by_name[name].notes
        assert note.pitch == 69 and note.start_time == pytest.approx(0.2, abs=0.02)
        assert by_name[name].id == parsing.sequence_id(name.encode(), 'band', 'audio')
        assert by_name[name].collection_name == 'band'
        assert by_name[name].source_info.source_type == music_pb2.NoteSequence.SourceInfo.PERFORMANCE_BASED
    assert manifest['converted']['files'] == 7 and manifest['converted']['without notes'] == 2
    reasons = {line['file']: line['reason'] for line in manifest['without_notes'] + manifest['left_out']}
    assert reasons == {
        'silence.wav': parsing.SILENT,
        'noise.wav': parsing.NOT_HEARD,
        'text.mp3': parsing.NOT_SOUND,
        'readme.txt': listing.UNKNOWN_KIND,
    }
    assert parsing.SILENCE[parsing.SILENT] in table and parsing.REMEDIES[parsing.NOT_SOUND] in table


def test_without_the_flag_they_are_of_an_unknown_kind(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(SolferinoError, match=r'9  unknown kind of file: .* with --audio in \.wav \.mp3 \.flac \.ogg'):
        convert.convert(Job(str(folder), str(tmp_path / 'out.tfrecord')))


def test_without_the_extra_nothing_is_read(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise SolferinoError('pip install')

    monkeypatch.setattr(transcription, 'require', missing)
    with pytest.raises(SolferinoError, match='pip install'):
        convert.convert(Job(str(folder), str(tmp_path / 'out.tfrecord'), audio=True))
    assert not (tmp_path / 'out.tfrecord').exists()


def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path, folder: Path) -> None:
    for workers in (1, 2):
        convert.convert(Job(str(folder), str(tmp_path / f'{workers}.tfrecord'), audio=True, num_workers=workers))
    assert (tmp_path / '1.tfrecord').read_bytes() == (tmp_path / '2.tfrecord').read_bytes()


def test_nothing_is_imported_without_the_flag() -> None:
    code = (
        'import sys\n'
        'from solferino.pipelines import convert, parse_child\n'
        'assert not {"onnxruntime", "soundfile", "soxr"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.parametrize(
    'limits, reason',
    [
        (Limits(seconds=0.2), parsing.TOO_LONG),
        (Limits(memory_megabytes=16), parsing.TOO_MUCH_MEMORY),  # with less the stack cannot grow, which is a SIGSEGV
        (Limits(megabytes=0.01), parsing.TOO_LARGE),
    ],
)
def test_the_limits_hold_for_recordings(tmp_path: Path, limits: Limits, reason: str) -> None:
    path = tmp_path / 'long.flac'
    path.write_bytes(recording('.flac', np.tile(tone(), 60)))
    with Parser(limits) as parser:
        for _ in range(2):
            [answer] = parser.parse(_request(path))
            assert isinstance(answer, LeftOut) and answer.reason == reason


def _request(path: Path) -> Request:
    return Request(bytes(path), path.name.encode(), 'band')


@pytest.mark.parametrize('ending', ENDINGS)
def test_damage_ends_in_notes_or_a_reason(tmp_path: Path, ending: str) -> None:
    """Bytes are changed, cut out and cut off: whatever comes of it, the reading process survives it."""
    whole, rng = recording(ending), Random(ending)
    requests = []
    for number in range(24):
        content = bytearray(whole)
        if number % 3 == 0:
            del content[rng.randrange(len(content)) :]
        elif number % 3 == 1:
            del content[(start := rng.randrange(len(content))) : start + rng.randrange(2000)]
        head = rng.random() < 0.5
        for _ in range(rng.randrange(12)):
            if content:
                content[rng.randrange(min(len(content), 80 if head else len(content)))] = rng.randrange(256)
        (tmp_path / f'{number}{ending}').write_bytes(content)
        requests.append(_request(tmp_path / f'{number}{ending}'))
    known = {parsing.NOT_SOUND, parsing.DAMAGED, parsing.EMPTY, parsing.TOO_LATE}
    seen: Counter[str] = Counter()
    with Parser(Limits(seconds=20)) as parser:
        for answers in parser.parse_all(requests):
            [answer] = answers
            seen[answer.reason if isinstance(answer, LeftOut) else 'read'] += 1
            assert isinstance(answer, Converted) or answer.reason in known, answer
    assert seen['read'] and len(seen) > 1
