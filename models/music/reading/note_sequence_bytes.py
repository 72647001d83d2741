"""Music as the bytes of a NoteSequence: those that protobuf would write of what note-seq makes of the same MIDI file.

Filling in a NoteSequence object takes some microseconds a note. Here the messages of a field are the rows of a matrix
of bytes; what proto3 leaves out, zeros, is masked out. Fields come in the order of their numbers, as they do in
protobuf's deterministic serialization.

Wire format: https://protobuf.dev/programming-guides/encoding. Fields: note_seq/protobuf/music.proto.
"""

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from solferino.models.music.reading.midi_notes import Music

if TYPE_CHECKING:  # the processes that read MIDI files need no protobuf
    from note_seq.protobuf import music_pb2

# A field of several messages: its number, and its value in each, float64 or integers. As uint8 they are below 128.
Column = tuple[int, npt.NDArray[Any]]

_VARINT, _DOUBLE, _BYTES = 0, 1, 2  # types on the wire

# Fields of a NoteSequence.
_ID, _FILENAME, _COLLECTION = 1, 2, 3
_TICKS_PER_QUARTER, _TIME_SIGNATURES, _KEY_SIGNATURES, _TEMPOS, _NOTES = 4, 5, 6, 7, 8
_TOTAL_TIME, _PITCH_BENDS, _CONTROL_CHANGES, _SOURCE_INFO, _TEXT_ANNOTATIONS, _INSTRUMENT_INFOS = 9, 10, 11, 13, 14, 23
_CHORD_SYMBOL = 1  # the kind of a text annotation

# SourceInfo's fields by the kind of source: source_type, encoding_type and parser. Of scores and tunes it names no
# parser, as it knows only Magenta's. A recording is of a performance.
_SOURCES = {'midi': (0, 3, 2), 'musicxml': (1, 1, 0), 'abc': (1, 2, 0), 'voices': (1, 0, 0), 'audio': (2, 0, 0)}


def write(music: Music, sequence_id: str, filename: str, collection: str, kind: str = 'midi') -> bytes:
    """Serializes the NoteSequence of a file of a kind, one of `_SOURCES`."""
    notes, bends, controls = music.notes, music.bends, music.controls

    def players(field: int) -> list[bytes]:
        """For each instrument its fields of a note or control: number, program and whether it is a drum."""
        return [
            _integer(field, number) + _integer(field + 1, instrument.program) + _integer(field + 2, instrument.is_drum)
            for number, instrument in enumerate(music.instruments)
        ]

    parts = [
        _text(_ID, sequence_id),
        _text(_FILENAME, filename),
        _text(_COLLECTION, collection),
        _integer(_TICKS_PER_QUARTER, music.resolution),
    ]
    for time, numerator, denominator in music.metres:
        parts.append(_message(_TIME_SIGNATURES, _double(1, time) + _integer(2, numerator) + _integer(3, denominator)))
    for time, key, mode in music.keys:
        parts.append(_message(_KEY_SIGNATURES, _double(1, time) + _integer(2, key) + _integer(3, mode)))
    for time, qpm in music.tempos:
        parts.append(_message(_TEMPOS, _double(1, time) + _double(2, qpm)))
    parts += [
        _messages(
            _NOTES,
            [(1, notes.pitch), (2, notes.velocity), (3, notes.start), (4, notes.end)],
            players(7),
            notes.instrument,
        ),
        _double(_TOTAL_TIME, music.total_time),
        _messages(_PITCH_BENDS, [(1, bends.time), (2, bends.value)], players(3), bends.instrument),
        _messages(
            _CONTROL_CHANGES,
            [(1, controls.time), (2, controls.number), (3, controls.value)],
            players(4),
            controls.instrument,
        ),
        _message(_SOURCE_INFO, b''.join(_integer(n, value) for n, value in enumerate(_SOURCES[kind], 1))),
    ]
    for time, symbol in music.chords:
        symbol_of_chord = _text(2, symbol) + _integer(3, _CHORD_SYMBOL)
        parts.append(_message(_TEXT_ANNOTATIONS, _double(1, time) + symbol_of_chord))
    for number, instrument in enumerate(music.instruments):
        if instrument.name:
            parts.append(_message(_INSTRUMENT_INFOS, _integer(1, number) + _text(2, instrument.name)))
    return b''.join(parts)


