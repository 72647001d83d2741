"""A piece of music as arrays: what is read of a NoteSequence to make examples of it.

The generated class of NoteSequence makes a Python object of each note, for which a tenth of a microsecond is paid at
each field that is asked for. Here a note stays the bytes it is in the file (to protobuf a message within a message
and a string of bytes are the same), and notes of one layout, which is nearly all of them, are columns of a table. The
sustain pedal is read likewise, but only when it is asked for.

Encoding: https://protobuf.dev/programming-guides/encoding/. Fields: note_seq/protobuf/music.proto.
"""

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from solferino.hparams.errors import SolferinoError
from solferino.hparams.reasons import BAD_PEDAL, BAD_PITCH, BAD_TEMPO, BAD_TIME, REMEDIES, TOO_LONG

# start, end: seconds.
NOTE = np.dtype(
    [
        ('start', np.float64),
        ('end', np.float64),
        ('pitch', np.int32),
        ('velocity', np.int32),
        ('instrument', np.int32),
        ('program', np.int32),
        ('is_drum', np.bool_),
    ],
    align=True,
)
# A MIDI control change. time: seconds.
CONTROL = np.dtype(
    [('time', np.float64), ('number', np.int32), ('value', np.int32), ('instrument', np.int32)], align=True
)
_SUSTAIN = 64  # its number, https://midi.org/midi-1-0-control-change-messages
_CHORD_SYMBOL = 1  # what kind of text annotation that is

_VARINT, _FIXED64, _BYTES, _GROUP, _END_GROUP, _FIXED32 = range(6)  # wire types
# Fields by their tags: the number in music.proto, and the wire type.
_NOTE_FIELDS = {
    1 << 3 | _VARINT: 'pitch',
    2 << 3 | _VARINT: 'velocity',
    3 << 3 | _FIXED64: 'start',
    4 << 3 | _FIXED64: 'end',
    7 << 3 | _VARINT: 'instrument',
    8 << 3 | _VARINT: 'program',
    9 << 3 | _VARINT: 'is_drum',
}
_CONTROL_FIELDS = {
    1 << 3 | _FIXED64: 'time',
    2 << 3 | _VARINT: 'number',
    3 << 3 | _VARINT: 'value',
    4 << 3 | _VARINT: 'instrument',
}
_END_OF_NUMBERS = 1 << 29  # of fields
_MAX_TAG, _MAX_VARINT = 5, 10  # bytes
# What a piece may be: see `flaw`.
_SLOWEST, _FASTEST = 0.1, 6e7  # quarters a minute; MIDI's fastest tempo is a microsecond a quarter
_USUAL_QPM = 120.0  # where none is given
_HIGHEST = 127  # pitch or velocity
_LONGEST = 1e5  # seconds, and quarters
_DAMAGED = 'a note or control change of it is damaged'
_MAX_RUNS = 16  # of messages of one size; where sizes change more often they are sorted by size first


@dataclasses.dataclass(frozen=True)
class Metre:
    """A time signature that begins at `time`, in seconds."""

    time: float
    numerator: int
    denominator: int

    @property
    def name(self) -> str:
        """As musicians write it in a line, '4/4'."""
        return f'{self.numerator}/{self.denominator}'


@dataclasses.dataclass(frozen=True)
class Tempo:
    """Quarters a minute from `time` on, in seconds."""

    time: float
    qpm: float


@dataclasses.dataclass(frozen=True)
class Piece:
    """An unquantized NoteSequence.

    Attributes:
      id, filename, collection_name: where it comes from.
      total_time: seconds.
      metres, tempos: in the order of the file, which need not be that of time.
      notes: NOTE [notes], likewise.
      chord_symbols: chords that are written above the music, likewise: seconds, and a text such as 'Dm7'.
    """

    id: str
    filename: str
    collection_name: str
    total_time: float
    metres: tuple[Metre, ...]
    tempos: tuple[Tempo, ...]
    notes: np.ndarray
    _data: bytes = dataclasses.field(repr=False)
    chord_symbols: tuple[tuple[float, str], ...] = ()

    @functools.cached_property
    def pedal(self) -> np.ndarray:
        """What the sustain pedal does: CONTROL [changes], in the order of the file. Raises ValueError if damaged."""
        messages = _message_class('Controls').FromString(self._data).control_changes[:]
        controls = _table(messages, CONTROL, _CONTROL_FIELDS)
        return controls[controls['number'] == _SUSTAIN]


