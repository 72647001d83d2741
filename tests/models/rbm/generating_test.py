"""What generation keeps, and how long its music is."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams import generation
from solferino.hparams.errors import SolferinoError
from solferino.hparams.networks.rnn_rbm import RnnRbmHparams
from solferino.hparams.rbm import SPEC, RbmConfig, RbmGeneration
from solferino.models.music.pictures import page
from solferino.models.music.pieces import piano_rolls
from solferino.models.rbm import FAMILY, generating
from solferino.models.rbm.chains.gibbs import Machine
from solferino.models.rbm.family import base_bias
from solferino.models.rbm.generating import Given
from solferino.models.rbm.note_states import NoteStates

LAYOUT = NoteStates(60, 4, 2)
WINDOW = 6
OPTIONS = RbmGeneration(gibbs_steps=3, seed=7)


def _machine(window: int = WINDOW) -> Machine:
    rng = np.random.default_rng(0)
    units = window * LAYOUT.width
    return Machine(*(rng.normal(0, 0.5, size).astype(np.float32) for size in ((units, 5), units, 5)))


def _music(steps: int, seed: int = 1) -> Given:
    return Given(np.random.default_rng(seed).random((steps, LAYOUT.width)) < 0.3)


def _notes(sequence: music_pb2.NoteSequence) -> set[tuple[int, float, float]]:
    """Pitch, start and end of each."""
    return {(note.pitch, round(note.start_time, 6), round(note.end_time, 6)) for note in sequence.notes}


def _notes_at(sequence: music_pb2.NoteSequence, places: frozenset[int]) -> set[tuple[int, float, float]]:
    chosen = music_pb2.NoteSequence()
    chosen.notes.extend(sequence.notes[place] for place in places)
    return _notes(chosen)


def _notes_of(matrix: np.ndarray) -> set[tuple[int, float, float]]:
    return _notes(piano_rolls.to_sequence(LAYOUT.roll(matrix), 1.0, 60.0, 80))


def _generate(primers: list[Any], clamped: Given | None = None, window: int = WINDOW, **options: Any) -> np.ndarray:
    chosen = generation.replace(OPTIONS, **options)
    return generating.generate(_machine(window), LAYOUT, window, primers, clamped, chosen)


@pytest.mark.parametrize(
    ('primer', 'clamped', 'num_steps', 'wanted'),
    [
        (0, 0, 0, 128),
        (8, 0, 0, 128),
        (140, 0, 0, 140),
        (3, 17, 0, 17),
        (0, 4, 0, 6),
        (0, 0, 4, 4),
        (0, 0, 7, 7),
        (9, 9, 20, 20),
    ],
)
def test_length(primer: int, clamped: int, num_steps: int, wanted: int) -> None:
    made = _generate(
        [_music(primer) if primer else None] * 2, _music(clamped) if clamped else None, num_steps=num_steps
    )
    assert made.shape == (2, wanted, LAYOUT.width)


@pytest.mark.parametrize('window', [6, 5, 2, 1])
def test_notes_are_kept(window: int) -> None:
    clamped = _music(15)
    sounding, struck = clamped.matrix[:, :4], clamped.matrix[:, 4:]
    made = _generate([None] * 20, clamped, window=window, num_steps=20)
    for matrix in made:
        assert _notes_of(matrix) >= _notes_of(clamped.matrix)
        np.testing.assert_array_equal(matrix[:15, 4:][sounding], struck[sounding])
    assert (made[:, :15, :4] > sounding).any(), 'nothing was filled in'


@pytest.mark.parametrize('window', [6, 5, 2, 1])
def test_steps_are_kept(window: int) -> None:
    clamped = _music(15)
    clamped.matrix[4:7] = False
    sounds = clamped.matrix[:, :4].any(axis=1)
    assert 2 < sounds.sum() < 13
    made = _generate([None] * 20, clamped, window=window, num_steps=20, clamp='steps')
    for matrix in made:
        assert _notes_of(matrix) >= _notes_of(clamped.matrix)
        np.testing.assert_array_equal(matrix[:15][sounds], clamped.matrix[sounds])
    assert made[:, 4:7].any() and made[:, 15:].any(), 'nothing was filled in'


def test_windows_overlap_by_half() -> None:
    """The second window begins with what the first one ended in: the first is the same without it."""
    short, long = (_generate([None] * 3, num_steps=steps) for steps in (WINDOW, 24))
    np.testing.assert_array_equal(long[:, :WINDOW], short)
    assert (long[:, WINDOW : 2 * WINDOW] != short).any()


def test_the_chain_begins_with_the_primer() -> None:
    """Of a machine whose units hardly change, the primer is what comes out."""
    rng = np.random.default_rng(0)
    primer = _music(WINDOW)
    on = primer.matrix.reshape(-1)
    units = WINDOW * LAYOUT.width
    # Two patterns, each held up by a hidden unit of its own, of which one must be chosen: where the chain is.
    other = rng.random(units) < 0.3
    weights = np.stack([np.where(on, 40, -40), np.where(other, 40, -40)], axis=1).astype(np.float32)
    bias = np.array([-40.0 * on.sum() + 20, -40.0 * other.sum() + 20], np.float32)
    machine = Machine(weights, np.zeros(units, np.float32), bias)
    options = dataclasses.replace(OPTIONS, num_steps=WINDOW)
    made = generating.generate(machine, LAYOUT, WINDOW, [primer], None, options)
    np.testing.assert_array_equal(made[0], primer.matrix)
    elsewhere = generating.generate(machine, LAYOUT, WINDOW, [Given(other.reshape(WINDOW, -1))], None, options)
    np.testing.assert_array_equal(elsewhere[0].reshape(-1), other)


def test_outputs_differ_and_repeat() -> None:
    made = _generate([None] * 4, num_steps=9, start='noise')
    assert len({matrix.tobytes() for matrix in made}) == 4
    np.testing.assert_array_equal(_generate([None] * 2, num_steps=9, start='noise'), made[:2])
    assert (_generate([None] * 4, num_steps=9, start='noise', seed=8) != made).any()
    mean_field = _generate([None] * 4, num_steps=9, last_step='mean_field')
    assert mean_field.any() and not np.array_equal(mean_field, made)


def test_what_contradicts_is_refused() -> None:
    with pytest.raises(SolferinoError, match='--start'):
        _generate([_music(3)], start='noise')
    with pytest.raises(SolferinoError, match='num_steps'):
        _generate([_music(9)], num_steps=8)
    with pytest.raises(SolferinoError, match='clamp_midi'):
        _generate([None], _music(9), num_steps=8)
    with pytest.raises(SolferinoError, match=r'exclude_primer.*does not keep it'):
        _generate([_music(3)], exclude_primer=True)


def _sequence(*pitches: int, qpm: float = 90.0, metre: tuple[int, int] = (2, 4)) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    for beat, pitch in enumerate(pitches):
        start = beat * 60 / qpm
        sequence.notes.add(pitch=pitch, start_time=start, end_time=start + 60 / qpm, velocity=70)
    sequence.total_time = len(pitches) * 60 / qpm
    return sequence


def _config(name: str, **hparams: int) -> RbmConfig:
    """A small one, of the pitches 60 to 71."""
    config = SPEC.configs[name]
    return dataclasses.replace(
        config,
        hparams=dataclasses.replace(config.hparams, hidden_units=3, **hparams),
        extraction=dataclasses.replace(config.extraction, lowest_pitch=60, highest_pitch=71),
    )


CONFIGS = {
    'chords': (CHORDS := _config('chords', num_timesteps=8)),
    'frame': _config('frame'),
    'rnn_rbm': _config('rnn_rbm', rnn_units=2),
}


def _weights(config: RbmConfig) -> dict[str, np.ndarray]:
    """Those of a network that plays a third of the keys at all times, whatever is beside them."""
    units, hidden = len(base_bias(config)), config.hparams.hidden_units
    shapes = {'weights': (units, hidden), 'visible_bias': (units,), 'hidden_bias': (hidden,)}
    if isinstance(config.hparams, RnnRbmHparams):
        states = config.hparams.rnn_units
        shapes |= {
            'state_to_visible': (states, units),
            'state_to_hidden': (states, hidden),
            'recurrent/kernel': (units, 3 * states),
            'recurrent/recurrent_kernel': (states, 3 * states),
            'recurrent/bias': (2, 3 * states),
        }
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    weights['visible_bias'] -= 0.7
    return weights


def test_a_melody_is_harmonized() -> None:
    given = _sequence(60, 62, 62, 64)
    for made in FAMILY.generate(_weights(CHORDS), CHORDS, [None] * 20, dataclasses.replace(OPTIONS, clamp_midi=given)):
        assert _notes(made) > _notes(given)
    assert made.tempos[0].qpm == 90
    assert (made.time_signatures[0].numerator, made.time_signatures[0].denominator) == (2, 4)
    faster = dataclasses.replace(OPTIONS, clamp_midi=given, qpm=180.0)
    assert FAMILY.generate(_weights(CHORDS), CHORDS, [None], faster)[0].tempos[0].qpm == 180


def _random_music(seed: int, least_gap: int) -> music_pb2.NoteSequence:
    """Notes of half of the keys, at 120 quarters a minute; at least so many steps between two of a key."""
    rng = np.random.default_rng(seed)
    sequence = music_pb2.NoteSequence()
    for pitch in range(60, 72, 2):
        step = int(rng.integers(0, 4))
        for _ in range(4):
            start, step = step, step + int(rng.integers(1, 4))
            sequence.notes.add(pitch=pitch, start_time=start / 8, end_time=step / 8, velocity=80)
            step += least_gap + int(rng.integers(0, 9))
    sequence.total_time = max(note.end_time for note in sequence.notes)
    return sequence


@pytest.mark.parametrize('clamp', ['notes', 'steps'])
@pytest.mark.parametrize('name', CONFIGS)
def test_given_notes_are_neither_lengthened_nor_shortened(name: str, clamp: str) -> None:
    config = CONFIGS[name]
    for seed in range(5):
        given = _random_music(seed, least_gap=0)
        options = dataclasses.replace(OPTIONS, clamp_midi=given, clamp=clamp, seed=seed, num_steps=60)
        for made in FAMILY.generate(_weights(config), config, [None] * 20, options):
            assert _notes(made) > _notes(given)


@pytest.mark.parametrize('clamp', ['notes', 'steps'])
@pytest.mark.parametrize('name', CONFIGS)
def test_given_notes_are_kept_where_there_is_a_primer(name: str, clamp: str) -> None:
    config = CONFIGS[name]
    given, primer = _random_music(0, least_gap=0), _random_music(1, least_gap=0)
    options = dataclasses.replace(OPTIONS, clamp_midi=given, clamp=clamp, num_steps=60)
    for made in FAMILY.generate(_weights(config), config, [primer] * 20, options):
        assert _notes(made) > _notes(given)


def test_the_rnn_rbm_strikes_the_notes_of_its_primer_again() -> None:
    config, primer = CONFIGS['rnn_rbm'], _random_music(1, least_gap=0)
    options = dataclasses.replace(OPTIONS, num_steps=80)
    weights = _weights(config) | {'visible_bias': np.full(12, -50, np.float32)}  # adds nothing
    (made,) = FAMILY.generate(weights, config, [primer], options)
    assert _notes(made) == _notes(primer)


@pytest.mark.parametrize('name', CONFIGS)
def test_what_is_clamped_is_marked(name: str) -> None:
    config, given = CONFIGS[name], _random_music(0, least_gap=0)
    options = dataclasses.replace(OPTIONS, clamp_midi=given, num_steps=60)
    (made,) = FAMILY.generate(_weights(config), config, [None], options)
    marks = FAMILY.marks(made, None, config, options)
    assert _notes(given) == _notes_at(made, marks.kept) < _notes(made)
    assert marks.primer_end == 0


def test_the_primer_is_marked_where_it_is_kept() -> None:
    primer = _sequence(60, 62, qpm=90)
    for name, seconds in (('rnn_rbm', 2 * 60 / 90), ('chords', 0)):
        config, options = CONFIGS[name], dataclasses.replace(OPTIONS, num_steps=60)
        (made,) = FAMILY.generate(_weights(config), config, [primer], options)
        assert FAMILY.marks(made, primer, config, options).primer_end == pytest.approx(seconds)
    excluded = dataclasses.replace(options, exclude_primer=True)
    assert FAMILY.marks(made, primer, CONFIGS['rnn_rbm'], excluded) == page.NO_MARKS


def test_the_rnn_rbm_leaves_its_primer_out_on_request() -> None:
    config, primers = CONFIGS['rnn_rbm'], [_sequence(60, 62, qpm=120), None, _sequence(64, qpm=120)]
    whole, rest = (
        FAMILY.generate(
            _weights(config), config, primers, dataclasses.replace(OPTIONS, num_steps=20, exclude_primer=excluded)
        )
        for excluded in (False, True)
    )
    for kept, left, seconds in zip(whole, rest, (1.0, 0.0, 0.5), strict=True):
        later = {(pitch, max(start - seconds, 0), end - seconds) for pitch, start, end in _notes(kept) if end > seconds}
        assert later and _notes(left) == later


@pytest.mark.parametrize(
    ('sequence', 'problem'),
    [
        (_sequence(60, 72), 'outside the pitches 60 to 71'),
        (music_pb2.NoteSequence(), 'no notes'),
        (_sequence(60, metre=(3, 0)), 'metre'),
    ],
)
def test_bad_music_is_refused(sequence: music_pb2.NoteSequence, problem: str) -> None:
    with pytest.raises(SolferinoError, match=f'--clamp_midi.*{problem}'):
        FAMILY.generate(_weights(CHORDS), CHORDS, [None], dataclasses.replace(OPTIONS, clamp_midi=sequence))
    if len(sequence.notes) > 1:  # a primer goes without those that are not known
        known = FAMILY.generate(_weights(CHORDS), CHORDS, [_sequence(60)], OPTIONS)
        assert FAMILY.generate(_weights(CHORDS), CHORDS, [sequence], OPTIONS) == known
        assert FAMILY.remarks(sequence, CHORDS) == ['1 note is not used: 1 beyond the pitches 60 to 71']
        return
    with pytest.raises(SolferinoError, match=f'primer.*{problem}'):
        FAMILY.generate(_weights(CHORDS), CHORDS, [sequence], OPTIONS)
