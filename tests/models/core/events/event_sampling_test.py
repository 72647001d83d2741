"""Sampling and scoring: what must hold for any weights."""

import itertools

import numpy as np
import pytest

from solferino.hparams.networks.event_rnn import EventGeneration
from solferino.models.core.events import event_sampling
from solferino.models.core.events.event_forward import Forward, log_softmax
from solferino.models.music.encodings.event_encodings import EventEncoding

ENCODING = EventEncoding(5, counter_bits=2)
PRIMER = np.array([[1, 0, 3]], np.int32)


@pytest.fixture(scope='module')
def forward() -> Forward:
    rng = np.random.default_rng(0)
    size, units, length = ENCODING.input_size, 6, 3
    shapes = {
        'lstm_0/kernel': (size, 4 * units),
        'lstm_0/recurrent_kernel': (units, 4 * units),
        'lstm_0/bias': (4 * units,),
        'attention/input_kernel': (size, size),
        'attention/context_kernel': (units, size),
        'attention/input_bias': (size,),
        'attention/query_kernel': (2 * units, units),
        'attention/query_bias': (units,),
        'attention/memory_kernel': (units, units),
        'attention/score': (units,),
        'attention/output_kernel': (2 * units, units),
        'attention/output_bias': (units,),
        'logits/kernel': (units, 5),
        'logits/bias': (5,),
    }
    return Forward({n: rng.normal(0, 1, s).astype(np.float32) for n, s in shapes.items()}, length, False)


def _sample(forward: Forward, tracks: int = 4, length: int = 20, **options) -> np.ndarray:
    primers = np.repeat(PRIMER, tracks, axis=0)
    return event_sampling.sample(forward, ENCODING, primers, length, EventGeneration(**options), range(tracks))


def _greedy(forward: Forward, length: int) -> list[int]:
    """The likeliest event at each step, from the whole history each time."""
    events = PRIMER[0].tolist()
    while len(events) < length:
        logits, _ = forward.run(ENCODING.inputs(np.array([events])), forward.initial_state(1))
        events.append(int(logits[0, -1].argmax()))
    return events


def test_a_track_does_not_depend_on_those_beside_it(forward: Forward) -> None:
    many = _sample(forward, tracks=7, seed=5)
    np.testing.assert_array_equal(many[:3], _sample(forward, tracks=3, seed=5))
    assert len(np.unique(many, axis=0)) > 1
    assert not np.array_equal(many, _sample(forward, tracks=7, seed=6))


@pytest.mark.parametrize('options', [{}, {'beam_size': 3, 'branch_factor': 2, 'steps_per_iteration': 4}])
def test_slices_and_threads_do_not_show(forward: Forward, options: dict) -> None:
    assert len({event_sampling._num_slices(14, 12, threads) for threads in (1, 3, 20)}) == 3
    primers = np.random.default_rng(0).integers(0, 5, (160, 3)).astype(np.int32)
    primers[::2] = primers[0]

    def tracks(rows: np.ndarray, threads: int | None) -> np.ndarray:
        given = EventGeneration(seed=3, temperature=10, **options)
        return event_sampling.sample(forward, ENCODING, primers[rows], 24, given, rows.tolist(), threads=threads)

    together = tracks(np.arange(160), threads=1)
    assert len(np.unique(together, axis=0)) > 100
    for threads in (3, 20, None):
        np.testing.assert_array_equal(tracks(np.arange(160), threads), together)
    for rows in ([0], [7], [159, 4], range(50, 63)):
        np.testing.assert_array_equal(tracks(np.array(rows), None), together[rows])


def test_an_error_in_a_thread_is_told(forward: Forward) -> None:
    primers = np.full((100, 3), 99, np.int32)  # there are five classes
    with pytest.raises(IndexError):
        event_sampling.sample(forward, ENCODING, primers, 9, EventGeneration(), range(100), threads=2)


@pytest.mark.parametrize('temperature', [1e-300, 1e-30, 1e30, 1e300])
def test_any_temperature(forward: Forward, temperature: float) -> None:
    row = _sample(forward, tracks=64, temperature=temperature)
    if temperature < 1:
        assert row[0].tolist() == _greedy(forward, 20)
    else:
        counts = np.bincount(row[:, 3:].ravel(), minlength=5)
        assert counts.min() > counts.max() / 2  # all are alike


def test_primer_stays(forward: Forward) -> None:
    assert (_sample(forward)[:, :3] == PRIMER).all()


@pytest.mark.parametrize('options', [{'temperature': 1e-3}, {'top_k': 1}, {'temperature': 1e-6, 'beam_size': 2}])
def test_without_randomness_the_likeliest_is_taken(forward: Forward, options: dict) -> None:
    expected = _greedy(forward, 20)
    assert all(row.tolist() == expected for row in _sample(forward, **options))


def test_top_k_keeps_to_the_likeliest(forward: Forward) -> None:
    for row in _sample(forward, tracks=8, top_k=2, length=12):
        logits, _ = forward.run(ENCODING.inputs(row[None]), forward.initial_state(1))
        for t in range(3, 12):
            assert row[t] in np.argsort(logits[0, t - 1])[-2:]


def test_samples_follow_the_probabilities(forward: Forward) -> None:
    tracks = 4000
    drawn = _sample(forward, tracks=tracks, length=4)[:, 3]
    logits, _ = forward.run(ENCODING.inputs(PRIMER), forward.initial_state(1))
    probabilities = np.exp(log_softmax(logits[0, -1].astype(np.float64)))
    counts = np.bincount(drawn, minlength=5) / tracks
    np.testing.assert_allclose(counts, probabilities, atol=5 * np.sqrt(0.25 / tracks))


def test_log_likelihoods_of_all_continuations_add_up_to_one(forward: Forward) -> None:
    scores = [
        event_sampling.log_likelihood(forward, ENCODING, np.array([2, *rest], np.int32))
        for rest in itertools.product(range(5), repeat=3)
    ]
    assert np.exp(scores).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize('steps_per_iteration', [1, 3, 50])
def test_a_beam_finds_likelier_tracks(forward: Forward, steps_per_iteration: int) -> None:
    def mean_score(**options) -> float:
        tracks = _sample(forward, tracks=20, length=18, **options)
        return np.mean([event_sampling.log_likelihood(forward, ENCODING, track) for track in tracks])

    beam = mean_score(beam_size=4, branch_factor=3, steps_per_iteration=steps_per_iteration)
    assert beam > mean_score() + 1
