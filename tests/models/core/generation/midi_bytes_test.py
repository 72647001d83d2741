"""MIDI files of generated music are those of note-seq, byte for byte."""

import io
from pathlib import Path

import hypothesis
import mido
import pytest
from hypothesis import strategies as st
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models import write_midi
from solferino.models.core.generation import midi_files
from solferino.models.core.generation.midi_bytes import midi_bytes

TIMES = st.floats(0, 200, allow_subnormal=False) | st.integers(0, 400).map(lambda step: step * 60 / 97 / 4)
NOTES = st.lists(st.tuples(TIMES, TIMES, st.integers(0, 127), st.integers(1, 127)), max_size=30)
METRES = st.none() | st.tuples(st.integers(1, 32), st.sampled_from([1, 2, 4, 8, 16]))
VOICES = st.sampled_from([(0, 0, False), (0, 40, False), (9, 0, True), (0, 0, True), (3, 5, True)])


def _sequence(
    notes: list, qpm: float | None = None, metre: tuple | None = None, voice: tuple = (0, 0, False), ticks: int = 220
) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(ticks_per_quarter=ticks)
    if qpm:
        sequence.tempos.add(qpm=qpm)
    if metre:
        sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    instrument, program, is_drum = voice
    for start, duration, pitch, velocity in notes:
        times = {'start_time': start, 'end_time': start + duration}
        sequence.notes.add(
            pitch=pitch, velocity=velocity, instrument=instrument, program=program, is_drum=is_drum, **times
        )
    return sequence


def _by_note_seq(sequence: music_pb2.NoteSequence) -> bytes:
    file = io.BytesIO()
    midi_io.note_sequence_to_pretty_midi(sequence).write(file)
    return file.getvalue()


def _events(file: bytes) -> list[dict[str, dict[int, list]]]:
    """Of each track the events of each type at each tick, in their order."""
    tracks = []
    for track in mido.MidiFile(file=io.BytesIO(file)).tracks:
        tick, found = 0, {'note_off': {}}
        for message in track:
            tick += message.time
            is_off = message.type == 'note_on' and message.velocity == 0
            of_type = found.setdefault('note_off' if is_off else message.type, {})
            of_type.setdefault(tick, []).append(message.copy(time=0))
        tracks.append(found)
    return tracks


@hypothesis.given(NOTES, st.none() | st.floats(4, 400), METRES, VOICES, st.sampled_from([0, 1, 96, 220, 480, 9600]))
def test_one_voice(notes: list, qpm: float | None, metre: tuple | None, voice: tuple, ticks: int) -> None:
    sequence = _sequence(notes, qpm, metre, voice, ticks)
    ours, theirs = midi_bytes(sequence), _by_note_seq(sequence)
    assert _events(ours) == _events(theirs)
    # pretty_midi takes a track's name to be equal to any event at its tick, which is no order: whether a note off at
    # tick 0 comes before or after the name is chance, and from Python 3.13 on another than before. Ours come after it.
    assert ours == theirs or 0 in _events(ours)[-1]['note_off']


@pytest.mark.parametrize('instrument', [0, 3])
def test_an_instrument_of_several_programs_loses_no_notes(instrument: int) -> None:
    sequence = music_pb2.NoteSequence()
    for k, (program, is_drum) in enumerate([(65, False), (68, False), (0, True)]):
        sequence.MergeFrom(_sequence([(k, 1, 60 + k, 80)], voice=(instrument, program, is_drum)))
    sequence.notes.add(pitch=50, velocity=80, start_time=3, end_time=4, instrument=1, program=5)
    sequence.control_changes.add(control_number=64, control_value=127, program=65, instrument=instrument)
    before = sequence.SerializeToString(deterministic=True)
    read = midi_io.midi_to_note_sequence(midi_bytes(sequence))
    assert sorted((note.pitch, note.program, note.is_drum) for note in read.notes) == [
        (50, 5, False), (60, 65, False), (61, 68, False), (62, 0, True)
    ]  # fmt: skip
    assert [change.program for change in read.control_changes] == [65]
    assert sequence.SerializeToString(deterministic=True) == before


