"""In Magenta's reading MIDI files become the very bytes that note-seq and protobuf make of them, or are in doubt."""

import struct
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from midi_songs import END, RESOLUTIONS, SONGS, meta, midi, note, vlq
from note_seq import midi_io

from solferino.models.music.reading import midi_events, midi_notes, note_sequence_bytes
from solferino.models.music.reading.midi_events import InDoubt

IDENTITY = {'id': '/id/midi/songs/0', 'filename': 'Café.mid', 'collection_name': 'songs'}


def ours(content):
    music = midi_notes.music(midi_events.read(content, magenta_reading=True), magenta_reading=True)
    return note_sequence_bytes.write(music, *IDENTITY.values())


def theirs(content):
    with warnings.catch_warnings(action='ignore'):
        sequence = midi_io.midi_to_note_sequence(content)
    for field, value in IDENTITY.items():
        setattr(sequence, field, value)
    return sequence.SerializeToString(deterministic=True)


@given(SONGS, RESOLUTIONS, st.integers(0, 3), st.sampled_from([b'', b'junk']))
def test_music_is_that_of_note_seq(song, resolution, kind, after):
    content = midi(*song, resolution=resolution, kind=kind) + after
    assert ours(content) == theirs(content)


@given(
    SONGS, st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 2), st.binary(max_size=2)), max_size=3), st.data()
)
def test_no_damaged_file_is_misread(song, wounds, data):
    """Bytes are replaced, lost and added, inside of tracks whose sizes still are right, or anywhere."""

    def damaged(content):
        for place, lost, new in wounds:
            place %= len(content) + 1
            content = content[:place] + new + content[place + lost :]
        return content

    inside = data.draw(st.booleans())
    content = midi(damaged(song[0]), *song[1:]) if inside else damaged(midi(*song))
    try:
        result = ours(content)
    except InDoubt:
        return
    assert result == theirs(content)


@pytest.mark.parametrize(
    'events',
    [
        note(0, 60) + note(10, 60) + note(10, 60, on=False),  # one note-off for two notes
        note(5, 60) + note(0, 60, on=False),  # a note without a length
        note(0, 60) + note(9, 60) + note(0, 60, on=False) + note(9, 60, on=False),  # struck again before it is ended
        note(0, 60) + note(9, 60) + note(0, 60, on=False) + note(0, 60, on=False) + note(9, 60, on=False),
        note(9, 60, on=False) + note(0, 60),  # neither of them a note
        b'\x00\xb0\x07\x40' + note(0, 60) + b'\x05\xc0\x05' + note(5, 60, on=False) + b'\x00\xb0\x07\x41',
        # Two programs share the controls from before both.
        b'\x00\xb0\x07\x40'
        + note(0, 60)
        + note(5, 60, on=False)
        + b'\x00\xc0\x05'
        + note(0, 60)
        + note(5, 60, on=False),
        b'\x00\xc0\x05\x00\x06\x00\x07' + note(0, 60) + b'\x00\xd0\x05\x00\x06' + note(9, 60, on=False),  # they run
        note(0, 60) + b'\x7f\xff\x60\x01\x00' + note(5, 60, on=False),  # an unknown event's time
    ],
)
def test_what_is_easily_got_wrong(events):
    assert ours(midi(events + END)) == theirs(midi(events + END))


def test_all_keys():
    keys = b''.join(
        b'\x01' + meta(0x59, struct.pack('bb', sharps, minor)) for sharps in range(-7, 8) for minor in (0, 1)
    )
    assert ours(midi(keys)) == theirs(midi(keys))


def test_more_than_128_instruments():
    programs = b''.join(
        b'\x00\xc0' + bytes([p]) + note(0, p) + note(5, p, on=False) + b'\x00\xe0\x00\x00' for p in range(70)
    )
    assert ours(midi(programs, programs, programs)) == theirs(midi(programs, programs, programs))


@pytest.mark.parametrize(
    'content, doubt',
    [
        (b'Dear Sir or Madam', 'no header'),
        (midi(), 'no tracks'),
        (midi(END, resolution=0), 'no ticks per quarter'),
        (midi(END, resolution=0x10000 - 25 * 256 + 40), 'no ticks per quarter'),
        (midi(END)[:-8], 'missing tracks'),
        (midi(END)[:-1], 'unknown or cut chunk'),
        (midi(END).replace(b'MTrk', b'Junk'), 'unknown or cut chunk'),
        (midi(b''), 'track without events'),
        (midi(END + b'\x00\x90\x3c'), 'events across the end of a track'),
        (midi(b'\x00\xff\x01\x09text', END), 'events across the end of a track'),
        (midi(b'\x00\xff\x01\x09text'), 'events across the end of a track'),
        (midi(b'\x00\x3c\x40'), 'running status that cannot run'),
        (midi(note(0, 60), b'\x00\x3c\x00'), 'running status that cannot run'),
        (midi(b'\x00\xf0\x01\xf7\x00\x3c\x40'), 'running status that cannot run'),
        (midi(b'\x00\x90\x3c\x80'), 'data bytes out of range'),
        (midi(b'\x00\xf0\x02\x80\xf7'), 'system exclusive data out of range'),
        (midi(b'\x00\xf6' + END), 'system messages'),
        (midi(5 * b'\x80' + b'\x00\x00'), 'delta times of more than four bytes'),
        (midi(b'\x00\xff\x01' + 4 * b'\x80' + b'\x00\x90\x3c\x40'), 'lengths of more than four bytes'),
        (midi(b'\x00' + meta(0x51, bytes(3))), 'unusual meta events'),
        (midi(b'\x00' + meta(0x58, b'\x00\x02\x18\x08')), 'unusual meta events'),
        (midi(b'\x00' + meta(0x59, b'\x08\x00')), 'unusual meta events'),
        (midi(vlq(midi_events.MAX_TICK) + END[1:]), 'many ticks'),
        (midi(END) + bytes(midi_events.MAX_BYTES), 'many bytes'),
    ],
)
def test_doubts(content, doubt):
    with pytest.raises(InDoubt, match=doubt):
        midi_events.read(content)


@pytest.mark.parametrize('folder', ['drums', 'melodies', 'chorales', 'piano', 'multitrack', 'reference_magenta'])
def test_real_music_is_never_in_doubt(shared, folder):
    files = sorted((shared / 'data' / folder).rglob('*.mid'))
    assert files
    for file in files:
        content = file.read_bytes()
        assert ours(content) == theirs(content), file


@pytest.mark.parametrize('folder', ['data/malformed', 'golden'])
def test_odd_files_are_read_right_or_in_doubt(shared, folder):
    files = sorted(path for path in (shared / folder).rglob('*') if path.suffix.lower() in ('.mid', '.midi'))
    read = 0
    for file in files:
        content = file.read_bytes()
        try:
            result = ours(content)
        except InDoubt:
            continue
        assert result == theirs(content), file
        read += 1
    assert read > len(files) / 3
