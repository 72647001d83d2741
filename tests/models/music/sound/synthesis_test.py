"""Notes to sound."""

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.models.music.sound import synthesis
from solferino.models.music.sound.synthesis import SAMPLE_RATE

A4 = 69


def sequence(*notes: tuple, **fields) -> music_pb2.NoteSequence:
    """Of notes as (pitch, start, end, ...) in seconds."""
    made = music_pb2.NoteSequence()
    for pitch, start, end, *rest in notes:
        note = made.notes.add(pitch=pitch, start_time=start, end_time=end, velocity=100)
        for name, value in dict(rest).items():
            setattr(note, name, value)
        for name, value in fields.items():
            setattr(note, name, value)
    return made


def play(music: music_pb2.NoteSequence, soundfont: bytes) -> np.ndarray:
    return synthesis.synthesize(music, soundfont).frames


def frequency(frames: np.ndarray, start: float, end: float) -> float:
    """The strongest frequency in Hz between two moments."""
    wave = frames[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].mean(axis=1)
    size = 1 << 21
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), size))
    return float(np.fft.rfftfreq(size, 1 / SAMPLE_RATE)[spectrum.argmax()])


def cents(measured: float, wanted: float) -> float:
    return 1200 * np.log2(measured / wanted)


def level(frames: np.ndarray, start: float, end: float) -> float:
    return float(np.sqrt((frames[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] ** 2).mean()))


@pytest.mark.parametrize('pitch', [A4, 57, 60, 81])
def test_pitches_are_right_to_a_cent(soundfont: bytes, pitch: int) -> None:
    frames = play(sequence((pitch, 0, 4)), soundfont)
    assert abs(cents(frequency(frames, 0.2, 3.8), 440 * 2 ** ((pitch - A4) / 12))) < 1


def test_a_pitch_bend_and_its_range(soundfont: bytes) -> None:
    music = sequence((A4, 0, 4))
    music.pitch_bends.add(time=0, bend=4096)  # half of two semitones
    assert abs(cents(frequency(play(music, soundfont), 0.2, 3.8), 440) - 100) < 1


def test_it_lasts_until_the_last_note_has_died_away(soundfont: bytes, make_soundfont) -> None:
    music = sequence((A4, 0.5, 2))
    short, long = play(music, soundfont), play(music, make_soundfont(release=30.0))
    assert 2.05 < len(short) / SAMPLE_RATE < 4 < 10 < len(long) / SAMPLE_RATE
    assert short.dtype == np.float32 and short.shape[1] == 2
    assert level(short, 0, 0.49) < 1e-6 < 1e-2 < level(short, 0.6, 1.9)
    for frames in short, long:
        assert level(frames[-50:], 0, 1) < 2e-3 * level(frames, 0.6, 1.9)  # nothing is cut off


def test_drums_sound_where_they_are_hit_however_short_they_are(soundfont: bytes) -> None:
    places = 0.0, 0.5, 1.25, 1.5
    frames = play(sequence(*((38, place, place) for place in places), is_drum=True), soundfont)
    wave = np.abs(frames).max(axis=1)
    for place in places:
        at = round(place * SAMPLE_RATE)
        onset = at + np.argmax(wave[at:] > 0.3 * wave.max())
        assert onset - at < 0.005 * SAMPLE_RATE
        if place:
            assert wave[at - SAMPLE_RATE // 20 : at].max() < 0.1 * wave.max()


def test_pads_that_no_soundfont_knows_sound_as_their_kind_of_drum() -> None:
    from solferino.models.music.sound import soundfonts

    def hat(pitch: int) -> np.ndarray:
        return play(sequence((pitch, 0, 0.1), is_drum=True), soundfonts.read())

    assert np.array_equal(hat(22), hat(42)) and not np.array_equal(hat(42), hat(46))


def test_louder_notes_are_louder_and_the_pedal_holds_them(soundfont: bytes) -> None:
    quiet = sequence((A4, 0, 1))
    quiet.notes[0].velocity = 40
    assert level(play(quiet, soundfont), 0, 1) < 0.5 * level(play(sequence((A4, 0, 1)), soundfont), 0, 1)
    held = sequence((A4, 0, 1))
    held.control_changes.add(time=0.5, control_number=64, control_value=127)
    held.control_changes.add(time=2.0, control_number=64, control_value=0)
    frames = play(held, soundfont)
    assert level(frames, 1.6, 1.9) > 0.5 * level(frames, 0.3, 0.6) > 10 * level(frames, 2.6, 2.9)


def test_more_parts_than_midi_has_channels(soundfont: bytes) -> None:
    music = sequence(*((A4, 0.2 * n, 0.2 * n + 0.1, ('instrument', n)) for n in range(20)))
    frames = play(music, soundfont)
    assert all(level(frames, 0.2 * n + 0.02, 0.2 * n + 0.08) > 1e-2 for n in range(20))


def test_a_key_that_is_struck_while_it_sounds_is_let_go_first(soundfont: bytes) -> None:
    overlapping, apart = sequence((A4, 0, 3), (A4, 1, 2)), sequence((A4, 0, 1), (A4, 1, 2))
    assert np.array_equal(play(overlapping, soundfont), play(apart, soundfont))


def test_the_same_notes_give_the_same_samples(soundfont: bytes) -> None:
    music = sequence((A4, 0, 1), (60, 0, 1, ('instrument', 1)), (38, 0.5, 0.6, ('is_drum', True)))
    assert np.array_equal(play(music, soundfont), play(music, soundfont))


def test_programs_that_the_soundfont_lacks_are_named(soundfont: bytes) -> None:
    music = sequence((A4, 0, 1, ('program', 40)), (38, 0, 1, ('is_drum', True)))
    assert synthesis.synthesize(music, soundfont).missing == ['program 40']


@pytest.mark.parametrize(
    'notes, message',
    [((), 'no notes'), (((A4, 0, 4000),), '4,000 s'), (((A4, 0, 1, ('velocity', 0)),), 'no notes')],
)
def test_what_is_not_heard_is_an_error(soundfont: bytes, notes, message: str) -> None:
    with pytest.raises(synthesis.NotHeardError, match=message):
        play(sequence(*notes), soundfont)


def test_notes_without_a_sound_are_an_error(soundfont: bytes) -> None:
    music = sequence((A4, 0, 1))
    music.control_changes.add(time=0, control_number=7, control_value=0)  # the volume
    with pytest.raises(synthesis.NotHeardError, match='Nothing is heard'):
        play(music, soundfont)