def test_a_note_of_no_length_at_the_beginning_comes_after_the_name() -> None:
    (*_, track) = mido.MidiFile(file=io.BytesIO(midi_bytes(_sequence([(0, 0, 60, 100)], voice=(9, 0, True))))).tracks
    assert [(m.type, getattr(m, 'velocity', None)) for m in track] == [
        ('track_name', None),
        ('program_change', None),
        ('note_on', 0),
        ('note_on', 100),
        ('end_of_track', None),
    ]


def test_a_long_rest() -> None:
    sequence = _sequence([(0, 1, 60, 100), (1e6, 1, 60, 100)])
    assert midi_bytes(sequence) == _by_note_seq(sequence)


def _with(**parts: dict) -> music_pb2.NoteSequence:
    sequence = _sequence([(0, 1, 60, 100), (1, 1, 62, 90)], qpm=100)
    for name, values in parts.items():
        getattr(sequence, name).add(**values)
    return sequence


@pytest.mark.parametrize(
    'sequence',
    [
        _with(notes={'pitch': 36, 'velocity': 80, 'end_time': 1, 'instrument': 9, 'is_drum': True}),
        _with(notes={'pitch': 36, 'velocity': 80, 'end_time': 1, 'instrument': 2, 'program': 33}),
        _with(tempos={'time': 1, 'qpm': 140}),
        _with(time_signatures={'time': 1, 'numerator': 3, 'denominator': 4}),
        _with(key_signatures={'time': 0, 'key': 2}),
        _with(pitch_bends={'time': 1, 'bend': 100}),
        _with(control_changes={'time': 1, 'control_number': 64, 'control_value': 127}),
        _with(instrument_infos={'instrument': 0, 'name': 'Flute'}),
    ],
)
def test_anything_else(sequence: music_pb2.NoteSequence) -> None:
    assert midi_bytes(sequence) == _by_note_seq(sequence)


@pytest.mark.parametrize('wrong', [(0, 1, 128, 100), (0, 1, 60, 128), (0, 1, -1, 100)])
def test_what_midi_does_not_have(wrong: tuple) -> None:
    with pytest.raises(ValueError):
        midi_bytes(_sequence([wrong]))


@pytest.mark.parametrize('qpm', [3.5, 1e8, 6.1e7, 1e300, float('inf'), float('nan'), -120.0])
@pytest.mark.parametrize('others', [0, 1])
def test_a_tempo_that_midi_cannot_hold_is_refused(qpm: float, others: int) -> None:
    sequence = _sequence([(0, 1, 60, 80)], qpm)
    for number in range(others):  # a change of tempo, which note-seq writes
        sequence.tempos.add(qpm=90, time=number + 1.0)
    with pytest.raises(ValueError, match=r'MIDI knows tempos from 3\.58 to 60,000,000'):
        midi_bytes(sequence)


@pytest.mark.parametrize('qpm', [3.58, 4, 6000, 5.9e7])
def test_the_extremes_are_written_as_they_are(qpm: float) -> None:
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(_sequence([], qpm))))
    (tempo,) = (message.tempo for message in file.tracks[0] if message.type == 'set_tempo')
    assert abs(tempo - 6e7 / qpm) <= 1


def test_too_slow_for_midi(tmp_path: Path) -> None:
    with pytest.raises(SolferinoError, match='3 quarters a minute'):
        midi_files.write_all([_sequence([], qpm=3)], tmp_path, 'slow')
    assert not list(tmp_path.iterdir())


def test_a_sequence_is_written_as_a_midi_file(tmp_path: Path) -> None:
    sequence, path = _sequence([(0, 1, 60, 100), (1, 0.5, 64, 90)]), tmp_path / 'new' / 'folder' / 'song.mid'
    write_midi(sequence, path)
    assert [(n.pitch, n.velocity) for n in midi_io.midi_file_to_note_sequence(str(path)).notes] == [(60, 100), (64, 90)]
    write_midi(sequence, str(path))  # writes over it
    assert path.read_bytes() == midi_bytes(sequence)
    with pytest.raises(SolferinoError, match=r'slow\.mid: .*3 quarters a minute'):
        write_midi(_sequence([], qpm=3), tmp_path / 'slow.mid')
    with pytest.raises(SolferinoError, match='cannot be written'):
        write_midi(sequence, path / 'song.mid')
    assert [file.name for file in tmp_path.iterdir()] == ['new']
