"""A note sounds with the program of its channel, wherever that is said."""

import numpy as np
from midi_songs import END, meta, midi, note, vlq

from solferino.models.music.reading import midi_events, midi_notes, midi_walk

PLAYED = note(0, 60) + note(480, 60, on=False)


def played(*tracks):
    """Program and start of each note, in both of our readers; and remarks."""
    content = midi(*tracks)
    found = [midi_notes.music(reader(content)) for reader in (midi_events.read, midi_walk.read)]
    notes = [
        [
            (music.instruments[i].program, start)
            for i, start in zip(music.notes.instrument, music.notes.start, strict=True)
        ]
        for music in found
    ]
    assert notes[0] == notes[1]
    assert found[0].remarks == found[1].remarks
    return notes[0], {remark.what: remark.times for remark in found[0].remarks}


def test_a_program_on_another_track_holds_where_there_is_none():
    setup = b'\x00\xc0\x05\x00\xc1\x06' + vlq(480) + b'\xc0\x07' + END
    own = b'\x00\xc1\x09' + note(0, 60, channel=1) + note(480, 60, on=False, channel=1) + END
    notes, remarks = played(setup, PLAYED + PLAYED + END, own)
    assert sorted(notes) == [(5, 0), (7, 0.5), (9, 0)]
    assert remarks['notes whose program is on another track'] == 2
    backwards, _ = played(PLAYED + PLAYED + END, setup)
    assert sorted(backwards) == [(5, 0), (7, 0.5)]


def test_channels_of_several_ports_are_not_the_same():
    port = b'\x00' + meta(0x21, b'\x01')
    assert played(b'\x00\xc0\x05' + END, port + PLAYED + END) == ([(0, 0)], {})


def test_controls_go_along():
    track = b'\x00\xb0\x40\x7f' + PLAYED + b'\x00\xb0\x40\x00' + PLAYED + END
    music = midi_notes.music(midi_events.read(midi(b'\x00\xc0\x05' + END, track)))
    assert [instrument.program for instrument in music.instruments] == [5]
    assert np.array_equal(music.controls.value, [127, 0])
