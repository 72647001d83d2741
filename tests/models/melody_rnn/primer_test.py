"""Where a primer ends and generation begins; the key that it is in."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from note_seq import Melody
from note_seq.protobuf import music_pb2

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.loading import Model

FAMILY = registry.get('melody_rnn')
SCALE = (0, 2, 4, 5, 7, 9, 11)


def build(config_name: str, favourite: int | None = None) -> Model:
    """Random weights; a `favourite` event class comes always."""
    config = FAMILY.spec.config(config_name)
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, 'rnn_layer_sizes=[4],attn_length=0'))
    encoding = FAMILY.encoding(config)
    shapes = {
        'lstm_0/kernel': (encoding.input_size, 16),
        'lstm_0/recurrent_kernel': (4, 16),
        'lstm_0/bias': (16,),
        'logits/kernel': (4, encoding.num_classes),
        'logits/bias': (encoding.num_classes,),
    }
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    if favourite is not None:
        weights['logits/bias'][favourite] = 1000
    return Model(FAMILY, config, weights, '', '', '')


@pytest.fixture(scope='module')
def model() -> Model:
    return build('basic_rnn')


def primer(
    notes: list[tuple[float, float, int]], qpm: float = 120, metre: tuple[int, int] = (4, 4), **more
) -> music_pb2.NoteSequence:
    """Notes from and to times in steps of a 16th."""
    step = 60 / qpm / 4
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    for start, end, pitch in notes:
        sequence.notes.add(pitch=pitch, velocity=99, start_time=start * step, end_time=end * step, **more)
    sequence.total_time = max(end for _, end, _ in notes) * step
    return sequence


def _track(given: music_pb2.NoteSequence, model: Model) -> Any:
    return FAMILY.whole_track(FAMILY.settled(given, model.config), model.config)


@pytest.mark.parametrize('end, steps', [(16, 16), (16.125, 16), (15.9, 16), (15.2, 15)])
def test_the_end_is_quantized(model: Model, end: float, steps: int) -> None:
    given = primer([(0, 1, 60), (14, end, 64)])
    assert len(_track(given, model)) == steps
    (output,) = model.generate(given, num_steps=20, exclude_primer=True)
    assert all(note.start_time < (20 - steps) * 0.125 for note in output.notes)


@pytest.mark.parametrize('name', ['basic_rnn', 'mono_rnn', 'lookback_rnn', 'attention_rnn'])
def test_the_primer_is_kept_as_it_was(name: str) -> None:
    (output,) = build(name).generate(primer([(0, 2, 30), (2, 3, 101)], qpm=90), num_steps=16)
    step = 60 / 90 / 4
    first = [(note.pitch, note.start_time) for note in output.notes if note.start_time < 2.5 * step]
    assert first == [(30, 0), (101, pytest.approx(2 * step))]  # both outside the range that most configs know
    assert output.tempos[0].qpm == pytest.approx(90)


@pytest.mark.parametrize('key', range(-6, 6))
def test_music_goes_on_in_the_key_of_the_primer(key: int) -> None:
    """The network that always plays C, in its own key, plays the keynote of the primer."""
    keynote = 2 + 12  # the class of pitch 60
    notes = [(2 * n, 2 * n + 2, 60 + key + pitch) for n, pitch in enumerate((*SCALE, 12))]
    (output,) = build('basic_rnn', keynote).generate(primer(notes), num_steps=24, exclude_primer=True)
    assert {note.pitch % 12 for note in output.notes} == {key % 12}
    (output,) = build('mono_rnn', 2 + 61).generate(primer(notes), num_steps=24, exclude_primer=True)
    assert {note.pitch for note in output.notes} == {61}  # this config takes all keys as they are


def test_generated_music_may_end_a_note_of_the_primer() -> None:
    (output,) = build('mono_rnn', 1).generate(Melody([60, -2]), num_steps=16)
    (note,) = output.notes
    assert (note.pitch, note.end_time) == (60, pytest.approx(0.25))


def test_the_highest_note_of_the_first_instrument_is_the_primer(model: Model) -> None:
    both = primer([(0, 1, 35)], is_drum=True, instrument=9)
    both.MergeFrom(primer([(0, 2, 60), (0, 2, 67), (2, 4, 62)], instrument=1))
    del both.tempos[1:], both.time_signatures[1:]
    both.notes.add(pitch=40, velocity=99, start_time=0, end_time=0.5, instrument=2)
    assert list(_track(both, model)) == [67, -2, 62, -2]


def test_rests_however_long_stay_in_the_primer(model: Model) -> None:
    melody = _track(primer([(0, 1, 60), (60, 61, 62)]), model)
    assert (len(melody), melody[60]) == (61, 62)


def test_silence_before_the_first_bar_stays(model: Model) -> None:
    (output,) = model.generate(primer([(33, 34, 60)]), num_steps=64)
    assert min(note.start_time for note in output.notes) == pytest.approx(33 * 0.125)


def test_metre_of_the_primer_is_kept(model: Model) -> None:
    (output,) = model.generate(primer([(0, 1, 60)], metre=(3, 4)), num_steps=24)
    assert [(m.numerator, m.denominator) for m in output.time_signatures] == [(3, 4)]


def test_without_a_primer_a_random_note_in_range_begins(model: Model) -> None:
    first = {output.notes[0].pitch for output in model.generate(num_outputs=20, num_steps=4)}
    assert len(first) > 5
    assert all(48 <= pitch < 84 for pitch in first)


def test_trailing_silence_of_an_event_sequence_counts(model: Model) -> None:
    short, long = model.log_likelihood(Melody([60, -2])), model.log_likelihood(Melody([60, -2, -2, -2]))
    assert long < short < 0


@pytest.mark.parametrize(
    'text, events',
    [('[60, -2, 60, -1]', [60, -2, 60, -1]), ('(0,127)', [0, 127]), ('[-1, -2, 60]', [-2, -2, 60])],
)
def test_primers_as_text(model: Model, text: str, events: list[int]) -> None:
    assert list(FAMILY.parse_primer('primer_melody', text, model.config)) == events


@pytest.mark.parametrize(
    'text, says',
    [
        ('', 'not a list'),
        ('60', 'not a list of at least one step'),
        ('[]', 'at least one step'),
        ('[60', 'not a list'),
        ('[60, -3]', 'step 2 is -3'),
        ('[128]', 'step 1 is 128'),
        ('[60.0]', r'step 1 is 60\.0'),
        ('[True]', 'step 1 is True'),
        ('[(60,)]', 'step 1 is'),
        ('[' * 500, 'not a list'),
        ('__import__("os")', 'not a list'),
    ],
)
def test_texts_that_are_no_primer(model: Model, text: str, says: str) -> None:
    with pytest.raises(SolferinoError, match=says):
        FAMILY.parse_primer('primer_melody', text, model.config)


@pytest.mark.parametrize(
    'given, says',
    [
        (primer([(0, 30, 60)]), 'takes 30 steps and --num_steps=24'),
        (primer([(0, 1, 60)], metre=(3, 32)), 'not a whole number'),
        (primer([(0, 1, 36)], is_drum=True), 'no notes beside drums'),
        (Melody([]), 'no steps'),
        (music_pb2.NoteSequence(), 'no notes'),
    ],
)
def test_primers_that_cannot_be_used(model: Model, given: object, says: str) -> None:
    with pytest.raises(SolferinoError, match=says):
        model.generate(given, num_steps=24)
