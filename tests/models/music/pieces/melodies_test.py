"""Melodies: how they are cut from music, and brought into a range and key and back."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq import melody_encoder_decoder
from note_seq.melodies_lib import Melody
from note_seq.protobuf import music_pb2

from solferino.hparams.reasons import FEW_PITCHES, MELODY_CUT_OFF, MELODY_TOO_SHORT, POLYPHONIC
from solferino.models.music.pieces import melodies, piece, sections
from solferino.models.music.pieces.melodies import Line, Range

BASIC, MONO = Range(48, 84, 0), Range(0, 128, None)
RANGES = st.sampled_from([BASIC, MONO, Range(48, 84, None), Range(60, 72, 7)])
EVENTS = st.lists(st.one_of(st.just(-2), st.just(-1), st.integers(0, 127)), max_size=40)

Notes = list[tuple[int, int, int]]  # first step, step after the last, pitch
SCALE = (60, 62, 64, 65, 67, 69, 71)


def quarters(first: int, last: int, step: int = 4) -> Notes:
    """A scale over and over, a note each `step` steps from `first` until `last`."""
    return [(k, k + step, SCALE[n % 7]) for n, k in enumerate(range(first, last, step))]


def section(*parts: Notes, metre: tuple[int, int] = (4, 4), is_drum: bool = False) -> sections.Section:
    """An instrument for each part, at 4 steps a quarter and 120 quarters a minute."""
    sequence = music_pb2.NoteSequence()
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    sequence.tempos.add(qpm=120)
    for instrument, notes in enumerate(parts):
        for start, end, pitch in notes:
            sequence.notes.add(
                pitch=pitch, velocity=90, start_time=start / 8, end_time=end / 8, instrument=instrument, is_drum=is_drum
            )
            sequence.total_time = max(sequence.total_time, end / 8)
    return sections.quantize(piece.of(sequence), 4)


def extract(*parts: Notes, metre: tuple[int, int] = (4, 4), **options) -> tuple[list[Line], Counter[str]]:
    reasons: Counter[str] = Counter()
    found = list(melodies.extract(section(*parts, metre=metre), lambda reason: reasons.update([reason]), **options))
    return found, reasons


def test_a_melody_is_its_notes_and_the_ends_of_notes() -> None:
    (melody,), reasons = extract([(0, 2, 60), (2, 3, 62), (6, 8, 64)], min_bars=0, min_unique_pitches=0)
    assert melody.events().tolist() == [60, -2, 62, -1, -2, -2, 64, -2]
    assert not reasons


def test_a_melody_begins_with_the_bar_of_its_first_note() -> None:
    (melody,), _ = extract(quarters(36, 200))
    assert melody.start_step == 32
    assert melody.events()[:5].tolist() == [-2, -2, -2, -2, 60]


def test_a_gap_ends_a_melody_and_the_next_begins_at_a_bar() -> None:
    found, reasons = extract(quarters(0, 128) + quarters(148, 280) + quarters(320, 340))
    assert [(melody.start_step, melody.length) for melody in found] == [(0, 128), (144, 136)]
    assert reasons == {MELODY_TOO_SHORT: 1}


@pytest.mark.parametrize('gap_bars, melodies_found', [(1.0, 2), (1.5, 1), (0.5, 2)])
def test_how_long_a_gap_is(gap_bars: float, melodies_found: int) -> None:
    found, _ = extract(quarters(0, 128) + quarters(144, 280), gap_bars=gap_bars)
    assert len(found) == melodies_found


@pytest.mark.parametrize('steps, is_kept', [(111, False), (112, True)])
def test_seven_bars_are_enough(steps: int, is_kept: bool) -> None:
    notes = [*quarters(0, 108), (108, steps, 60)]
    found, reasons = extract(notes)
    assert (len(found) == 1, reasons) == (is_kept, {} if is_kept else {MELODY_TOO_SHORT: 1})


def test_bars_are_those_of_the_metre() -> None:
    found, reasons = extract(quarters(0, 84), metre=(3, 4))  # 7 bars of 12 steps
    assert [melody.length for melody in found] == [84]
    assert not reasons


def test_an_instrument_with_several_notes_at_once_is_left_out_from_there_on() -> None:
    one = quarters(0, 128)
    two = [*quarters(0, 128), (160, 164, 60), (160, 164, 64)]
    found, reasons = extract(one, two)
    assert [(melody.start_step, melody.length) for melody in found] == [(0, 128), (0, 128)]
    assert reasons == {POLYPHONIC: 1}
    found, reasons = extract([*one, (0, 4, 72)], one)
    assert len(found) == 1
    assert reasons == {POLYPHONIC: 1}


def test_of_several_notes_the_highest_is_taken_on_request() -> None:
    (melody,), reasons = extract([*quarters(0, 128), (0, 4, 72), (8, 9, 40)], ignore_polyphonic_notes=True)
    assert melody.events()[[0, 8]].tolist() == [72, 64]
    assert not reasons


def test_a_note_ends_where_the_next_begins() -> None:
    (melody,), _ = extract([(0, 9, 60), (2, 4, 62)], min_bars=0, min_unique_pitches=0)
    assert melody.events().tolist() == [60, -2, 62, -2]


@pytest.mark.parametrize('pitches, is_kept', [((60, 62, 64, 65), False), ((60, 62, 64, 65, 67), True)])
def test_octaves_are_not_different_pitches(pitches: tuple[int, ...], is_kept: bool) -> None:
    found, reasons = extract([(4 * n, 4 * n + 4, pitches[n % len(pitches)] + 12 * (n % 3)) for n in range(40)])
    assert (len(found) == 1, reasons) == (is_kept, {} if is_kept else {FEW_PITCHES: 1})


def test_long_melodies_are_cut_off() -> None:
    (melody,), reasons = extract(quarters(0, 700))
    assert melody.length == 512
    assert reasons == {MELODY_CUT_OFF: 1}
    (melody,), reasons = extract(quarters(0, 700), max_steps=None)
    assert melody.length == 700
    assert not reasons


def test_drums_are_no_melody() -> None:
    assert not list(melodies.extract(section(quarters(0, 200), is_drum=True), lambda reason: None))


@given(EVENTS, RANGES)
def test_what_fits_is_what_note_seq_squashes(events: list[int], pitches: Range) -> None:
    theirs = Melody(events)
    before = np.array(theirs, np.int64)
    transposed = theirs.squash(pitches.min_note, pitches.max_note, pitches.key)
    ours = before.copy()
    fitted, semitones = pitches.fit(ours)
    assert (fitted.tolist(), semitones) == (list(theirs), transposed)
    np.testing.assert_array_equal(ours, before)  # the melody itself stays
    notes = before >= 0
    assert ((fitted[notes] >= pitches.min_note) & (fitted[notes] < pitches.max_note)).all()


@given(EVENTS, RANGES)
def test_classes_are_those_of_note_seq_and_decode_to_the_melody(events: list[int], pitches: Range) -> None:
    theirs = melody_encoder_decoder.MelodyOneHotEncoding(pitches.min_note, pitches.max_note)
    fitted, _ = pitches.fit(np.array(events, np.int64))
    classes = pitches.encode(fitted)
    assert classes.dtype == np.int32
    assert classes.tolist() == [theirs.encode_event(event) for event in fitted.tolist()]
    assert pitches.num_classes == theirs.num_classes
    assert pitches.decode(classes).tolist() == fitted.tolist()


@given(st.lists(st.integers(0, 37), max_size=40), st.integers(-12, 12))
def test_decoding_can_transpose(classes: list[int], semitones: int) -> None:
    events = BASIC.decode(np.array(classes, np.int32), semitones)
    expected = [c - 2 if c < 2 else c - 2 + 48 + semitones for c in classes]
    assert events.tolist() == expected  # 48 to 83 and an octave are all pitches of MIDI


@given(st.lists(st.integers(2, 129), min_size=1, max_size=20), st.integers(-60, 60))
def test_decoded_notes_are_pitches_of_midi(classes: list[int], semitones: int) -> None:
    events = MONO.decode(np.array(classes, np.int32), semitones)
    assert all(0 <= event <= 127 for event in events)
    assert all((event - (c - 2) - semitones) % 12 == 0 for event, c in zip(events, classes, strict=True))


def test_note_offs_before_the_first_note_are_kept() -> None:
    """What is generated may end a note of the primer."""
    assert BASIC.decode(np.array([0, 1, 2], np.int32)).tolist() == [-2, -1, 48]


@pytest.mark.parametrize('semitones', range(-6, 7))
def test_all_keys_become_c(semitones: int) -> None:
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72]) + semitones
    fitted, transposed = BASIC.fit(scale)
    assert (fitted % 12).tolist() == [0, 2, 4, 5, 7, 9, 11, 0]
    assert (transposed + semitones) % 12 == 0
    _, untouched = Range(48, 84, None).fit(scale)
    assert untouched == 0


@given(EVENTS, st.integers(-12, 12), RANGES)
def test_transposed_copies_are_those_of_note_seq(events: list[int], semitones: int, pitches: Range) -> None:
    theirs = Melody(events)
    moved = pitches.transpose(np.array(theirs, np.int64), semitones)
    theirs.transpose(semitones, pitches.min_note, pitches.max_note)
    assert moved.tolist() == list(theirs)
