"""Finds out what a file is by what is in it; names are only asked where the contents leave it open."""

import contextlib
import os
import re
from collections import Counter

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.runs import curves, run_dir
from solferino.models.core.storage import checkpoints, records, sequence_examples
from solferino.pipelines import parsing
from solferino.pipelines.inspection import datasets, exports, music, trained
from solferino.pipelines.inspection.findings import Finding

_HEAD = 4096  # bytes that are looked at
_MAGENTA_CHECKPOINT = re.compile(r'(.*model\.ckpt(-\d+)?)\.(index|meta|data-\d+-of-\d+)$')

# What other files begin with.
_OTHERS = {
    b'\xff\xd8\xff': 'a JPEG picture',
    b'GIF8': 'a GIF picture',
    b'RIFF': 'a WAV sound file, or MIDI in a RIFF wrapper',
    b'ID3': 'an MP3 sound file',
    b'\xff\xfb': 'an MP3 sound file',
    b'fLaC': 'a FLAC sound file',
    b'OggS': 'an Ogg sound file',
    b'%PDF': 'a PDF document',
    b'PK\x03\x04': 'a ZIP archive',
    b'\x1f\x8b': 'a file that gzip has packed',
    b'BZh': 'a file that bzip2 has packed',
    b'\xfd7zXZ': 'a file that xz has packed',
    b'\x89HDF': 'an HDF5 file, such as a model of Keras',
    b'\x93NUMPY': 'an array of NumPy',
    b'\x80\x02': 'a pickle of Python',
    b'\x80\x03': 'a pickle of Python',
    b'\x80\x04': 'a pickle of Python',
    b'\x80\x05': 'a pickle of Python',
    b'\x7fELF': 'a program',
    b'SQLite format 3': 'a database of SQLite',
}
_KNOWN = (
    'What can be inspected: music (MIDI, MusicXML, ABC), TFRecord files of NoteSequences or SequenceExamples, the JSON '
    'files beside them, run directories and all files in them, bundles, and what solferino_export writes.'
)


def inspect(path: str) -> Finding:
    """Returns what is found in a file or folder; a set of shards, 'name@8.tfrecord', counts as one file.

    Raises:
      SolferinoError: it is missing, empty, damaged or something else; the message says what it looks like.
    """
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        return _inspect_folder(path)
    if not os.path.exists(path):
        if os.path.exists(path + '.index'):
            return trained.inspect_magenta_checkpoint(path)
        if os.path.exists(path + checkpoints.SUFFIX):
            return trained.inspect_checkpoint(path + checkpoints.SUFFIX)
        return _inspect_tfrecord(path, records.expand(path))
    if not os.path.isfile(path):
        raise SolferinoError(f'{path} is no regular file.')
    try:
        with open(path, 'rb') as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SolferinoError(f'{path} cannot be read: {error.strerror}.') from error
    if not head:
        raise SolferinoError(f'{path} is empty: it has no bytes.')
    return _inspect_file(path, head)


def _inspect_file(path: str, head: bytes) -> Finding:
    ending = os.path.splitext(path)[1].lower()
    if match := _MAGENTA_CHECKPOINT.match(path):
        return trained.inspect_magenta_checkpoint(match[1])
    if kind := _kind_of_music(head, ending):
        return music.inspect_file(path, kind)
    if ending == '.tfrecord' or curves.EVENTS in os.path.basename(path) or _is_tfrecord(path):
        return _inspect_tfrecord(path, [path])
    if ending == checkpoints.SUFFIX or (head[8:10] == b'{"' and int.from_bytes(head[:8], 'little') < 1 << 30):
        return trained.inspect_checkpoint(path)
    if head.removeprefix(b'\xef\xbb\xbf').lstrip()[:1] == b'{':
        return _inspect_json(path)
    if ending == '.mag':
        return trained.inspect_bundle(path)
    if head.startswith(exports.PNG):
        return exports.inspect_png(path, head)
    if exported := exports.find(path):
        return exported
    # It says that it is music: let the parser say why it is none. Most JSON and NumPy files do not say so.
    if parsing.KINDS.get(ending, 'voices') != 'voices':
        return music.inspect_file(path, parsing.KINDS[ending])
    hint = (
        ' convert_dir_to_note_sequences --audio finds the notes of recordings.' if ending in parsing.AUDIO_KINDS else ''
    )
    raise SolferinoError(f'{path} looks like {_looks(head)}. {_KNOWN}{hint}')


