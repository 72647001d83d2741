"""What examples are made of music, what is learned of them, and how music is scored."""

import dataclasses

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams.rbm import SPEC, RbmExtraction, RbmHparams
from solferino.hparams.reasons import NO_MELODY, OTHER_METRE, OUT_OF_RANGE
from solferino.models.music.pieces import piece
from solferino.models.rbm import FAMILY, equations
from solferino.models.rbm.family import base_bias

CONFIG = dataclasses.replace(
    SPEC.configs['chords'],
    hparams=RbmHparams(num_timesteps=4, hidden_units=3),
    extraction=RbmExtraction(lowest_pitch=60, highest_pitch=63),
)
STEP = 0.125  # seconds, at 120 quarters a minute


def _sequence(*notes: tuple[int, int, int], metre: tuple[int, int] = (4, 4)) -> music_pb2.NoteSequence:
    """Notes of (pitch, first step, step after the last)."""
    sequence = music_pb2.NoteSequence()
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    for pitch, start, end in notes:
        sequence.notes.add(pitch=pitch, start_time=start * STEP, end_time=end * STEP, velocity=80)
    sequence.total_time = max((end for *_, end in notes), default=0) * STEP
    return sequence


def _examples(sequence: music_pb2.NoteSequence, config=CONFIG) -> tuple[list, list[str]]:
    reasons: list[str] = []
    return list(FAMILY.examples(piece.of(sequence), config, reasons.append)), reasons


def test_a_matrix_says_what_sounds_and_what_is_struck() -> None:
    (example,), reasons = _examples(_sequence((60, 0, 2), (60, 2, 4), (63, 1, 4)))
    sounding = [[1, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 0, 1]]
    struck = [[1, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(
        FAMILY.encode(example, CONFIG)['visible'], np.concatenate([sounding, struck], axis=1).reshape(1, -1)
    )
    assert not reasons


@pytest.mark.parametrize(('metre', 'kept'), [((4, 4), True), ((2, 4), True), ((3, 4), False), ((6, 8), False)])
def test_other_metres_are_kept_on_request(metre: tuple[int, int], kept: bool) -> None:
    sequence = _sequence((60, 0, 4), metre=metre)
    found, reasons = _examples(sequence)
    assert (len(found), reasons) == ((1, []) if kept else (0, [OTHER_METRE]))
    every = dataclasses.replace(CONFIG, extraction=dataclasses.replace(CONFIG.extraction, other_metres=True))
    assert len(_examples(sequence, every)[0]) == 1


def test_what_is_not_heard_is_reported() -> None:
    found, reasons = _examples(_sequence((60, 0, 4), (70, 0, 4)))
    assert (len(found), reasons) == (1, [OUT_OF_RANGE])
    drums = _sequence((60, 0, 4))
    drums.notes[0].is_drum = True
    assert _examples(drums) == ([], [NO_MELODY])
    drums.notes.add(pitch=61, start_time=0, end_time=STEP, velocity=80)
    (example,), _ = _examples(drums)
    assert example['ones'].tolist() == [1, 5]


def test_frames_are_stored_in_runs() -> None:
    config = SPEC.configs['frame']
    found, _ = _examples(_sequence((60, 0, 40)), config)
    assert [FAMILY.num_steps(example, config) for example in found] == [16, 16, 8]
    assert FAMILY.encode(found[2], config)['visible'].shape == (8, 88)


def test_evaluation_examples_do_not_overlap() -> None:
    config = dataclasses.replace(CONFIG, extraction=dataclasses.replace(CONFIG.extraction, hop=1))
    sequence = _sequence((60, 0, 12))
    assert len(_examples(sequence, config)[0]) == 9
    assert len(_examples(sequence, config.for_evaluation())[0]) == 3


def test_biases_begin_at_the_log_odds_of_the_examples() -> None:
    found, _ = _examples(_sequence((60, 0, 2), (60, 2, 4), (63, 1, 4)))
    config, told = FAMILY.learn(CONFIG, FAMILY.traits(found[0], CONFIG), {})
    means = np.array([5, 1, 1, 4, 3, 1, 1, 2]) / 6
    np.testing.assert_allclose(base_bias(config), np.tile(np.log(means / (1 - means)), 4), rtol=1e-6)
    assert told == {'mean number of keys that sound': 7 / 4}
    model = FAMILY.model(config, seed=0)
    np.testing.assert_array_equal(model.parameters.visible_bias, base_bias(config))


def test_windows_of_another_length_do_not_fit() -> None:
    (example,), _ = _examples(_sequence((60, 0, 4)))
    longer = dataclasses.replace(CONFIG, hparams=dataclasses.replace(CONFIG.hparams, num_timesteps=8))
    with pytest.raises(ValueError, match='windows of 8'):
        FAMILY.encode(example, longer)


def test_log_likelihood_adds_windows_up() -> None:
    rng = np.random.default_rng(0)
    sizes = {'weights': (32, 3), 'visible_bias': 32, 'hidden_bias': 3}
    weights = {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    parameters = tuple(weights.values())
    sequence = _sequence((60, 0, 3), (62, 3, 7))
    windows = np.concatenate([FAMILY.encode(e, CONFIG)['visible'] for e in _examples(sequence)[0]])
    assert len(windows) == 2
    wanted = -equations.free_energy(windows, *parameters).sum() - 2 * equations.exact_log_partition(*parameters)
    np.testing.assert_allclose(FAMILY.log_likelihood(weights, CONFIG, sequence), wanted, rtol=1e-6)


def test_filters_are_drawn() -> None:
    from solferino.models.music.pictures.page import to_png

    config = dataclasses.replace(CONFIG, extraction=RbmExtraction())
    weights = {
        'weights': np.random.default_rng(0).normal(size=(4 * 156, 70)).astype(np.float32),
        'visible_bias': np.zeros(4 * 156, np.float32),
        'hidden_bias': np.full(70, -1, np.float32),
    }
    figure = FAMILY.plot('plot_filters', weights, config, _sequence((60, 0, 4)), SPEC.generation)['filters']
    assert len(figure.get_axes()) == 64
    silent = FAMILY.plot('plot_filters', weights, config, music_pb2.NoteSequence(), SPEC.generation)['filters']
    (window,) = FAMILY.encode(_examples(_sequence((60, 0, 4)), config)[0][0], config)['visible']
    activity = equations.sigmoid(window @ weights['weights'] - 1)
    titles = [axes.get_title() for axes in figure.get_axes()]
    assert titles == [f'{unit + 1}  ({activity[unit]:.2f})' for unit in range(64)]
    assert silent.get_axes()[0].get_title() == '1  (0.00)'
    assert to_png(figure) != to_png(silent)
