"""MIDI files are read as they sound; where nothing is odd that is Magenta's reading, to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from midi_songs import END, RESOLUTIONS, SONGS, clean_songs, meta, midi, note, tempo, vlq

from solferino.models.music.reading import midi_events, midi_notes, midi_sounding, midi_walk, note_sequence_bytes
from solferino.models.music.reading.midi_events import InDoubt
from solferino.models.music.reading.remarks import TOO_LATE, Refused

HIT = bytes([0x99, 36, 100])
OFF = bytes([0x89, 36, 0])


def read(*tracks, **options):
    """The one piece of a file."""
    [music] = midi_notes.pieces(midi_events.read(midi(*tracks, **options)))
    return music


def written(music):
    return note_sequence_bytes.write(music, 'id', 'name', 'songs')


def magenta(content):
    return midi_notes.music(midi_events.read(content, magenta_reading=True), magenta_reading=True)


def spans(music):
    """Pitch, start and end of each note, in seconds."""
    return list(zip(music.notes.pitch.tolist(), music.notes.start.tolist(), music.notes.end.tolist(), strict=True))


def remarked(music):
    return {remark.what: remark.times for remark in music.remarks}


@given(clean_songs())
def test_both_readings_of_clean_files_agree(song):
    music = read(*song)
    assert written(music) == written(magenta(midi(*song)))
    assert not music.remarks


@given(SONGS, RESOLUTIONS)
def test_a_file_read_otherwise_than_by_magenta_is_said_to_be(song, resolution):
    content = midi(*song, resolution=resolution)
    try:
        music = midi_notes.music(midi_events.read(content))
    except (InDoubt, Refused):
        return
    said = any(remark.differs for remark in music.remarks)
    if midi_events.UNKNOWN_DELTAS in remarked(music):  # of which there need not be a consequence
        assert said
    else:
        assert said == (written(music) != written(magenta(content)))


@pytest.mark.parametrize('reading', [0, 1])
def test_tempo_metre_and_key_hold_on_any_track(reading):
    told = b'\x00' + tempo(60) + b'\x00' + meta(0x58, b'\x03\x02\x18\x08') + b'\x00' + meta(0x59, b'\x01\x00')
    tracks = [told + END, note(0, 60) + note(480, 60, on=False) + END]
    music = read(*tracks[::-1] if reading else tracks)
    assert spans(music) == [(60, 0, 1)]
    assert (music.metres, music.keys, music.tempos) == ([(0, 3, 4)], [(0, 7, 0)], [(0, 60)])
    assert len(music.remarks) == (3 if reading else 0)


def test_of_tempos_at_one_time_the_last_holds_and_of_metres_the_first_tracks():
    def track(qpm, beats):
        return vlq(480) + tempo(qpm) + b'\x00' + meta(0x58, bytes([beats, 2, 24, 8])) + END

    music = read(track(100, 3), track(60, 4), note(960, 60) + note(480, 60, on=False))
    assert [qpm for _, qpm in music.tempos] == pytest.approx([120, 60])
    assert music.metres == [(0.5, 3, 4)]
    assert spans(music) == [(60, 1.5, 2.5)]
    again = read(track(60, 3) + note(480, 60) + note(480, 60, on=False), track(60, 3))
    assert not again.remarks  # what is only said again says nothing


@pytest.mark.parametrize(
    'events, starts',
    [
        (b'\x00' + HIT + b'\x00' + OFF, [0]),  # ended at once
        (b'\x00' + HIT + b'\x00' + HIT[:2] + b'\0', [0]),
        (b'\x00' + HIT, [0]),  # never ended
        (b'\x00' + HIT + vlq(480) + HIT, [0, 0.5]),
        (b'\x00' + HIT + vlq(60) + HIT + vlq(420) + HIT, [0, 0.0625, 0.5]),
        (b'\x00' + HIT + vlq(480) + HIT + b'\x00' + OFF + vlq(10) + OFF, [0, 0.5]),
        (b'\x00' + HIT + b'\x00' + HIT, [0, 0]),
    ],
)
def test_a_drum_note_is_a_hit_whatever_its_length(events, starts):
    music = read(events + END)
    assert [start for _, start, _ in sorted(spans(music))] == starts
    for _, start, end in spans(music):
        assert end > start
        assert not [s for s in starts if start < s < end]  # it does not sound into the next one
    assert all(instrument.is_drum for instrument in music.instruments)


def test_a_hit_without_a_length_gets_a_sixteenth():
    assert spans(read(b'\x00' + HIT + END)) == [(36, 0, 0.125)]


@pytest.mark.parametrize('controller', [120, 123, 124, 127])
def test_controllers_end_notes(controller):
    music = read(note(0, 60) + note(240, 64) + vlq(240) + bytes([0xB0, controller, 0]) + note(480, 60, on=False) + END)
    assert spans(music) == [(60, 0, 0.5), (64, 0.25, 0.5)]
    other = read(note(0, 60) + vlq(240) + bytes([0xB1, controller, 0]) + note(480, 60, on=False) + END)
    assert spans(other) == [(60, 0, 0.75)]


def test_notes_without_an_end_or_a_length_are_left_out_and_counted():
    music = read(note(0, 60) + note(0, 62) + note(480, 62, on=False) + note(0, 64) + note(0, 64, on=False) + END)
    assert spans(music) == [(62, 0, 0.5)]
    assert remarked(music) == {midi_sounding.NEVER_ENDED: 1, midi_sounding.NO_LENGTH: 1}
    assert not any(remark.differs for remark in music.remarks)


def test_a_note_keeps_its_program():
    music = read(b'\x00\xc0\x05' + note(0, 60) + vlq(240) + b'\xc0\x09' + note(240, 60, on=False) + END)
    assert [instrument.program for instrument in music.instruments] == [5]
    together = read(note(0, 60) + b'\x00\xc0\x09' + note(240, 60, on=False) + END)  # as sequencers write it
    assert [instrument.program for instrument in together.instruments] == [9]


def test_the_time_of_unknown_events_passes():
    music = read(b'\x60' + meta(0x60, b'') + note(384, 60) + note(480, 60, on=False) + END)
    assert spans(music) == [(60, 0.5, 1)]


def test_patterns_of_format_2_are_pieces_of_their_own():
    played = note(0, 60) + note(480, 60, on=False) + END
    content = midi(
        b'\x00' + tempo(60) + played, END, b'\x00' + meta(3, b'B') + b'\x00' + tempo(30) + played, played, kind=2
    )
    pieces = midi_notes.pieces(midi_events.read(content))
    assert [spans(piece) for piece in pieces] == [[(60, 0, 1)], [(60, 0, 2)], [(60, 0, 1)]]
    assert [piece.instruments[0].name for piece in pieces] == ['', 'B', '']
    assert all(piece.remarks for piece in pieces)
    assert len(midi_notes.pieces(midi_events.read(midi(played, kind=2)))) == 1


def test_music_of_days_is_refused():
    with pytest.raises(Refused, match='93 hours') as refusal:
        read(note(0, 60) + note(670_000, 60, on=False) + END, resolution=1)
    assert refusal.value.reason == TOO_LATE


@pytest.mark.parametrize(
    'data, name',
    [
        (b'Piano', 'Piano'),
        ('Flöte'.encode(), 'Flöte'),
        ('Flöte'.encode('latin-1'), 'Flöte'),
        ('Trompète à pistons'.encode('latin-1'), 'Trompète à pistons'),
        ('ÜBUNG'.encode('latin-1'), 'ÜBUNG'),
        ('ピアノ'.encode(), 'ピアノ'),
        ('ピアノ'.encode('cp932'), 'ピアノ'),
        ('ピアノ (右手)'.encode('cp932'), 'ピアノ (右手)'),
        ('伴奏'.encode('cp932'), '伴奏'),
        ('ドラム1'.encode('cp932'), 'ドラム1'),
    ],
)
def test_names(data, name):
    assert midi_sounding.text(data) == name
    music = read(b'\x00' + meta(3, data) + note(0, 60) + note(9, 60, on=False) + END)
    assert music.instruments[0].name == name


@given(st.binary(max_size=12))
def test_any_name_is_text(data):
    assert bool(midi_sounding.text(data).encode()) == bool(data)


def test_real_music_differs_only_where_it_is_said(shared):
    counts = {}
    for folder in ('drums', 'melodies', 'chorales', 'piano', 'multitrack'):
        differ = 0
        for file in sorted((shared / 'data' / folder).rglob('*.mid')):
            music = midi_notes.music(midi_events.read(file.read_bytes()))
            said = any(remark.differs for remark in music.remarks)
            assert said == (written(music) != written(magenta(file.read_bytes()))), file
            differ += said
        counts[folder] = differ
    # Hits that an electronic kit ended at once; a program on another track; keys that LilyPond writes to other tracks.
    assert counts == {'drums': 69, 'melodies': 0, 'chorales': 1, 'piano': 79, 'multitrack': 0}


def _texts(kind, *said):
    """A text event a quarter."""
    return b''.join(vlq(480 if number else 0) + meta(kind, text.encode()) for number, text in enumerate(said))


QUARTER = note(0, 60) + note(480, 60, on=False)


@pytest.mark.parametrize('kind', [midi_events.TEXT, midi_events.LYRIC, midi_events.MARKER, midi_events.CUE])
@pytest.mark.parametrize('walk', [False, True])
def test_texts_that_are_chord_symbols_are_read(kind, walk):
    content = midi(_texts(kind, 'Dm7', 'Intro', 'G7/B ', 'N.C.', 'B♭Δ7') + END, QUARTER + END)
    [music] = midi_notes.pieces(midi_walk.read(content) if walk else midi_events.read(content))
    assert music.chords == [(0, 'Dm7'), (1, 'G7/B'), (2, 'B♭Δ7')]
    assert remarked(music) == {midi_sounding.CHORDS: 3}
    assert not magenta(content).chords
    assert written(music) != written(magenta(content)) == written(music._replace(chords=()))


@pytest.mark.parametrize(
    'said',
    [
        ('A', 'B', 'A', 'C'),  # rehearsal letters
        ('Am',),
        ('Am', 'C', 'and', 'the', 'moon'),
        ('Do', 're', 'mi', 'Fa'),
        ('Dm7 and what else there is to be said of it', 'Am', 'Words', 'G7 ' + 'long ' * 40),
        ('N.C.', '%', 'Am'),
        ('', 'Am', 'F', '', ' G7', ''),
    ],
)
def test_other_texts_are_no_chords(said):
    music = read(_texts(midi_events.MARKER, *said) + END, QUARTER)
    assert not music.chords and not music.remarks


def test_chords_stand_in_one_track_beside_the_words_of_another():
    words = _texts(midi_events.LYRIC, 'A', 'long', 'time', 'a', 'go')
    few = _texts(midi_events.MARKER, 'Am', 'D7')
    music = read(QUARTER + words + END, few + END, _texts(midi_events.TEXT, 'C', 'Em', 'F', 'G7'))
    assert [name for _, name in music.chords] == ['C', 'Em', 'F', 'G7']


def test_chords_follow_the_tempo_and_patterns_have_their_own():
    music = read(b'\x00' + tempo(60) + END, _texts(midi_events.MARKER, 'Am', 'F') + END, QUARTER)
    assert music.chords == [(0, 'Am'), (1, 'F')]
    tracks = [QUARTER + _texts(midi_events.TEXT, *names) + END for names in (('Am', 'F'), ('C', 'Gm'))]
    first, second = midi_notes.pieces(midi_events.read(midi(*tracks, kind=2)))
    assert [[name for _, name in one.chords] for one in (first, second)] == [['Am', 'F'], ['C', 'Gm']]