def read(data: bytes) -> Piece:
    """Reads a serialized NoteSequence. Raises ValueError if it is none."""
    try:
        proto = _message_class('NoteSequence').FromString(data)
    except message.DecodeError:
        raise ValueError('it is not a NoteSequence') from None
    return Piece(
        proto.id,
        proto.filename,
        proto.collection_name,
        proto.total_time,
        tuple(Metre(m.time, m.numerator, m.denominator) for m in proto.time_signatures),
        tuple(Tempo(t.time, t.qpm) for t in proto.tempos),
        _table(proto.notes[:], NOTE, _NOTE_FIELDS),
        data,
        tuple((text.time, text.text) for text in proto.text_annotations if text.annotation_type == _CHORD_SYMBOL),
    )


def of(sequence: Any) -> Piece:
    """Returns a NoteSequence proto as arrays."""
    return read(sequence.SerializeToString())


def flaw(piece: Piece) -> str | None:
    """Returns why no music can be made of a piece, one of `hparams.reasons`; None if nothing is wrong with it.

    What depends on the grid, such as a metre that does not exist, is told by `sections`.
    """
    notes = piece.notes
    changes = np.array([metre.time for metre in piece.metres] + [tempo.time for tempo in piece.tempos])
    instants = np.concatenate([notes['start'], notes['end'], changes, [piece.total_time]])
    if not np.isfinite(instants).all():
        return BAD_TIME
    if not all(_SLOWEST <= tempo.qpm <= _FASTEST for tempo in piece.tempos):
        return BAD_TEMPO
    for values in (notes['pitch'], notes['velocity']):
        if values.min(initial=0) < 0 or values.max(initial=0) > _HIGHEST:
            return BAD_PITCH
    if np.abs(instants).max() > _LONGEST or _quarters(piece, float(instants.max())) > _LONGEST:
        return TOO_LONG
    return None


def require(sequence: Any, name: str = '') -> None:
    """Raises SolferinoError, naming the music, if a NoteSequence has a flaw."""
    piece = of(sequence)
    reason = flaw(piece)
    if not reason and not np.isfinite(piece.pedal['time']).all():
        reason = BAD_PEDAL
    if reason:
        name = name or sequence.filename or 'The music'
        raise SolferinoError(f'{name} cannot be used: {reason}. {REMEDIES[reason]}')


def _quarters(piece: Piece, end: float) -> float:
    """How many there are up to an instant, or more."""
    tempos = sorted(piece.tempos, key=lambda tempo: tempo.time)
    times = np.array([*(max(tempo.time, 0.0) for tempo in tempos), end])
    rates = np.array([tempo.qpm for tempo in tempos]) / 60
    before = times[0] * _USUAL_QPM / 60
    return float(before + (np.diff(np.minimum(times, end)) * rates).sum())


def _table(messages: list[bytes], dtype: np.dtype, fields: dict[int, str]) -> np.ndarray:
    """Returns dtype [messages] of serialized messages, of which `fields` names those to read. Raises ValueError."""
    table = np.zeros(len(messages), dtype)
    sizes = np.fromiter(map(len, messages), np.intp, len(messages))
    changes = (sizes[1:] != sizes[:-1]).nonzero()[0] + 1
    order = None
    if len(changes) > _MAX_RUNS:
        order = sizes.argsort(kind='stable')
        sizes, messages = sizes[order], sorted(messages, key=len)
        changes = (sizes[1:] != sizes[:-1]).nonzero()[0] + 1
    data = np.frombuffer(b''.join(messages), np.uint8)
    place = 0
    for first, last in itertools.pairwise([0, *changes.tolist(), len(messages)]):
        size = int(sizes[first]) if messages else 0
        end = place + (last - first) * size
        if size:  # else every field has its default, zero
            rows = slice(first, last) if order is None else order[first:last]
            _read(data[place:end].reshape(-1, size), fields, table, rows)
        place = end
    return table