def add_notes(
    sequence: 'music_pb2.NoteSequence',
    starts: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
    pitches: npt.NDArray[np.integer],
    velocity: int,
    instrument: int = 0,
    program: int = 0,
    is_drum: bool = False,
) -> None:
    """Adds notes of one voice, arrays [notes], to a NoteSequence; times are in seconds."""
    voice = _integer(2, velocity) + _integer(7, instrument) + _integer(8, program) + _integer(9, is_drum)
    columns = [(1, pitches), (3, starts), (4, ends)]
    sequence.MergeFromString(_messages(_NOTES, columns, [voice], np.zeros(len(pitches), int)))


def _messages(field: int, columns: list[Column], ends: list[bytes], which: npt.NDArray[Any]) -> bytes:
    """The messages of a repeated field, less than 128 bytes each.

    `columns` have a value for each message. Its last fields are one of `ends`: `which` is the index of it.
    """
    count = len(which)
    if not count:
        return b''
    row = bytearray(_varint(field << 3 | _BYTES) + b'\0')  # a message, whose length and values are filled in below
    head = len(row)
    filled = []  # where in the row a column's bytes end, and its values
    omitted = []  # from where to where in the row, and of which messages
    for number, values in columns:
        double = values.dtype == np.float64
        for i, cells in enumerate([values] if double else _digits(values)):
            begin = len(row)
            if not i:
                row.append(number << 3 | (_DOUBLE if double else _VARINT))
            row += bytes(cells.itemsize)
            filled.append((len(row), cells))
            if np.count_nonzero(cells) < count:
                omitted.append((begin, len(row), (cells == 0).nonzero()[0]))
    begin = len(row)
    lengths = [len(end) for end in ends]
    row += ends[0].ljust(max(lengths))
    width = len(row)

    matrix = np.frombuffer(bytearray(bytes(row) * count), np.uint8).reshape(count, width)
    for end, cells in filled:  # each column as it lies in the matrix
        np.ndarray(count, cells.dtype, matrix, end - cells.itemsize, (width,))[:] = cells
    if len(ends) > 1:
        padded = b''.join(end.ljust(width - begin) for end in ends)
        matrix[:, begin:] = np.frombuffer(padded, np.uint8).reshape(len(ends), -1)[which]
        for i in range(min(lengths), max(lengths)):
            omitted.append((begin + i, begin + i + 1, (np.array(lengths) <= i)[which].nonzero()[0]))
    matrix[:, head - 1] = width - head
    if not omitted:
        return matrix.tobytes()
    mask = np.ones((count, width), bool)
    for begin, end, messages in omitted:
        mask[messages, begin:end] = False
        matrix[messages, head - 1] -= end - begin
    return matrix[mask].tobytes()


def _digits(values: npt.NDArray[Any]) -> list[npt.NDArray[np.uint8]]:
    """The bytes of varints, arrays of the same length; 0 for those that have fewer. Negative numbers have ten."""
    if values.dtype == np.uint8:
        return [values]
    rest = values.astype(np.int64).view(np.uint64)
    digits = []
    while rest.max() >= 0x80:
        more = rest >> np.uint64(7)
        digits.append((rest & np.uint64(0x7F) | (more > 0) * np.uint64(0x80)).astype(np.uint8))
        rest = more
    return [*digits, rest.astype(np.uint8)]


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(content)) + content


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode()) if value else b''


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value) if value else b''


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | _DOUBLE) + struct.pack('<d', value) if value else b''


def _varint(value: int) -> bytes:
    """A number of 0 or more: 7 bits a byte, the lowest first, and a top bit if more follow."""
    digits = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
