"""Music as the bytes of a NoteSequence: those that protobuf would write of what note-seq makes of the same MIDI file.

Filling in a NoteSequence object takes some microseconds a note. Here the messages of a field are the rows of a matrix
of bytes; what proto3 leaves out, zeros, is masked out. Fields come in the order of their numbers, as they do in
protobuf's deterministic serialization.

Wire format: https://protobuf.dev/programming-guides/encoding. Fields: note_seq/protobuf/music.proto.
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from solferino.models.music.midi_notes import Music

# A field of each message of several: its number, and its values, float64 or integers. Those of type uint8 are below 128.
Column = tuple[int, npt.NDArray[Any]]

_VARINT, _DOUBLE, _BYTES = 0, 1, 2  # types on the wire

# Fields of a NoteSequence.
_ID, _FILENAME, _COLLECTION = 1, 2, 3
_TICKS_PER_QUARTER, _TIME_SIGNATURES, _KEY_SIGNATURES, _TEMPOS, _NOTES = 4, 5, 6, 7, 8
_TOTAL_TIME, _PITCH_BENDS, _CONTROL_CHANGES, _SOURCE_INFO, _INSTRUMENT_INFOS = 9, 10, 11, 13, 23

_MIDI, _PRETTY_MIDI = 3, 2  # of SourceInfo: encoding_type and parser


def write(music: Music, sequence_id: str, filename: str, collection: str) -> bytes:
    """Serializes the NoteSequence of a MIDI file."""
    programs = np.array([instrument.program for instrument in music.instruments], np.uint8)
    drums = np.array([instrument.is_drum for instrument in music.instruments], np.uint8)

    def played_by(instrument: npt.NDArray[Any], field: int) -> list[Column]:
        return [(field, instrument), (field + 1, programs[instrument]), (field + 2, drums[instrument])]

    metres, keys, tempos, notes, bends, controls = (
        music.metres, music.keys, music.tempos, music.notes, music.bends, music.controls,
    )  # fmt: skip
    parts = [
        _bytes(_ID, sequence_id.encode()),
        _bytes(_FILENAME, filename.encode()),
        _bytes(_COLLECTION, collection.encode()),
        _integer(_TICKS_PER_QUARTER, music.resolution),
        _messages(_TIME_SIGNATURES, [(1, metres.time), *enumerate(metres.values, 2)]),
        _messages(_KEY_SIGNATURES, [(1, keys.time), *enumerate(keys.values, 2)]),
        _messages(_TEMPOS, [(1, tempos.time), *enumerate(tempos.values, 2)]),
        _messages(
            _NOTES,
            [(1, notes.pitch), (2, notes.velocity), (3, notes.start), (4, notes.end), *played_by(notes.instrument, 7)],
        ),
        _double(_TOTAL_TIME, music.total_time),
        _messages(_PITCH_BENDS, [(1, bends.time), (2, bends.value), *played_by(bends.instrument, 3)]),
        _messages(
            _CONTROL_CHANGES,
            [(1, controls.time), (2, controls.number), (3, controls.value), *played_by(controls.instrument, 4)],
        ),
        _bytes(_SOURCE_INFO, _integer(2, _MIDI) + _integer(3, _PRETTY_MIDI)),
    ]
    for number, instrument in enumerate(music.instruments):
        if instrument.name:
            parts.append(_bytes(_INSTRUMENT_INFOS, _integer(1, number) + _bytes(2, instrument.name.encode())))
    return b''.join(parts)


def _messages(field: int, columns: list[Column]) -> bytes:
    """The messages of a repeated field, less than 128 bytes each; `columns` have a value for each message."""
    count = len(columns[0][1])
    if not count:
        return b''
    row = bytearray(_varint(field << 3 | _BYTES) + b'\0')  # a message, whose length and values are filled in below
    head = len(row)
    cells = []  # begin and end in the row, a value for each message, and how many are written: those that are not zero
    for number, values in columns:
        double = values.dtype == np.float64
        for i, cell in enumerate([values] if double else _digits(values)):
            written = np.count_nonzero(cell)
            if written:
                begin = len(row)
                row += b'' if i else bytes([number << 3 | (_DOUBLE if double else _VARINT)])
                row += bytes(8 if double else 1)
                cells.append((begin, len(row), cell, written))

    width = len(row)
    matrix = np.empty((count, width), np.uint8)
    matrix[:] = np.frombuffer(row, np.uint8)
    for _, end, cell, _ in cells:  # each column as it lies in the matrix
        np.ndarray(count, cell.dtype, matrix, end - cell.itemsize, (width,))[:] = cell
    matrix[:, head - 1] = width - head
    omitted = [(begin, end, cell == 0) for begin, end, cell, written in cells if written < count]
    if not omitted:
        return matrix.tobytes()
    mask = np.ones((count, width), bool)
    for begin, end, zero in omitted:
        mask[:, begin:end] = ~zero[:, np.newaxis]
        matrix[:, head - 1] -= zero * np.uint8(end - begin)
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


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value if value else b''


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
