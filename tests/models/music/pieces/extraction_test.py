"""Examples are those that note_seq's own functions cut, for real music and for music made to be difficult.

The oracle is note_seq: it splits, quantizes and walks through the notes. What it finds is compared with what
`Family.examples` does.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq import (
    drums_encoder_decoder,
    drums_lib,
    melodies_lib,
    melody_encoder_decoder,
    sequences_lib,
)
from note_seq.protobuf import music_pb2

from solferino.hparams import reasons
from solferino.hparams.drums_rnn import DrumConfig
from solferino.hparams.melody_rnn import MelodyConfig
from solferino.hparams.reasons import Reject
from solferino.models import registry
from solferino.models.music.pieces import piece, sections
from solferino.pipelines import parsing

NoteSequence = music_pb2.NoteSequence


def sections_of(sequence: NoteSequence, steps_per_quarter: int, reject: Reject) -> Iterator[NoteSequence]:
    for section in sequences_lib.split_note_sequence_on_time_changes(sequence):
        try:
            quantized = sequences_lib.quantize_note_sequence(section, steps_per_quarter)
        except sequences_lib.BadTimeSignatureError:
            reject(reasons.BAD_METRE)
        except sequences_lib.NegativeTimeError:
            reject(reasons.NEGATIVE_TIME)
        else:
            if sequences_lib.steps_per_bar_in_quantized_sequence(quantized) % 1:
                reject(reasons.ODD_METRE)
            else:
                yield quantized


def bare(sequence: NoteSequence, drums_alone: bool = False) -> NoteSequence:
    """What extraction looks at: notes, tempos and metres."""
    copy = NoteSequence(
        total_time=sequence.total_time, tempos=sequence.tempos, time_signatures=sequence.time_signatures
    )
    copy.notes.extend(note for note in sequence.notes if note.is_drum or not drums_alone)
    return copy


def drum_classes(sequence: NoteSequence, config: DrumConfig, reject: Reject) -> Iterator[list[int]]:
    """As Magenta's pipeline: DrumTrack after DrumTrack."""
    chosen = config.extraction
    kinds = {'kit': None, 'any': [[39, *(pitch for pitch in range(128) if pitch != 39)]]}[config.drum_classes]
    encoding = (
        drums_encoder_decoder.MultiDrumOneHotEncoding(kinds)
        if kinds
        else (drums_encoder_decoder.MultiDrumOneHotEncoding())
    )
    drums = bare(sequence, not chosen.ignore_is_drum)
    if not drums.notes:
        reject(reasons.NO_DRUMS)
        return
    for section in sections_of(drums, config.steps_per_quarter, reject):
        search_from = 0
        while True:
            track = drums_lib.DrumTrack()
            track.from_quantized_sequence(section, search_from, chosen.gap_bars, ignore_is_drum=chosen.ignore_is_drum)
            if not len(track):
                break
            search_from = track.end_step + (search_from - track.end_step) % track.steps_per_bar
            if len(track) < chosen.min_bars * track.steps_per_bar:
                reject(reasons.TOO_SHORT)
                continue
            if len(track) > chosen.max_steps:
                reject(reasons.CUT_OFF)
                track.set_length(chosen.max_steps)
            yield [encoding.encode_event(event) for event in track]


def melody_classes(sequence: NoteSequence, config: MelodyConfig, reject: Reject) -> Iterator[list[int]]:
    """As Magenta's pipeline: Melody after Melody of each instrument, squashed, transposed."""
    chosen = config.extraction
    encoding = melody_encoder_decoder.MelodyOneHotEncoding(config.min_note, config.max_note)
    if all(note.is_drum for note in sequence.notes):
        reject(reasons.NO_MELODY)
        return
    for section in sections_of(bare(sequence), config.steps_per_quarter, reject):
        for instrument in sorted({note.instrument for note in section.notes if not note.is_drum}):
            for melody in melodies_of(section, instrument, config, reject):
                melody.squash(config.min_note, config.max_note, config.transpose_to_key)
                for semitones in chosen.semitones:
                    moved = melodies_lib.Melody(list(melody))
                    moved.transpose(semitones, config.min_note, config.max_note)
                    yield [encoding.encode_event(event) for event in moved]


