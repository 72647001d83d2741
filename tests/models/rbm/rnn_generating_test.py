"""Generation with the RNN-RBM: primers, what is clamped, seeds."""

import numpy as np
import pytest

from solferino.hparams.errors import SolferinoError
from solferino.hparams.rbm import RbmExtraction, RbmGeneration
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.rbm import rnn_generating
from solferino.models.rbm.generating import Given
from solferino.models.rbm.note_states import NoteStates
from solferino.models.rbm.rnn_rbm_recurrence import Recurrence

_KEYS = 6
_LAYOUT = NoteStates.of(RbmExtraction(lowest_pitch=60, highest_pitch=60 + _KEYS - 1, articulation=False))


# After each frame its keys go up by one, the highest one to the lowest.
_RISING = {
    'weights': np.zeros((_KEYS, 3)),
    'visible_bias': np.full(_KEYS, -20.0),
    'hidden_bias': np.zeros(3),
    'state_to_visible': 40 * np.roll(np.eye(_KEYS), 1, axis=1),
    'state_to_hidden': np.zeros((_KEYS, 3)),
    'recurrent/kernel': 9 * np.eye(_KEYS),
    'recurrent/recurrent_kernel': np.zeros((_KEYS, _KEYS)),
    'recurrent/bias': np.zeros(_KEYS),
}


def rising() -> Recurrence:
    return Recurrence(_RISING, 'tanh')


def random() -> Recurrence:
    rng = np.random.default_rng(0)
    return Recurrence({name: rng.normal(0, 1, array.shape) for name, array in _RISING.items()}, 'tanh')


def options(**given: object) -> RbmGeneration:
    return RbmGeneration(**{'gibbs_steps': 5, **given})


def matrix(*frames: int) -> np.ndarray:
    """A key of each frame, -1 for none."""
    return np.arange(_KEYS) == np.array(frames)[:, None]


def test_music_goes_on_after_each_primer() -> None:
    primers = [Given(matrix(2, 3)), None, Given(matrix(-1, 1, 0))]
    made = rnn_generating.generate(rising(), _LAYOUT, primers, None, options(num_steps=6))
    np.testing.assert_array_equal(made[0], matrix(2, 3, 4, 5, 0, 1))
    np.testing.assert_array_equal(made[1], matrix(*[-1] * 6))
    np.testing.assert_array_equal(made[2], matrix(-1, 1, 0, 1, 2, 3))


def test_what_is_clamped_stays_and_is_heard() -> None:
    clamped = Given(matrix(-1, 4, -1))
    made = rnn_generating.generate(rising(), _LAYOUT, [None], clamped, options(num_steps=4))
    np.testing.assert_array_equal(made[0], matrix(-1, 4, 5, 0))


def test_what_is_clamped_is_written_over_the_primer() -> None:
    primer, clamped = Given(matrix(0, 0, 0)), Given(matrix(-1, 1, 1, -1, 4))
    (notes,) = rnn_generating.generate(rising(), _LAYOUT, [primer], clamped, options(num_steps=6))
    np.testing.assert_array_equal(notes, matrix(0, 0, 0, 2, 3, 5) | matrix(-1, 1, 1, -1, 4, -1))
    (steps,) = rnn_generating.generate(rising(), _LAYOUT, [primer], clamped, options(num_steps=6, clamp='steps'))
    np.testing.assert_array_equal(steps, matrix(0, 1, 1, 2, 4, 5))


def test_samples_are_a_function_of_the_seed_and_their_own_number() -> None:
    network, steps = random(), {'num_steps': 9, 'start': 'noise'}
    many = rnn_generating.generate(network, _LAYOUT, [None] * 14, None, options(seed=1, **steps))
    few = rnn_generating.generate(network, _LAYOUT, [None] * 3, None, options(seed=1, **steps))
    others = rnn_generating.generate(network, _LAYOUT, [None] * 3, None, options(seed=2, **steps))
    np.testing.assert_array_equal(many[:3], few)
    assert (few != others).any()
    assert (many[0] != many[1]).any()


@pytest.mark.cpus
def test_a_state_does_not_depend_on_the_rows_beside_it() -> None:
    """At the sizes of the config: small products are rounded alike whatever their rows."""
    rng, keys, units = np.random.default_rng(0), 88, 200
    shapes = {
        'weights': (keys, 150),
        'visible_bias': (keys,),
        'hidden_bias': (150,),
        'state_to_visible': (units, keys),
        'state_to_hidden': (units, 150),
        'recurrent/kernel': (keys, 3 * units),
        'recurrent/recurrent_kernel': (units, 3 * units),
        'recurrent/bias': (2, 3 * units),
    }
    network = Recurrence({name: rng.normal(0, 1, shape) for name, shape in shapes.items()}, 'gru')
    frames = rng.random((14, keys)) < 0.1
    with one_thread():
        many = network.advance(frames, network.advance(frames, network.initial_state(14)))
        for rows in (1, 2, 5, 13):
            few = network.advance(frames[:rows], network.advance(frames[:rows], network.initial_state(rows)))
            np.testing.assert_array_equal(few, many[:rows])
            for found, wanted in zip(network.biases(few), network.biases(many), strict=True):
                np.testing.assert_array_equal(found, wanted[:rows])


def test_a_primer_longer_than_the_output_is_refused() -> None:
    with pytest.raises(SolferinoError, match='num_steps'):
        rnn_generating.generate(rising(), _LAYOUT, [Given(matrix(1, 2, 3))], None, options(num_steps=2))


def test_a_primer_that_leaves_nothing_to_generate_is_refused() -> None:
    with pytest.raises(SolferinoError, match=r'nothing is left.*--num_steps=131'):
        rnn_generating.generate(rising(), _LAYOUT, [Given(matrix(1, 2, 3))], None, options(num_steps=3))


@pytest.mark.parametrize(
    ('primer', 'clamped', 'wanted'),
    [(0, 0, 128), (0, 40, 40), (5, 0, 133), (200, 0, 328), (5, 100, 133), (5, 150, 150)],
)
def test_length_where_none_is_wanted(primer: int, clamped: int, wanted: int) -> None:
    given = [Given(matrix(*[1] * steps)) if steps else None for steps in (primer, clamped)]
    made = rnn_generating.generate(rising(), _LAYOUT, [given[0], None], given[1], options(gibbs_steps=1))
    assert made.shape == (2, wanted, _KEYS)
