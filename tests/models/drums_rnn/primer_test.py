"""Where a primer ends and generation begins."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from note_seq import DrumTrack
from note_seq.protobuf import music_pb2

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.loading import Model

FAMILY = registry.get('drums_rnn')


@pytest.fixture(scope='module')
def model() -> Model:
    """Random weights."""
    config = FAMILY.spec.config('drum_kit')
    hparams = overrides.parse(config.hparams, 'rnn_layer_sizes=[4],attn_length=0')
    rng = np.random.default_rng(0)
    shapes = {
        'lstm_0/kernel': (518, 16),
        'lstm_0/recurrent_kernel': (4, 16),
        'lstm_0/bias': (16,),
        'logits/kernel': (4, 512),
        'logits/bias': (512,),
    }
    weights = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    return Model(FAMILY, dataclasses.replace(config, hparams=hparams), weights, '', '', '')


def _primer(
    hits: list[tuple[float, float]], qpm: float = 120, metre: tuple[int, int] = (4, 4)
) -> music_pb2.NoteSequence:
    """Snare hits from and to times in steps of a 16th."""
    step = 60 / qpm / 4
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    for start, end in hits:
        sequence.notes.add(pitch=40, velocity=99, is_drum=True, start_time=start * step, end_time=end * step)
    sequence.total_time = max(end for _, end in hits) * step
    return sequence


def _track(given: music_pb2.NoteSequence, model: Model) -> Any:
    return FAMILY.whole_track(FAMILY.settled(given, model.config), model.config)


@pytest.mark.parametrize('end, starts', [(16, 16), (16.125, 16), (15.9, 16), (15.2, 15)])
def test_the_end_is_quantized(model: Model, end: float, starts: int) -> None:
    primer = _primer([(0, 1), (14, end)])
    assert len(_track(primer, model)) == starts
    generated = model.generate(primer, num_steps=20, exclude_primer=True)[0]
    assert max(note.start_time for note in generated.notes) < (20 - starts) * 0.125


def test_the_primer_is_kept_as_it_was(model: Model) -> None:
    (output,) = model.generate(_primer([(0, 1), (2, 3)], qpm=90), num_steps=16)
    step = 60 / 90 / 4
    first = [(note.pitch, note.start_time) for note in output.notes if note.start_time < 2.5 * step]
    assert first == [(40, 0), (40, pytest.approx(2 * step))]  # 40 is a snare the model itself would not choose
    assert output.tempos[0].qpm == pytest.approx(90)


def test_notes_of_other_channels_are_drums_only_where_there_are_no_drums(model: Model) -> None:
    both = _primer([(0, 1)])
    both.notes.add(pitch=60, velocity=99, start_time=0.25, end_time=0.375)
    assert list(_track(both, model)) == [frozenset([40])]
    del both.notes[0]
    assert list(_track(both, model)) == [frozenset(), frozenset(), frozenset([60])]


def test_silence_before_the_first_bar_stays(model: Model) -> None:
    (output,) = model.generate(_primer([(33, 34)]), num_steps=64)
    assert min(note.start_time for note in output.notes) == pytest.approx(33 * 0.125)


def test_metre_of_the_primer_is_kept(model: Model) -> None:
    (output,) = model.generate(_primer([(0, 1)], metre=(3, 4)), num_steps=24)
    assert [(m.numerator, m.denominator) for m in output.time_signatures] == [(3, 4)]


def test_trailing_silence_of_an_event_sequence_counts(model: Model) -> None:
    hit, rest = frozenset([36]), frozenset()
    short, long = model.log_likelihood(DrumTrack([hit, rest])), model.log_likelihood(DrumTrack([hit, rest, rest, rest]))
    assert long < short < 0


@pytest.mark.parametrize(
    'primer, says',
    [
        (_primer([(0, 30)]), 'takes 30 steps and --num_steps=24'),
        (_primer([(0, 1)], metre=(3, 32)), 'not a whole number'),
        (DrumTrack([]), 'no steps'),
        (music_pb2.NoteSequence(), 'no notes'),
    ],
)
def test_primers_that_cannot_be_used(model: Model, primer: object, says: str) -> None:
    with pytest.raises(SolferinoError, match=says):
        model.generate(primer, num_steps=24)