def melodies_of(
    section: NoteSequence, instrument: int, config: MelodyConfig, reject: Reject
) -> Iterator[melodies_lib.Melody]:
    chosen = config.extraction
    search_from = 0
    while True:
        melody = melodies_lib.Melody()
        try:
            melody.from_quantized_sequence(
                section, search_from, instrument, chosen.gap_bars, chosen.ignore_polyphonic_notes
            )
        except melodies_lib.PolyphonicMelodyError:
            reject(reasons.POLYPHONIC)
            return
        if not len(melody):
            return
        search_from = melody.end_step + -melody.end_step % melody.steps_per_bar
        if len(melody) < chosen.min_bars * melody.steps_per_bar:
            reject(reasons.MELODY_TOO_SHORT)
            continue
        if len(melody) > chosen.max_steps:
            reject(reasons.MELODY_CUT_OFF)
            melody.set_length(chosen.max_steps)
        if np.count_nonzero(melody.get_note_histogram()) < chosen.min_unique_pitches:
            reject(reasons.FEW_PITCHES)
            continue
        yield melody


ORACLES = {'drums_rnn': drum_classes, 'melody_rnn': melody_classes}


def config_of(family: str, name: str, **extraction: Any) -> Any:
    config = registry.get(family).spec.config(name)
    return dataclasses.replace(config, extraction=dataclasses.replace(config.extraction, **extraction))


CASES = [
    ('drums_rnn', config_of('drums_rnn', 'one_drum')),
    ('drums_rnn', config_of('drums_rnn', 'drum_kit')),
    ('drums_rnn', config_of('drums_rnn', 'drum_kit', ignore_is_drum=True, min_bars=0, gap_bars=0.3, max_steps=40)),
    ('melody_rnn', config_of('melody_rnn', 'basic_rnn')),
    ('melody_rnn', config_of('melody_rnn', 'mono_rnn', ignore_polyphonic_notes=True, gap_bars=2.7)),
    (
        'melody_rnn',
        config_of(
            'melody_rnn',
            'basic_rnn',
            ignore_polyphonic_notes=True,
            gap_bars=0.3,
            min_bars=0,
            max_steps=40,
            min_unique_pitches=2,
            transpose_augment='-5:6',
        ),
    ),
    ('melody_rnn', config_of('melody_rnn', 'attention_rnn', min_bars=1, min_unique_pitches=1)),
]


def check(sequence: NoteSequence, family: str, config: Any) -> int:
    """Compares; returns how many examples and reasons there were."""
    ours_reject, theirs_reject = [], []
    ours = [e['events'].tolist() for e in registry.get(family).examples(piece.of(sequence), config, ours_reject.append)]
    theirs = list(ORACLES[family](sequence, config, theirs_reject.append))
    assert ours == theirs
    assert Counter(ours_reject) == Counter(theirs_reject)
    return len(ours) + len(ours_reject)


@pytest.mark.parametrize(
    'folder', ['chorales', 'drums', 'malformed', 'melodies', 'multitrack', 'piano', 'reference_magenta']
)
def test_real_music(shared: Path, folder: str) -> None:
    """Every MIDI file, for one of the cases of each family in turn."""
    paths = sorted(path for path in (shared / 'data' / folder).rglob('*') if path.suffix in ('.mid', '.midi'))
    assert paths
    found = 0
    with parsing.Parser(parsing.Limits(seconds=20)) as parser:
        for number, path in enumerate(paths):
            answer = parser.parse_midi(path)
            if isinstance(answer, parsing.Converted):
                sequence = NoteSequence.FromString(answer.data)
                for family in ORACLES:
                    cases = [case for case in CASES if case[0] == family]
                    found += check(sequence, *cases[number % len(cases)])
    assert found


