"""Files in doubt are read event by event: what is broken or not needed is passed over and counted, not the file."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from midi_songs import DELTA, END, EVENTS, RESOLUTIONS, SONGS, chunk, meta, midi, note, tempo, vlq

from solferino.models.music.reading import midi_events, midi_notes, midi_walk, note_sequence_bytes
from solferino.models.music.reading.midi_events import InDoubt
from solferino.models.music.reading.remarks import DAMAGED, NO_TRACKS, NOT_MIDI, Refused

PLAYED = note(0, 60) + note(480, 60, on=False)
SONG = midi(b'\x00' + tempo(120) + END, PLAYED + END)


def pieces(events):
    """What is read, in bytes, and what is remarked on; or why it is refused."""
    try:
        found = midi_notes.pieces(events)
    except Refused as refusal:
        return str(refusal)
    return [(note_sequence_bytes.write(piece, 'id', 'name', 'songs'), set(piece.remarks)) for piece in found]


def read(content):
    """Pitch, start and end of the notes, and what is remarked on."""
    events = midi_walk.read(content)
    [music] = midi_notes.pieces(events)
    notes = zip(music.notes.pitch.tolist(), music.notes.start.tolist(), music.notes.end.tolist(), strict=True)
    return list(notes), {remark.what: remark.times for remark in music.remarks}


@given(SONGS, RESOLUTIONS, st.integers(0, 3))
def test_what_is_not_in_doubt_is_read_the_same(song, resolution, kind):
    content = midi(*song, resolution=resolution, kind=kind)
    try:
        events = midi_events.read(content)
    except InDoubt:
        return
    assert pieces(midi_walk.read(content)) == pieces(events)


def test_real_music_is_read_the_same(shared):
    for folder in ('drums', 'piano', 'multitrack'):
        for file in sorted((shared / 'data' / folder).rglob('*.mid'))[::7]:
            content = file.read_bytes()
            assert pieces(midi_walk.read(content)) == pieces(midi_events.read(content)), file


# Events that nobody needs, and words for what is said of them.
JUNK = {
    meta(0x59, b'\x12\x00'): 'odd key signatures',
    meta(0x59, b'\x00\xff'): 'odd key signatures',
    meta(0x59, b'\x00'): 'odd key signatures',
    meta(0x58, b'\x04\x40\x18\x08'): 'odd time signatures',
    meta(0x58, b'\x00\x02\x18\x08'): 'odd time signatures',
    meta(0x58, b'\x04\x02'): 'odd time signatures',
    meta(0x51, b'\x07\xa1'): 'odd tempos',
    meta(0x51, b'\x00\x00\x00'): 'odd tempos',
    meta(0x54, b'\x00'): 'other odd meta events',
    meta(0x70, b'anything'): '',
    b'\xf0\x03\x43\x90\xf7': 'odd system exclusive messages',
    b'\xf1\x00': 'system messages',
    b'\xf2\x00\x00': 'system messages',
    b'\xf6': 'system messages',
    b'\xf8': 'system messages',
    b'\xf4': 'undefined messages',
    b'\xfd': 'undefined messages',
    b'\x91\x3c\xbc': 'broken events',
    b'\xc1\x80': 'broken events',
}
CHANNEL_EVENTS = EVENTS.filter(lambda event: event[0] < 0xF0)


@given(st.data(), st.lists(st.tuples(DELTA, CHANNEL_EVENTS), min_size=1, max_size=20))
def test_junk_between_events_changes_no_note(data, events):
    clean = b''.join(delta + event for delta, event in events) + END
    place = data.draw(st.integers(0, len(events)))
    junk = data.draw(st.sampled_from(sorted(JUNK)))
    parts = [delta + event for delta, event in events]
    dirty = b''.join([*parts[:place], b'\x00', junk, *parts[place:]]) + END
    expected, remarks = read(midi(clean))
    notes, more = read(midi(dirty))
    assert notes == expected
    [said] = set(more) - set(remarks) or ['']
    assert said.startswith(JUNK[junk])


def test_statuses_run_on_across_what_interrupts_them():
    for junk in (b'\xf0\x01\xf7', b'\xf6', meta(0x59, b'\x12\x00')):
        notes, _ = read(midi(note(0, 60) + b'\x00' + junk + vlq(480) + b'\x3c\x00' + END))
        assert notes == [(60, 0, 0.5)]


@given(SONGS, st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 2), st.binary(max_size=2)), max_size=4))
def test_no_damage_is_an_error_of_ours(song, wounds):
    content = midi(*song)
    for place, lost, new in wounds:
        place %= len(content) + 1
        content = content[:place] + new + content[place + lost :]
    try:
        pieces(midi_walk.read(content))
    except Refused as refusal:
        assert refusal.detail


@pytest.mark.parametrize('cut', range(1, len(SONG)))
def test_of_a_cut_file_what_is_there_is_read(cut):
    content = SONG[:-cut]
    try:
        notes, remarks = read(content)
    except Refused:
        assert cut > len(PLAYED + END) + 4
        return
    assert notes == ([(60, 0, 0.5)] if cut <= len(END) else [])
    assert remarks


@pytest.mark.parametrize(
    'content, said',
    [
        (SONG.replace(b'\x00\x02', b'\x00\x01', 1), 'tracks read beyond'),
        (SONG.replace(b'\x00\x02', b'\x00\x00', 1), 'tracks read beyond'),
        (SONG.replace(b'\x00\x02', b'\x00\x05', 1), 'tracks missing'),
        (SONG.replace(b'MTrk', b'Xtra\x00\x00\x00\x04MTrkMTrk', 1), 'unknown chunks'),
        (SONG + b'Xtra\x00\x00\x00\x02ab', ''),
        (SONG.replace(chunk(PLAYED + END), chunk(PLAYED + END + b'\x00\x00\x00')), ''),
        (SONG.replace(chunk(PLAYED + END), chunk(PLAYED + END + b'\xff\xff\xff\xff\xff\xff')), 'ends of tracks'),
        (SONG.replace(b'/\x00MTrk', b'/\x00\x00\x85\x01MTrk', 1), 'ends of tracks'),
        (SONG.replace(chunk(PLAYED + END), b'MTrk' + bytes(4) + PLAYED + END), 'lengths of tracks'),
        (SONG.replace(chunk(PLAYED + END), b'MTrk' + 4 * b'\xff' + PLAYED + END), 'lengths of tracks'),
        (b'junk' + SONG, 'bytes before the header'),
        (b'RIFF' + struct.pack('<I', 12 + len(SONG)) + b'RMIDdata' + struct.pack('<I', len(SONG)) + SONG, 'RIFF'),
        (SONG.replace(b'\x00\x00\x00\x06\x00\x01\x00\x02\x01\xe0', b'\x00\x00\x00\x08\x00\x01\x00\x02\x01\xe0ab'), ''),
    ],
)
def test_headers_and_lengths_may_be_wrong(content, said):
    notes, remarks = read(content)
    assert notes == [(60, 0, 0.5)]
    assert [what for what in remarks if what.startswith(said)] if said else not remarks


@pytest.mark.parametrize('frames, ticks, seconds', [(24, 100, 0.2), (25, 40, 0.48), (29, 100, 0.16016), (30, 80, 0.2)])
def test_smpte_time_does_not_depend_on_the_tempo(frames, ticks, seconds):
    division = 0x10000 - frames * 256 + ticks
    content = midi(b'\x00' + tempo(60) + PLAYED + END)
    content = content[:12] + struct.pack('>H', division) + content[14:]
    music = midi_notes.music(midi_walk.read(content))
    assert music.notes.end.tolist() == pytest.approx([seconds])
    assert music.tempos == [(0, 60)]  # of which the beats are
    assert music.resolution == round(480 / seconds / 2)


@pytest.mark.parametrize(
    'content, reason, detail',
    [
        (b'Dear Sir or Madam', NOT_MIDI, 'no MThd'),
        (b'\x1f\x8b' + bytes(20), NOT_MIDI, 'gzip'),
        (b'PK\x03\x04' + bytes(20), NOT_MIDI, 'ZIP'),
        (midi(), NO_TRACKS, 'no track'),
        (SONG[:10], DAMAGED, 'ends in its header'),
        (SONG[:14], DAMAGED, 'counts 2 tracks, and none is there'),
        (midi(PLAYED, resolution=0), DAMAGED, '0 ticks'),
        (midi(PLAYED, resolution=0x10000 - 40 * 256 + 4), DAMAGED, '40 frames'),
        (midi(PLAYED, resolution=0x10000 - 25 * 256), DAMAGED, 'a frame 0 ticks'),
        (b'MThd\x00\x00\x00\x02\x00\x00' + chunk(PLAYED), DAMAGED, 'header has 2 bytes'),
        (midi(5 * b'\xff' + b'\x7f' + PLAYED), DAMAGED, 'delta time'),
        (midi(100_000 * b'\xff' + b'\x7f' + PLAYED), DAMAGED, 'delta time'),  # more digits than Python writes
        (midi(b'\x00\x90\x90\x90' * 10 + PLAYED), DAMAGED, '10 events are broken'),
        (midi(b'\xff\xff\xff\x7f\xb0\x00\x00' * 4200 + PLAYED), 'longer than a day', 'tick 1,127'),
    ],
)
def test_refusals_are_true_of_the_file(content, reason, detail):
    with pytest.raises(Refused, match=detail) as refusal:
        midi_walk.read(content)
    assert refusal.value.reason == reason


def test_damages_in_words():
    assert midi_walk.damages(midi_walk.read(SONG[:-1])) == '1 track cut short, read up to there'
    assert not midi_walk.damages(midi_walk.read(b'junk' + SONG))


def test_escaped_bytes_are_no_damage():
    """After F7 there may be any bytes (Standard MIDI Files 1.0): a song's start here."""
    events = midi_walk.read(midi(b'\x00\xf7\x01\xfa' + PLAYED + END))
    assert [remark.what for remark in events.remarks] == ['escaped messages passed over']
    assert not midi_walk.damages(events)
