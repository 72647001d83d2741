"""A melody and chords found in music."""

from pathlib import Path

import pytest
from midi_songs import END, meta, midi, vlq
from midi_songs import note as strike
from note_seq.protobuf import music_pb2

from solferino.bin import generate
from solferino.models.music.jazz import lead_sheet
from solferino.models.music.pieces import piece

_QPM = 120
_CHORD_SYMBOL = music_pb2.NoteSequence.TextAnnotation.CHORD_SYMBOL


def _add(sequence: music_pb2.NoteSequence, start: float, quarters: float, pitch: int, instrument: int) -> None:
    begin, end = start * 60 / _QPM, (start + quarters) * 60 / _QPM
    sequence.notes.add(pitch=pitch, velocity=80, start_time=begin, end_time=end, instrument=instrument)
    sequence.total_time = max(sequence.total_time, end)


@pytest.fixture
def song() -> music_pb2.NoteSequence:
    """Four bars: a bass on track 0, chords in half bars on 1, a melody that rests for a bar on 2, drums."""
    sequence = music_pb2.NoteSequence(id='song')
    sequence.tempos.add(qpm=_QPM)
    sequence.time_signatures.add(numerator=4, denominator=4)
    chords = [(50, 53, 57, 60), (55, 59, 62, 65), (48, 52, 55, 59), (48, 52, 55, 59)] * 2
    for half, pitches in enumerate(chords):
        _add(sequence, half * 2, 2, pitches[0] - 12, 0)
        for pitch in pitches:
            _add(sequence, half * 2, 2, pitch, 1)
    for place, pitch in enumerate([72, 74, 76, 77, 79, 77, 76, 74]):
        _add(sequence, place + (4 if place > 3 else 0), 1, pitch, 2)
    sequence.notes.add(pitch=90, velocity=80, start_time=0, end_time=7, instrument=9, is_drum=True)
    return sequence


def test_melody_and_chords_are_found(song: music_pb2.NoteSequence) -> None:
    sheet = lead_sheet.read(piece.of(song))
    assert sheet is not None
    assert sheet.track == 2
    assert [note.pitch for note in sheet.notes] == [72, 74, 76, 77, 79, 77, 76, 74]
    assert [note[:2] for note in sheet.notes[3:5]] == [(36, 12), (96, 12)]
    assert [chord.name for chord in sheet.changes.chords] == ['Dm7', 'G7', 'Cmaj7', 'Cmaj7'] * 2
    assert sheet.changes.steps[:3] == (0, 24, 48)
    assert [line.begin for line in sheet.lines(0.5)] == [0, 96]
    assert [line.begin for line in sheet.lines(1.5)] == [0]


def test_named_tracks_are_taken(song: music_pb2.NoteSequence) -> None:
    bass = lead_sheet.read(piece.of(song), 0, (1,))
    assert bass is not None and bass.notes[0].pitch == 38
    top = lead_sheet.read(piece.of(song), 1)
    assert top is not None and top.notes[0].pitch == 60  # the highest of the chord
    for wrong in ((7, ()), (2, (1, 5))):
        with pytest.raises(KeyError):
            lead_sheet.read(piece.of(song), *wrong)


def test_tempos_change_nothing(song: music_pb2.NoteSequence) -> None:
    slowed = music_pb2.NoteSequence()
    slowed.CopyFrom(song)
    slowed.tempos.add(time=2.0, qpm=_QPM / 2)
    for note in slowed.notes:
        note.start_time, note.end_time = (t + max(0, t - 2) for t in (note.start_time, note.end_time))
    slowed.total_time = 14
    one, other = (lead_sheet.read(piece.of(music)) for music in (song, slowed))
    assert one is not None and other is not None
    assert (one.notes, one.changes) == (other.notes, other.changes)


def test_written_chords_are_taken(song: music_pb2.NoteSequence) -> None:
    for quarter, text in ((6, 'Bb7'), (12, 'N.C.'), (10, 'Em7b5/A')):
        song.text_annotations.add(time=quarter * 60 / _QPM, text=text, annotation_type=_CHORD_SYMBOL)
    song.text_annotations.add(time=0, text='C', annotation_type=music_pb2.NoteSequence.TextAnnotation.BEAT)
    sheet = lead_sheet.read(piece.of(song))
    assert sheet is not None
    found = [sheet.changes.at(quarter * 12).name for quarter in (0, 5, 6, 9, 10, 15)]
    assert found == ['Bb7', 'Bb7', 'Bb7', 'Bb7', 'Em7b5/A', 'Em7b5/A']
    assert set(sheet.bars[:-1].tolist()) <= set(sheet.changes.steps)  # struck in each bar


def test_chords_in_texts_of_a_midi_file_are_taken(tmp_path: Path) -> None:
    symbols = b''.join(vlq(960 if k else 0) + meta(0x06, name) for k, name in enumerate([b'Dm7', b'G7/B', b'C6']))
    line = b''.join(strike(0, 60 + k) + strike(240, 60 + k, on=False) for k in range(16))
    path = tmp_path / 'song.mid'
    path.write_bytes(midi(symbols + END, line + END))
    for magenta_reading, names in ((False, ['Dm7', 'G7/B', 'C6', 'C6']), (True, None)):
        sheet = lead_sheet.read(piece.of(generate.read_music('song', str(path), magenta_reading)))
        assert sheet is not None
        found = [sheet.changes.at(quarter * 12).name for quarter in (0, 2, 4, 7)]
        assert (found == names) == (not magenta_reading)


def test_touch_is_evened_out(song: music_pb2.NoteSequence) -> None:
    for note in song.notes:
        if note.instrument == 2:
            note.start_time += 0.01
            note.end_time -= 0.05
    sheet = lead_sheet.read(piece.of(song))
    assert sheet is not None
    assert [note[:2] for note in sheet.notes[:3]] == [(0, 12), (12, 12), (24, 12)]


def test_drums_alone_are_no_melody(song: music_pb2.NoteSequence) -> None:
    drums = [note for note in song.notes if note.is_drum]
    del song.notes[:]
    assert lead_sheet.read(piece.of(song)) is None
    song.notes.extend(drums)
    assert lead_sheet.read(piece.of(song)) is None


def test_the_voice_of_a_song_is_its_melody(shared: Path) -> None:
    for path in sorted((shared / 'data/multitrack').rglob('*.mid'))[8:11]:  # pianos that are busier than voices
        sheet = lead_sheet.read(piece.of(generate.read_music(path.name, str(path))))
        assert sheet is not None and sheet.track == 0


def test_the_chords_of_a_tune_are_those_above_its_staff(tmp_path: Path) -> None:
    tune = tmp_path / 'tune.abc'
    tune.write_text('X:1\nT:Tune\nM:4/4\nL:1/4\nK:C\n"Dm7"D F A c | "G7"B d B G | "Cmaj7"E4 | "C"z4 |\n')
    sheet = lead_sheet.read(piece.of(generate.read_music('tune', str(tune))))
    assert sheet is not None
    assert [chord.name for chord in sheet.changes.chords] == ['Dm7', 'G7', 'Cmaj7']  # bars go as far as notes do
    assert len(sheet.notes) == 9
