"""Drum tracks and their classes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.drums_encoder_decoder import MultiDrumOneHotEncoding
from note_seq.drums_lib import DrumTrack
from note_seq.protobuf import music_pb2

from solferino.hparams.reasons import BAD_METRE, CUT_OFF, ODD_METRE, TOO_SHORT
from solferino.models.music.pieces import drums, piece, sections
from solferino.models.music.pieces.drums import Hits

EVENTS = st.lists(st.frozensets(st.integers(0, 127), max_size=6), max_size=30)


@given(EVENTS)
def test_classes_are_those_of_note_seq(events: list[frozenset[int]]) -> None:
    theirs = MultiDrumOneHotEncoding()
    assert drums.DRUM_KIT.encode(Hits.of(events)).tolist() == [theirs.encode_event(event) for event in events]
    assert drums.DRUM_KIT.num_classes == theirs.num_classes
    classes = drums.DRUM_KIT.encode(Hits.of(events))
    assert drums.DRUM_KIT.decode(classes) == [theirs.decode_event(c) for c in classes]


@given(EVENTS)
def test_hits_are_the_events(events: list[frozenset[int]]) -> None:
    assert Hits.of(events).events() == events
    assert Hits.of(events).cut(len(events) // 2).events() == events[: len(events) // 2]


@given(st.lists(st.integers(0, 511)))
def test_decoding_is_undone_by_encoding(classes: list[int]) -> None:
    assert drums.DRUM_KIT.encode(Hits.of(drums.DRUM_KIT.decode(classes))).tolist() == classes


@given(EVENTS)
def test_any_drum_is_a_hit_or_none(events: list[frozenset[int]]) -> None:
    assert drums.ANY_DRUM.encode(Hits.of(events)).tolist() == [int(bool(event)) for event in events]


@given(EVENTS, st.integers(0, 32), st.sampled_from([2, 4]), st.floats(20, 300), st.floats(0, 100))
def test_notes_are_those_of_note_seq(
    events: list[frozenset[int]], start_step: int, steps_per_quarter: int, qpm: float, start_time: float
) -> None:
    track = DrumTrack(events, start_step=start_step, steps_per_quarter=steps_per_quarter)
    ours = drums.to_sequence(track, qpm, start_time)
    assert ours == track.to_sequence(qpm=qpm, sequence_start_time=start_time)


def _section(starts: list[int], metre: tuple[int, int] = (4, 4)) -> sections.Section:
    """A drum hit at each of the steps `starts`, at 4 steps a quarter and 120 quarters a minute."""
    sequence = music_pb2.NoteSequence(total_time=(max(starts) + 1) * 0.125)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    sequence.tempos.add(qpm=120)
    for start in starts:
        sequence.notes.add(pitch=36, velocity=90, is_drum=True, start_time=start * 0.125, end_time=(start + 1) * 0.125)
    return sections.quantize(piece.of(sequence), 4)


def test_a_gap_splits_and_short_tracks_are_left_out() -> None:
    reasons: Counter[str] = Counter()
    starts = [*range(0, 113, 4), 160, *range(200, 400, 2)]
    tracks = list(drums.extract(_section(starts), lambda reason: reasons.update([reason])))
    assert [(t.start_step, t.length) for t in tracks] == [(0, 113), (192, 207)]
    assert reasons == {TOO_SHORT: 1}


def test_long_tracks_are_cut_off() -> None:
    reasons: Counter[str] = Counter()
    (track,) = drums.extract(_section(list(range(600))), lambda reason: reasons.update([reason]))
    assert track.length == 512
    assert reasons == {CUT_OFF: 1}


@pytest.mark.parametrize(
    'metre, steps_per_quarter, reason', [((7, 16), 2, ODD_METRE), ((4, 3), 4, BAD_METRE), ((0, 4), 4, BAD_METRE)]
)
def test_metres_that_do_not_fit_are_left_out(metre: tuple[int, int], steps_per_quarter: int, reason: str) -> None:
    sequence = music_pb2.NoteSequence(total_time=4)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    sequence.notes.add(pitch=36, velocity=90, is_drum=True, start_time=0, end_time=1)
    reasons: Counter[str] = Counter()
    music = piece.of(sequence)
    assert list(sections.quantized_sections(music, steps_per_quarter, lambda r: reasons.update([r]))) == []
    assert reasons == {reason: 1}
    with pytest.raises(ValueError):
        sections.quantize(music, steps_per_quarter)
