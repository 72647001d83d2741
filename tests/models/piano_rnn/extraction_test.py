"""From notes to the frames of a piano and to examples."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.hparams.piano_rnn import SPEC, PianoConfig, PianoExtraction, Vocabulary
from solferino.hparams.reasons import (
    FRAMES_TOO_SHORT,
    NEGATIVE_TIME,
    NO_INSTRUMENT,
    NO_MELODY,
    ODD_METRE,
    OUT_OF_RANGE,
    TOO_MANY_STEPS,
)
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.music.pieces import piano_rolls
from solferino.models.music.pieces import piece as pieces
from solferino.models.piano_rnn import extraction
from solferino.models.piano_rnn import frames as frame_tools

CONFIG = SPEC.config('gru_attention')


def config(**extraction: object) -> PianoConfig:
    """The config with another extraction."""
    return dataclasses.replace(CONFIG, extraction=dataclasses.replace(CONFIG.extraction, **extraction))


def music(*notes: tuple[float, float, int], program: int = 0, qpm: float = 120) -> music_pb2.NoteSequence:
    """Notes as (start, end, pitch), in seconds."""
    sequence = music_pb2.NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    for start, end, pitch in notes:
        sequence.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80, program=program)
        sequence.total_time = max(sequence.total_time, end)
    return sequence


def tokens(sequence: music_pb2.NoteSequence, **options: object) -> list[list[str]]:
    """Of each stretch of frames."""
    reasons: list[str] = []
    found = extraction.music(pieces.of(sequence), config(**options).extraction, reasons.append)
    texts = [list(frame_tools.tokens(frames)) for frames in found]
    assert not reasons
    return texts


def reasons_of(sequence: music_pb2.NoteSequence, **options: object) -> list[str]:
    """Why there are no examples of it."""
    reasons: list[str] = []
    assert list(extraction.examples(pieces.of(sequence), config(**options), reasons.append)) == []
    return reasons


def test_frames_by_time_begin_with_the_first_note() -> None:
    sequence = music((1.0, 1.6, 60), (1.2, 1.4, 64), (2.0, 2.2, 67))
    assert tokens(sequence) == [['60', '60,64', '60', 'e', 'e', '67']]
    assert tokens(sequence, frames_per_second=2.5) == [['60', '60,64', 'e', '67']]


def test_frames_by_metre_are_those_of_the_tempo() -> None:
    quarters = music((0.0, 1.0, 60), (1.0, 1.5, 62), qpm=60)
    assert tokens(quarters, steps_per_quarter=2) == [['60', '60', '62']]
    quarters.tempos[0].qpm = 120
    assert tokens(quarters, steps_per_quarter=2) == [['60', '60', '60', '60', '62', '62']]


def test_by_metre_each_tempo_is_music_of_its_own() -> None:
    sequence = music((0.0, 1.0, 60), (1.0, 2.0, 62), qpm=60)
    sequence.tempos.add(time=1.0, qpm=120)
    assert tokens(sequence, steps_per_quarter=1) == [['60'], ['62', '62']]
    assert tokens(sequence, frames_per_second=1.0) == [['60', '62']]


def test_the_pedal_holds_notes() -> None:
    sequence = music((0.0, 0.2, 60), (0.8, 1.0, 62))
    assert tokens(sequence) == [['60', 'e', 'e', 'e', '62']]
    sequence.control_changes.add(time=0.1, control_number=64, control_value=127)
    sequence.control_changes.add(time=0.6, control_number=64, control_value=0)
    assert tokens(sequence) == [['60', '60', '60', 'e', '62']]


def test_instruments() -> None:
    sequence = music((0.0, 0.4, 60), (0.4, 0.6, 62))
    sequence.notes[1].program = 40
    drum = sequence.notes.add(start_time=0, end_time=0.4, pitch=36, velocity=80, is_drum=True)
    assert tokens(sequence) == [['60', '60']]
    assert tokens(sequence, instruments='40') == [['62']]
    assert tokens(sequence, instruments='all') == [['60', '60', '62']]
    del sequence.notes[:2]
    assert drum.is_drum
    assert reasons_of(sequence, instruments='all') == [NO_MELODY]  # --instruments=all would not help


def test_a_note_that_is_repeated_is_struck_again() -> None:
    repeated = music((0, 0.4, 60), (0.4, 0.6, 60), (0.6, 0.8, 60), (0, 1, 48))
    assert tokens(repeated) == [['48,60', '48,60', '48,60!', '48,60!', '48']]
    assert tokens(repeated, steps_per_quarter=4)[0].count('48,60!') == 2
    assert tokens(repeated, articulation=False) == [['48,60', '48,60', '48,60', '48,60', '48']]


@pytest.mark.parametrize(
    'articulation, expected',
    [(True, [(0, 5, 48), (0, 2, 60), (2, 3, 60), (3, 4, 60)]), (False, [(0, 5, 48), (0, 4, 60)])],
)
def test_what_is_struck_again_is_played_so(articulation: bool, expected: list[tuple[int, int, int]]) -> None:
    repeated = music((0, 0.4, 60), (0.4, 0.6, 60), (0.6, 0.8, 60), (0, 1, 48))
    here = config(min_steps=2, articulation=articulation)
    (example,) = extraction.examples(pieces.of(repeated), here, pytest.fail)
    played = registry.get('piano_rnn').to_sequence(example, here).notes
    assert [(round(n.start_time * 5), round(n.end_time * 5), n.pitch) for n in played] == expected


def test_a_description_of_an_earlier_version_has_no_articulation() -> None:
    record = settings.record_of(SPEC, dataclasses.replace(CONFIG, learned=Vocabulary(('e', '60'))))
    assert settings.config_of(SPEC, record, 'here').extraction.articulation
    del record['extraction']['articulation']
    assert not settings.config_of(SPEC, record, 'here').extraction.articulation


def test_transposing_moves_what_is_struck_again() -> None:
    here = config(transpose_augment='1:2', min_steps=2)
    repeated = music((0, 0.4, 60), (0.4, 1, 60))
    found = [
        frame_tools.of_example(one, True)[0] for one in extraction.examples(pieces.of(repeated), here, pytest.fail)
    ]
    assert [list(frame_tools.tokens(frames)) for frames in found] == [
        ['60', '60', '60!', '60', '60'],
        ['61', '61', '61!', '61', '61'],
        ['62', '62', '62!', '62', '62'],
    ]


def test_why_music_is_left_out() -> None:
    long = [(k * 0.2, k * 0.2 + 0.2, 60) for k in range(60)]
    assert reasons_of(music(*long, program=40)) == [NO_INSTRUMENT]
    assert reasons_of(music(*long[:40])) == [FRAMES_TOO_SHORT]
    assert reasons_of(music((0, 1e6, 60))) == [TOO_MANY_STEPS]
    assert reasons_of(music((0, 1e6, 60)), steps_per_quarter=4) == [TOO_MANY_STEPS]
    end = (piano_rolls.MAX_STEPS - 0.01) / CONFIG.extraction.frames_per_second
    assert reasons_of(music((end, end, 60))) == [TOO_MANY_STEPS]  # by the frame that it is struck in
    assert reasons_of(music((-1, 1, 60))) == [NEGATIVE_TIME]
    assert reasons_of(music((0, 20, 10))) == [OUT_OF_RANGE]
    odd = music(*long)
    odd.time_signatures.add(numerator=3, denominator=16)
    assert reasons_of(odd, steps_per_quarter=2) == [ODD_METRE]
    for reason in (NO_INSTRUMENT, FRAMES_TOO_SHORT, TOO_MANY_STEPS, NEGATIVE_TIME, OUT_OF_RANGE, ODD_METRE):
        assert SPEC.remedies[reason]


@given(st.integers(2, 200), st.integers(1, 60), st.integers(1, 30))
def test_every_frame_but_the_first_is_predicted_once(steps: int, window: int, most: int) -> None:
    frames = np.zeros((steps, frame_tools.KEYS), bool)
    frames[np.arange(steps), np.arange(steps) % frame_tools.KEYS] = True  # neighbours differ
    predicted = 1
    for example in extraction.cut(frames, window, most):
        found, context = frame_tools.of_example(example, articulation=False)
        assert 0 < len(found) - context <= most
        assert context == min(window, predicted)
        assert frame_tools.begins(example) == (predicted == context)
        np.testing.assert_array_equal(found, frames[predicted - context : predicted - context + len(found)])
        predicted += len(found) - context
    assert predicted == steps


def test_transposed_copies_stay_on_the_keyboard() -> None:
    sequence = music(*[(k * 0.2, k * 0.2 + 0.2, 107 - k % 3) for k in range(60)])

    def highest(text: str) -> list[int]:
        found = extraction.examples(pieces.of(sequence), config(transpose_augment=text, steps_per_example=100), print)
        return [int(example['pitches'].max()) for example in found]

    assert highest('') == [107]
    assert highest('-2:3') == [105, 106, 107, 108]
    assert config(transpose_augment='-2:3').for_evaluation().extraction.transpose_augment == ''


def _whole(sequence: music_pb2.NoteSequence, settings: PianoExtraction) -> np.ndarray:
    return extraction.whole(extraction.choose(pieces.of(sequence), settings), settings)


def test_a_primer_keeps_the_silence_before_it() -> None:
    frames = _whole(music((0.4, 0.8, 60)), CONFIG.extraction)
    assert list(frame_tools.tokens(frames)) == ['e', 'e', '60', '60']


def test_notes_of_other_instruments_are_left_out_of_primers_and_counted() -> None:
    sequence = music((0, 1, 60), (0, 1, 10), (0, 1, 62), (0, 1, 64))
    sequence.notes[1].program = 40  # an instrument that is left out may have any pitch
    sequence.notes[2].is_drum = True
    sequence.notes[3].velocity = 0  # is not heard anyway
    piece, family = pieces.of(sequence), registry.get('piano_rnn')
    assert set(frame_tools.tokens(_whole(sequence, CONFIG.extraction))) == {'60'}
    beyond = 'beyond the pitches 21 to 108'
    assert family.unused(piece, CONFIG) == {beyond: 0, 'of other instruments': 1, 'of drums': 1}
    assert family.unused(piece, config(instruments='all')) == {beyond: 1, 'of other instruments': 0, 'of drums': 1}


@pytest.mark.parametrize(
    'sequence, settings, says',
    [
        (music((0, 1, 60), program=40), {}, 'no notes of --instruments=piano'),
        (music((0, 1, 10)), {}, '1 note outside the pitches 21 to 108'),
        (music((0, 1, 10), (0, 1, 60), (0, 1, 109)), {'steps_per_quarter': 4}, '2 notes outside the pitches 21 to 108'),
        (music((0, 1e7, 60)), {}, 'too many steps'),
        (music((0, 1e7, 60)), {'steps_per_quarter': 4}, 'at most'),
    ],
)
def test_primers_without_frames(sequence: music_pb2.NoteSequence, settings: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _whole(sequence, config(**settings).extraction)


@pytest.mark.parametrize(
    'settings',
    [
        {'frames_per_second': 0.0},
        {'steps_per_quarter': -1},
        {'window': 0},
        {'steps_per_example': 0},
        {'min_steps': 1},
        {'vocabulary_size': 0},
        {'min_count': 0},
        {'instruments': 'pianola'},
        {'transpose_augment': '5'},
    ],
)
def test_settings_that_cannot_be(settings: dict) -> None:
    with pytest.raises(ValueError):
        config(**settings)