def _kind_of_music(head: bytes, ending: str) -> str | None:
    if head.startswith(b'MThd') or (head.startswith(b'RIFF') and head[8:12] == b'RMID'):
        return 'midi'
    if b'<score-partwise' in head or b'<score-timewise' in head or (head.startswith(b'PK') and ending == '.mxl'):
        return 'musicxml'
    if ending == '.abc' or (re.search(rb'^X:[ \t]*\d', head, re.M) and re.search(rb'^K:', head, re.M)):
        return 'abc'
    if _TABLE.match(head) or (head.startswith(b'PK') and b'.npy' in head[:_NAME]):
        return 'voices'
    return None


_TABLE = re.compile(rb'\s*\{\s*"[^"]*"\s*:\s*\[\s*\[\s*\[')  # JSON: splits, chorales, steps
_NAME = 64  # bytes of a ZIP archive in which the first name is, if it is short


def _is_tfrecord(path: str) -> bool:
    try:
        next(records.index(path))
    except (SolferinoError, StopIteration):  # a file of /proc says that it is empty, and is not
        return False
    return True


def _inspect_tfrecord(path: str, paths: list[str]) -> Finding:
    filled = [file for file in paths if os.path.getsize(file)]
    if not filled:
        raise SolferinoError(f'{path} is empty: it has no record.')
    data = next(records.read(filled[0]))
    if curves.is_event(data):
        return trained.inspect_events(path)
    if sequence_examples.is_example(data):
        return datasets.inspect_records(path, filled)
    if music.is_note_sequence(data):
        return music.inspect_records(path, filled)
    raise SolferinoError(
        f'{path} is a TFRecord file, but its records are neither NoteSequences nor SequenceExamples: the first begins '
        f'with the bytes {data[:8].hex(" ") or "of nothing"}.'
    )


def _inspect_json(path: str) -> Finding:
    record = settings.read_json(path) or {}
    if 'converted' in record and 'left_out_by_reason' in record:
        return datasets.inspect_manifest(path, record)
    if 'family' in record and 'versions' in record:
        return trained.inspect_run(os.path.dirname(path) or '.', record)
    if 'state' in record and 'heartbeat' in record:
        return trained.inspect_status(path, record)
    if exported := exports.find(path):
        return exported
    if 'family' in record:
        return datasets.inspect_sidecar(path, record)
    names = ', '.join(list(record)[:5]) or 'nothing'
    raise SolferinoError(f'{path} is a JSON file that Solferino did not write: it has {names}. {_KNOWN}')


def _inspect_folder(path: str) -> Finding:
    inside = os.path.basename(os.path.abspath(path)) in ('train', 'eval')
    for folder in (path, *([os.path.dirname(os.path.abspath(path))] if inside else [])):
        record = settings.read_json(run_dir.run_path(folder))
        if record is not None:
            return trained.inspect_run(folder, record)
    names = sorted(os.listdir(path))
    for folder in (os.path.join(path, 'train'), path):
        if os.path.isfile(os.path.join(folder, trained.MAGENTA_STATE)):
            return trained.inspect_magenta_run(path)
    if any(name.startswith(curves.EVENTS) for name in names):
        return trained.inspect_events(path)
    if found := exports.find(path) or _inspect_dataset_folder(path, names):
        return found
    endings = Counter(os.path.splitext(name)[1].lower() for name in names)
    counts = (words.counted(count, f'{ending or "other"} files') for ending, count in endings.most_common(4))
    what = ', '.join(counts)
    hint = ''
    if set(endings) & set(parsing.KINDS):
        hint = ' convert_dir_to_note_sequences reads music of a folder.'
    elif set(endings) & set(parsing.AUDIO_KINDS):
        hint = ' convert_dir_to_note_sequences --audio finds the notes of the recordings in it.'
    raise SolferinoError(
        f'{path} is a folder, but no run directory. It holds '
        + (f'{what}. Name one of its files.{hint}' if what else 'nothing.')
    )


def _inspect_dataset_folder(path: str, names: list[str]) -> Finding | None:
    """What create_dataset wrote into a folder, if it did."""
    for name in names:
        if name.endswith('.json'):
            description = os.path.join(path, name)
            with contextlib.suppress(SolferinoError):
                record = settings.read_json(description) or {}
                if 'family' in record and 'encoding' in record:
                    return datasets.inspect_sidecar(description, record)
    return None


def _looks(head: bytes) -> str:
    """What a file looks like that begins so."""
    for start, what in _OTHERS.items():
        if head.startswith(start):
            return what
    if b'\0' not in head:
        with contextlib.suppress(UnicodeDecodeError):
            words = (head[: head.rfind(b'\n') + 1] or head).decode()  # whole letters, where there is a line
            return f'a text that begins with {" ".join(words.split())[:40]!r}'
    return f'data that begin with the bytes {head[:8].hex(" ")}'
