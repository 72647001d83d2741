"""Bars and seconds in steps."""

import hypothesis
import pytest
from hypothesis import strategies as st
from note_seq import DrumTrack, Melody
from note_seq.protobuf import music_pb2

from solferino.hparams import generation
from solferino.models import registry
from solferino.models.core.generation import lengths


def _in_steps(family: str, config: str, primer: object = None, **given: object) -> int:
    found = registry.get(family)
    options = generation.replace(found.spec.generation, **given)
    return lengths.in_steps(found, found.spec.configs[config], primer, options).num_steps


def _music(qpm: float, metre: tuple[int, int] | None = None) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=qpm)
    if metre:
        sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    return sequence


@hypothesis.given(st.integers(1, 1000), st.floats(4, 400), st.sampled_from([(4, 4), (3, 4), (6, 8), (5, 4), (2, 2)]))
def test_bars_of_a_grid_do_not_depend_on_the_tempo(bars: int, qpm: float, metre: tuple[int, int]) -> None:
    steps = bars * 16 * metre[0] // metre[1]
    assert _in_steps('drums_rnn', 'drum_kit', _music(qpm, metre), num_bars=bars) == steps
    assert _in_steps('drums_rnn', 'one_drum', num_bars=bars, qpm=qpm) == 8 * bars


@hypothesis.given(st.floats(0.001, 1e4), st.floats(4, 400))
def test_seconds_are_reached_and_not_by_more_than_a_step(seconds: float, qpm: float) -> None:
    steps = _in_steps('melody_rnn', 'basic_rnn', seconds=seconds, qpm=qpm)
    step = 60 / qpm / 4
    assert (steps - 1) * step < seconds * (1 + 1e-9) and steps * step > seconds - 1e-5


def test_frames_are_counted_by_the_second() -> None:
    assert _in_steps('piano_rnn', 'gru_nade', seconds=15.0, qpm=90.0) == 75
    assert _in_steps('piano_rnn', 'gru_nade', seconds=15.0, frames_per_second=8.0) == 120
    assert _in_steps('piano_rnn', 'gru_nade', num_bars=2, qpm=60.0) == 40


def test_the_tempo_in_force_is_the_primers_then_the_flags_then_that_of_other_music() -> None:
    given = {'seconds': 6.0, 'clamp_midi': _music(60)}
    assert _in_steps('rbm', 'rnn_rbm', **given) == 24
    assert _in_steps('rbm', 'rnn_rbm', **given, qpm=120.0) == 48
    assert _in_steps('rbm', 'rnn_rbm', _music(90), **given, qpm=120.0) == 36
    assert _in_steps('rbm', 'rnn_rbm', music_pb2.NoteSequence(), **given) == 24


def test_the_metre_is_that_of_the_music_that_is_given() -> None:
    assert _in_steps('rbm', 'chords', num_bars=2, clamp_midi=_music(60, (3, 4))) == 24
    assert _in_steps('rbm', 'chords', _music(60), num_bars=2, clamp_midi=_music(60, (3, 4))) == 32
    assert _in_steps('melody_rnn', 'basic_rnn', Melody([60], steps_per_bar=12), num_bars=2) == 24
    assert _in_steps('drums_rnn', 'drum_kit', DrumTrack([frozenset([36])]), num_bars=2) == 32
    assert _in_steps('drums_rnn', 'drum_kit', _music(60, (3, 0)), num_bars=2) == 32


@pytest.mark.parametrize('given', [{}, {'num_steps': 7}])
def test_steps_stay_as_they_are(given: dict) -> None:
    assert _in_steps('drums_rnn', 'drum_kit', _music(33), **given) == given.get('num_steps', 128)