def _read(data: np.ndarray, fields: dict[int, str], table: np.ndarray, rows: slice | np.ndarray) -> None:
    """Sets table[rows] to messages of one size, uint8 [rows, bytes]. Raises ValueError."""
    while True:  # once for each layout
        layout = _layout(data[0].tobytes(), fields)
        differs = (data ^ data[0]) & layout.mask
        if not differs.any():
            _read_columns(layout, data, table, rows)
            return
        if isinstance(rows, slice):
            rows = np.arange(rows.start, rows.stop)
        fits = ~differs.any(axis=1)
        _read_columns(layout, data[fits], table, rows[fits])
        data, rows = data[~fits], rows[~fits]


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Where the fields of a message are.

    Attributes:
      mask: uint8 [bytes], the bits that all messages of the layout have in common: tags, lengths and where varints end.
      columns: first byte, and byte after the last, of each field by its name.
    """

    mask: np.ndarray
    columns: dict[str, tuple[int, int]]


def _layout(message: bytes, fields: dict[int, str]) -> _Layout:
    """Reads one message. Raises ValueError if it is damaged."""
    mask = bytearray(len(message))
    columns = {}
    groups: list[int] = []  # that are open; nothing in them is read
    place = 0
    while place < len(message):
        tag, start = _varint(message, place)
        mask[place:start] = b'\xff' * (start - place)
        kind = tag & 7
        if kind == _VARINT:
            _, end = _varint(message, start)
            mask[start:end] = b'\x80' * (end - start)
        elif kind == _FIXED64:
            end = start + 8
        elif kind == _BYTES:
            length, end = _varint(message, start)
            mask[start:end] = b'\xff' * (end - start)
            end += length
        elif kind == _FIXED32:
            end = start + 4
        elif kind == _GROUP:
            groups.append(tag >> 3)
            end = start
        elif kind == _END_GROUP and groups and groups.pop() == tag >> 3:
            end = start
        else:
            raise ValueError(_DAMAGED)
        if not 0 < tag >> 3 < _END_OF_NUMBERS or start - place > _MAX_TAG or end > len(message):
            raise ValueError(_DAMAGED)
        if tag in fields and not groups:
            columns[fields[tag]] = start, end  # the last one counts
        place = end
    if groups:
        raise ValueError(_DAMAGED)
    return _Layout(np.frombuffer(mask, np.uint8), columns)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Returns the number that begins at `place`, and where the next one begins. Raises ValueError."""
    value = 0
    for shift, byte in enumerate(data[place : place + _MAX_VARINT]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, place + shift + 1
    raise ValueError(_DAMAGED)


def _read_columns(layout: _Layout, data: np.ndarray, table: np.ndarray, rows: slice | np.ndarray) -> None:
    """Sets table[rows] to messages that all have the layout, uint8 [rows, bytes]."""
    for name, (start, end) in layout.columns.items():
        if table.dtype[name] == np.float64:
            table[name][rows] = np.ndarray(len(data), '<f8', data, start, data.strides[:1])
        elif end - start == 1:
            table[name][rows] = data[:, start]
        else:
            sevens = (data[:, start:end] & 0x7F).astype(np.int64)
            table[name][rows] = np.bitwise_or.reduce(sevens << np.arange(0, 7 * (end - start), 7), axis=1)


@functools.cache
def _message_class(name: str) -> Any:
    """Declares the fields of NoteSequence that are read, in a pool of their own, apart from note_seq's.

    'NoteSequence' has what is read at once, and 'Controls' what is read later.
    """
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name='solferino/piece.proto', package='solferino.piece', syntax='proto3')

    def declare(name: str, **fields: tuple[int, int, str]) -> None:
        declared = file.message_type.add(name=name)
        for field_name, (number, kind, repeated) in fields.items():
            added = declared.field.add(name=field_name, number=number, type=kind)
            added.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if kind == field.TYPE_MESSAGE:
                added.type_name = f'.solferino.piece.{repeated}'

    declare(
        'Metre',
        time=(1, field.TYPE_DOUBLE, ''),
        numerator=(2, field.TYPE_INT32, ''),
        denominator=(3, field.TYPE_INT32, ''),
    )
    declare('Tempo', time=(1, field.TYPE_DOUBLE, ''), qpm=(2, field.TYPE_DOUBLE, ''))
    declare(
        'Text',
        time=(1, field.TYPE_DOUBLE, ''),
        text=(2, field.TYPE_STRING, ''),
        annotation_type=(3, field.TYPE_INT32, ''),
    )
    declare(
        'NoteSequence',
        id=(1, field.TYPE_STRING, ''),
        filename=(2, field.TYPE_STRING, ''),
        collection_name=(3, field.TYPE_STRING, ''),
        time_signatures=(5, field.TYPE_MESSAGE, 'Metre'),
        tempos=(7, field.TYPE_MESSAGE, 'Tempo'),
        notes=(8, field.TYPE_BYTES, 'bytes'),
        total_time=(9, field.TYPE_DOUBLE, ''),
        text_annotations=(14, field.TYPE_MESSAGE, 'Text'),
    )
    declare('Controls', control_changes=(11, field.TYPE_BYTES, 'bytes'))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f'solferino.piece.{name}'))