TIMES = st.builds(
    lambda sixteenths, off: sixteenths / 8 + off,  # at 120 quarters a minute
    st.integers(-4, 80),
    st.sampled_from([0.0, 0.0, 0.0, 1e-9, -1e-9, 0.0625, -0.0625, 0.03, 0.1]),
)
LENGTHS = st.sampled_from([0.0, 0.01, 0.0625, 0.125, 0.125, 0.25, 0.5, 3.0, 9.0])
PITCHES = st.one_of(st.integers(0, 127), st.integers(57, 72), st.sampled_from([36, 38, 42, 46, 49, 128, 200]))
NOTES = st.builds(
    lambda start, length, pitch, is_drum, **more: NoteSequence.Note(
        start_time=start,
        end_time=start + length,
        pitch=pitch if is_drum else pitch % 128,  # a Melody holds pitches of MIDI alone
        is_drum=is_drum,
        **more,
    ),
    start=TIMES,
    length=LENGTHS,
    is_drum=st.booleans(),
    pitch=PITCHES,
    velocity=st.sampled_from([0, 1, 80, 80, 127]),
    instrument=st.sampled_from([0, 0, 0, 1, 9]),
)
NEGATIVE = NOTES.map(
    lambda note: NoteSequence.Note(start_time=abs(note.start_time), end_time=-5.0, pitch=60, velocity=9)
)
METRES = st.builds(
    NoteSequence.TimeSignature,
    time=TIMES,
    numerator=st.sampled_from([4, 4, 4, 3, 6, 7, 1, 0]),
    denominator=st.sampled_from([4, 4, 4, 8, 16, 2, 3, 0]),
)
TEMPOS = st.builds(NoteSequence.Tempo, time=TIMES, qpm=st.sampled_from([120.0, 120.0, 60.0, 97.3, 240.0, 0.0]))


@st.composite
def sequences(draw: st.DrawFn) -> NoteSequence:
    """Some notes, perhaps over and over, in several tempos and metres."""
    notes = draw(st.lists(NOTES, max_size=30))
    repeats, period = draw(st.sampled_from([(1, 0.0), (1, 0.0), (8, 2.0), (40, 2.0), (5, 11.0)]))
    sequence = NoteSequence(
        time_signatures=draw(st.lists(METRES, max_size=3)), tempos=draw(st.lists(TEMPOS, max_size=3))
    )
    for number in range(repeats):
        for note in notes:
            sequence.notes.add().CopyFrom(note)
            sequence.notes[-1].start_time += number * period
            sequence.notes[-1].end_time += number * period
    sequence.notes.extend(draw(st.sampled_from([0, 0, 1])) * [draw(NEGATIVE)])
    last = max((note.end_time for note in sequence.notes), default=0)
    sequence.total_time = max(0, last + draw(st.sampled_from([0.0, 0.0, -1.0, 2.0])))
    return sequence


@pytest.mark.parametrize(('family', 'config'), CASES)
@settings(max_examples=150)
@given(sequence=sequences())
def test_made_music(family: str, config: Any, sequence: NoteSequence) -> None:
    check(sequence, family, config)


@pytest.mark.parametrize(
    ('name', 'time'), [('start_time', time) for time in (math.nan, math.inf, 1e300)] + [('end_time', math.nan)]
)
@pytest.mark.parametrize('family', ORACLES)
def test_times_that_are_not_are_a_reason(family: str, name: str, time: float) -> None:
    sequence = NoteSequence(total_time=1e305)
    for is_drum in (False, True):
        sequence.notes.add(pitch=60, velocity=9, end_time=1, is_drum=is_drum)
        setattr(sequence.notes[-1], name, time)
    found: list[str] = []
    config = registry.get(family).spec.config('drum_kit' if family == 'drums_rnn' else 'basic_rnn')
    assert list(registry.get(family).examples(piece.of(sequence), config, found.append)) == []
    assert found == [reasons.BAD_TIME]
    with pytest.raises(ValueError, match='no number of seconds'):
        sections.quantize(piece.of(sequence), 4)


def test_a_note_that_ends_before_it_begins_lasts_a_step() -> None:
    sequence = NoteSequence(total_time=4)
    for start, end in ((0.0, 1.0), (2.0, 1.0), (3.0, 4.0)):
        sequence.notes.add(pitch=60, velocity=9, start_time=start, end_time=end)
    config = config_of('melody_rnn', 'mono_rnn', min_bars=0, min_unique_pitches=1)
    (example,) = registry.get('melody_rnn').examples(piece.of(sequence), config, pytest.fail)
    assert np.flatnonzero(example['events']).tolist() == [0, 8, 16, 17, 24]
