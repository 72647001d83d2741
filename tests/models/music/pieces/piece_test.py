"""NoteSequences read from their bytes are what protobuf reads."""

import contextlib

import pytest
from google.protobuf import message
from hypothesis import example, given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import piece

INT32 = st.one_of(st.sampled_from([0, 1, 60, 127, 128, 300, -1]), st.integers(-(2**31), 2**31 - 1))
SECONDS = st.floats(allow_nan=False)
NOTES = st.builds(
    music_pb2.NoteSequence.Note,
    pitch=INT32,
    velocity=INT32,
    start_time=SECONDS,
    end_time=SECONDS,
    instrument=INT32,
    program=INT32,
    is_drum=st.booleans(),
    # What is not read.
    voice=st.sampled_from([0, 1, 200]),
    quantized_start_step=st.integers(0, 2**62),
    pitch_name=st.integers(0, 30),
)
SEQUENCES = st.builds(
    music_pb2.NoteSequence,
    id=st.text(),
    filename=st.text(),
    collection_name=st.text(),
    total_time=SECONDS,
    notes=st.lists(NOTES, max_size=40),
    tempos=st.lists(st.builds(music_pb2.NoteSequence.Tempo, time=SECONDS, qpm=SECONDS), max_size=3),
    time_signatures=st.lists(
        st.builds(music_pb2.NoteSequence.TimeSignature, time=SECONDS, numerator=INT32, denominator=INT32), max_size=3
    ),
    control_changes=st.lists(
        st.builds(
            music_pb2.NoteSequence.ControlChange,
            time=SECONDS,
            control_number=st.sampled_from([64, 64, 0, 1, 200]),
            control_value=INT32,
            instrument=INT32,
            # What is not read.
            program=INT32,
            is_drum=st.booleans(),
        ),
        max_size=30,
    ),
)


def rows(sequence: music_pb2.NoteSequence) -> list[tuple]:
    return [(n.start_time, n.end_time, n.pitch, n.velocity, n.instrument, n.program, n.is_drum) for n in sequence.notes]


@given(SEQUENCES)
def test_every_field_is_that_of_protobuf(sequence: music_pb2.NoteSequence) -> None:
    music = piece.read(sequence.SerializeToString())
    assert music.notes.tolist() == rows(sequence)
    assert (music.id, music.filename, music.collection_name) == (
        sequence.id,
        sequence.filename,
        sequence.collection_name,
    )
    assert music.total_time == sequence.total_time
    assert music.tempos == tuple(piece.Tempo(t.time, t.qpm) for t in sequence.tempos)
    assert music.metres == tuple(piece.Metre(m.time, m.numerator, m.denominator) for m in sequence.time_signatures)
    assert music.pedal.tolist() == [
        (c.time, c.control_number, c.control_value, c.instrument)
        for c in sequence.control_changes
        if c.control_number == 64
    ]


def test_notes_of_many_sizes_keep_their_order() -> None:
    sequence = music_pb2.NoteSequence()
    for number in range(300):
        sequence.notes.add(pitch=number % 128, start_time=number % 3, is_drum=number % 2 == 0, program=number % 5)
    assert piece.of(sequence).notes.tolist() == rows(sequence)


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, value: tuple[int, bytes]) -> bytes:
    return varint(number << 3 | value[0]) + value[1]


def group(number: int, fields: list[bytes]) -> bytes:
    return field(number, (3, b''.join(fields))) + field(number, (4, b''))


NUMBERS = st.one_of(st.integers(1, 15), st.integers(1, 2**29 - 1))  # those of Note begin at 1
VALUES = st.one_of(  # by wire type
    st.tuples(st.just(0), st.integers(0, 2**64 - 1).map(varint)),
    st.tuples(st.just(1), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(2), st.binary(max_size=9).map(lambda data: varint(len(data)) + data)),
    st.tuples(st.just(5), st.binary(min_size=4, max_size=4)),
)
FIELDS = st.recursive(
    st.builds(field, NUMBERS, VALUES),
    lambda inner: st.builds(group, NUMBERS, st.lists(inner, max_size=3)),
    max_leaves=5,
)
ANY_NOTE = st.lists(FIELDS, max_size=6).map(b''.join)


def read_by_both(note: bytes) -> tuple[str | None, str | None]:
    """What protobuf and what `piece` reads of a NoteSequence with one note, as text, in which nan is itself."""
    data = field(8, (2, varint(len(note)) + note))
    expected = found = None
    with contextlib.suppress(message.DecodeError):
        expected = repr(rows(music_pb2.NoteSequence.FromString(data)))
    with contextlib.suppress(ValueError):
        found = repr(piece.read(data).notes.tolist())
    return expected, found


@given(ANY_NOTE)
@example(bytes.fromhex('083c f306 f406'))
def test_fields_of_any_number_and_kind_are_read_or_passed_over(note: bytes) -> None:
    expected, found = read_by_both(note)
    assert expected is not None
    assert found == expected


@given(ANY_NOTE, st.data())
def test_a_damaged_note_is_refused_by_both_or_means_the_same_to_both(note: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(note)))
    other = data.draw(st.binary(max_size=2))
    skipped = data.draw(st.sampled_from([0, 1, len(note)]))  # so that something is put in, replaced or cut off
    expected, found = read_by_both(note[:place] + other + note[place + skipped :])
    assert found == expected


@given(st.binary())
def test_bytes_that_are_no_note(data: bytes) -> None:
    expected, found = read_by_both(data)
    assert found == expected


@pytest.mark.parametrize(
    'note',
    [
        b'\x08',  # a field without its value
        b'\x19\0\0',  # a number cut short
        b'\x08' + b'\xff' * 10,  # a varint without end
        b'\x02',  # no such field
        b'\x5a\x05ab',  # a string beyond the end
        b'\x0f\x01',  # no such wire type
        b'\x0b',  # a group without end
        b'\x0c',  # the end of no group
        b'\x0b\x14',  # the end of another group
        b'\x88\x80\x80\x80\x80\0\0',  # a tag that is too long
        b'\x80\x80\x80\x80\x10\0',  # a number beyond all numbers of fields
    ],
)
def test_damaged_notes_are_refused(note: bytes) -> None:
    with pytest.raises(ValueError, match='damaged'):
        piece.read(b'\x42' + bytes([len(note)]) + note)


def test_a_damaged_pedal_is_found_when_it_is_asked_for() -> None:
    music = piece.read(b'\x5a\x01\x08')
    with pytest.raises(ValueError, match='damaged'):
        assert music.pedal.size


def test_the_name_of_a_metre() -> None:
    assert piece.Metre(0.0, 6, 8).name == '6/8'


@pytest.mark.parametrize('data', [b'not a proto', b'\x0a\xff', b'\x42\x05\x08'])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match='not a NoteSequence'):
        piece.read(data)


def test_the_last_of_several_values_counts_and_unknown_fields_are_passed_over() -> None:
    note = b'\x08\x3c' + b'\xba\x06\x02ab' + b'\xbd\x06\0\0\0\0' + b'\x08\x40'
    sequence = music_pb2.NoteSequence.FromString(b'\x42' + bytes([len(note)]) + note)
    assert piece.of(sequence).notes.tolist() == rows(sequence)
    assert piece.read(b'\x42' + bytes([len(note)]) + note).notes['pitch'].tolist() == [0x40]
