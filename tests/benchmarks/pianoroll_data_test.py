"""Reading the benchmark, cutting and moving its music, and the rows that need no training."""

import json
from pathlib import Path

import numpy as np
import pianoroll_baselines as baselines
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pianoroll_data import DATA_SETS, KEYS, LOWEST, Cutting, Unreadable, example, roll, room, transposed

ROLLS = st.integers(1, 40).flatmap(
    lambda steps: arrays(bool, (steps, KEYS), elements=st.booleans(), fill=st.just(False))
)


def written(folder: Path, splits: object) -> Path:
    (folder / 'JSB_Chorales.json').write_text(json.dumps(splits))
    return folder


def test_reads_a_split(tmp_path):
    folder = written(tmp_path, {'train': [[[21, 108], []]], 'test': [[[60]]]})
    (keys,) = DATA_SETS['jsb'].read(folder, 'train')
    assert keys.shape == (2, 88)
    assert np.argwhere(keys).tolist() == [[0, 0], [0, 87]]


@pytest.mark.parametrize('splits', [{}, [], {'train': [[[20]]]}, {'train': [[[109]]]}, {'train': [[]]}, {'train': []},
                                    {'train': [[['C4']]]}, {'train': 3}])  # fmt: skip
def test_says_what_is_wrong_with_a_file(tmp_path, splits):
    with pytest.raises(Unreadable, match=r'JSB_Chorales\.json'):
        DATA_SETS['jsb'].read(written(tmp_path, splits), 'train')


def test_says_what_is_missing(tmp_path):
    with pytest.raises(Unreadable, match=r'There is no .*Nottingham\.json\. DATA must name the folder'):
        DATA_SETS['nottingham'].read(tmp_path, 'train')


@given(ROLLS)
def test_an_example_holds_the_roll(keys):
    stored = example(keys, seen=0)
    ends = np.cumsum(stored['sizes'])
    frames = [stored['pitches'][end - size : end].tolist() for end, size in zip(ends, stored['sizes'], strict=True)]
    assert all(frame == sorted(frame) for frame in frames)
    assert (roll(frames) == keys).all()


@given(ROLLS, st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_transposing_keeps_every_note_on_the_piano(keys, most, seed):
    ((moved, seen),) = Cutting(transpose=(-most, most)).pieces([keys], np.random.default_rng(seed))
    lowest, highest = room(keys)
    by = [n for n in range(max(-most, lowest), min(most, highest) + 1) if (transposed(keys, n) == moved).all()]
    assert by and not seen
    assert (moved.sum(axis=1) == keys.sum(axis=1)).all()


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_cutting_predicts_every_step_once_and_in_order(steps, crop, context, seed):
    keys = np.random.default_rng(seed).random((steps, KEYS)) < 0.3
    pieces = list(Cutting(crop=crop, context=context).pieces([keys], np.random.default_rng(seed)))
    assert (np.concatenate([piece[seen:] for piece, seen in pieces]) == keys).all()
    position = 0
    for piece, seen in pieces:
        assert 0 < len(piece) - seen <= crop
        assert seen == min(context, position)
        assert (piece[:seen] == keys[position - seen : position]).all()
        position += len(piece) - seen


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_scattered_steps_are_the_same_steps_in_another_order(lengths, crop, seed):
    rng = np.random.default_rng(seed)
    rolls = [rng.random((steps, KEYS)) < 0.3 for steps in lengths]
    pieces = [piece for piece, _ in Cutting(crop=crop, scattered=True).pieces(rolls, rng)]
    assert all(0 < len(piece) <= crop for piece in pieces)
    found, wanted = (sorted(map(bytes, np.concatenate(found))) for found in (pieces, rolls))
    assert found == wanted


def test_scattered_steps_come_from_all_sequences():
    rolls = [np.tile(np.arange(KEYS) == number, (100, 1)) for number in range(5)]
    piece, _ = next(Cutting(crop=50, scattered=True).pieces(rolls, np.random.default_rng(49)))
    assert len({bytes(step) for step in piece}) > 1
    with pytest.raises(ValueError, match='no context'):
        Cutting(context=2, scattered=True)


def test_only_a_share_is_transposed():
    keys = np.zeros((1, KEYS), bool)
    keys[0, 40] = True
    pieces = Cutting(transpose=(-5, 5), share=0.5).pieces([keys] * 1000, np.random.default_rng(0))
    unmoved = sum(bool(piece[0, 40]) for piece, _ in pieces)
    assert abs(unmoved - 1000 * (0.5 + 0.5 / 11)) < 60


def two_keys(text: str) -> np.ndarray:
    """'ab-' is a step with the first key, one with the second, one with neither."""
    keys = np.zeros((len(text), 2), bool)
    for step, letter in enumerate(text):
        if letter != '-':
            keys[step, 'ab'.index(letter)] = True
    return keys


def test_unigram_follows_laplace():
    probabilities = baselines.unigram([two_keys('aa-'), two_keys('b')])
    np.testing.assert_allclose(probabilities, [3 / 6, 2 / 6])
    assert baselines.unigram_nats(probabilities, [two_keys('a')]) == pytest.approx(-np.log(0.5) - np.log(2 / 3))


def test_every_step_of_every_sequence_counts_the_same():
    probabilities = np.array([0.9, 0.2])
    long, short = two_keys('aaab'), two_keys('b')
    likely, unlikely = -np.log(0.9 * 0.8), -np.log(0.1 * 0.2)
    assert baselines.unigram_nats(probabilities, [long, short]) == pytest.approx((3 * likely + 2 * unlikely) / 5)


def test_markov_counts_what_follows_what_within_sequences():
    transitions = baselines.markov([two_keys('aab'), two_keys('bb')])
    # After a step with a: once with a, once without. Without a: only ever without.
    assert transitions[1, 0] == 0.5
    assert transitions[0, 0] == 1e-6
    # After a step with b only ever b; without b, once of two.
    np.testing.assert_allclose(transitions[:, 1], [0.5, 1 - 1e-6])


def test_markov_predicts_first_steps_from_their_own_probabilities():
    transitions = np.array([[0.3, 0.4], [0.6, 0.7]])
    beginnings = np.array([0.2, 0.1])
    first = -np.log(0.2 * 0.9)
    then = -np.log(0.4 * 0.4)  # from a alone to b alone: a ends, b begins
    rolls = [two_keys('ab'), two_keys('a')]
    assert baselines.markov_nats(transitions, rolls, beginnings) == pytest.approx((2 * first + then) / 3)
    assert baselines.markov_nats(transitions, rolls, None) == pytest.approx(then)


def test_lowest_is_the_first_column():
    assert roll([[LOWEST]])[0, 0]
