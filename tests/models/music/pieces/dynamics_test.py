"""How loud notes are at each place of the bar: measured, and given to generated notes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.hparams.dynamics import SHARES, Dynamics
from solferino.models.music.pieces import dynamics, piece


def music(*velocities: int, qpm: float = 60, metre: tuple[int, int] = (4, 4)) -> music_pb2.NoteSequence:
    """A note on each sixteenth, at 60 quarters a minute."""
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    step = 15 / qpm
    for k, velocity in enumerate(velocities):
        sequence.notes.add(pitch=60, velocity=velocity, start_time=k * step, end_time=(k + 1) * step)
    sequence.total_time = len(velocities) * step
    return sequence


def counts(sequence: music_pb2.NoteSequence, kinds: np.ndarray | None = None):
    found = piece.of(sequence)
    rows = np.arange(len(found.notes))
    return dynamics.count(found, rows, np.zeros(len(rows), np.int64) if kinds is None else kinds)


def played(sequence: music_pb2.NoteSequence, learned: Dynamics, seed: int = 0, begin: float = 0.0) -> list[int]:
    made = music_pb2.NoteSequence()
    made.CopyFrom(sequence)
    dynamics.apply(made, np.zeros(len(made.notes), np.int64), learned, (seed, 0), begin)
    return [note.velocity for note in made.notes]


def test_velocities_are_counted_at_their_place() -> None:
    found = counts(music(100, 50, 60, 50, metre=(3, 4)), np.array([0, 0, 7, -1]))
    assert found == {'3/4 0 0 100': 1, '3/4 0 1 50': 1, '3/4 7 2 60': 1}


def test_what_is_always_so_is_learned_and_played() -> None:
    bar = [110, 40, 60, 40, 90, 40, 60, 40] * 2
    learned = dynamics.learn(counts(music(*bar * 40)))
    flat = music(*[80] * 32)
    assert played(flat, learned) == bar * 2
    assert played(flat, learned, begin=0.25)[:16] == bar[1:] + bar[:1]  # music that begins a step after the bar line


def test_rare_places_are_played_as_places_like_them() -> None:
    learned = dynamics.learn(counts(music(*[110, 40, 60, 40, 90, 40, 60, 40] * 80)))
    waltz = played(music(*[80] * 12, metre=(3, 4)), learned)  # there is none in the music learned from
    assert waltz[1] == waltz[3] == 40 and waltz[2] == 60
    assert waltz[4] in (90, 110) and waltz[8] in (90, 110)


def test_they_are_spread_as_they_were() -> None:
    known = np.random.default_rng(0).normal(70, 15, 16_000).clip(1, 127).astype(int).tolist()
    learned = dynamics.learn(counts(music(*known)))
    found = [velocity for seed in range(30) for velocity in played(music(*[80] * 160), learned, seed)]
    assert np.mean(found) == pytest.approx(70, abs=3) and np.std(found) == pytest.approx(15, abs=2.5)


def test_kinds_of_which_nothing_is_known_stay() -> None:
    learned = dynamics.learn(counts(music(*[110, 40] * 80)))
    made = music(80, 80)
    dynamics.apply(made, np.array([0, 5]), learned, (0, 0))
    assert [note.velocity for note in made.notes] == [110, 80]


@pytest.mark.parametrize('velocities', [[100] * 500, [100] * 499 + [50], [100, 50], []])
def test_music_that_no_one_has_played_teaches_nothing(velocities: list[int]) -> None:
    assert dynamics.learn(counts(music(*velocities))) == Dynamics()


def test_the_same_seed_plays_the_same_and_a_later_beginning_goes_on_alike() -> None:
    learned = dynamics.learn(counts(music(*np.random.default_rng(0).integers(1, 128, 2000).tolist())))
    flat = music(*[80] * 40)
    assert played(flat, learned, 1) == played(flat, learned, 1) != played(flat, learned, 2)
    later = music(*[80] * 30)
    assert played(later, learned, 1, begin=2.5) == played(flat, learned, 1)[10:]


@given(
    st.lists(st.integers(1, 127), max_size=400),
    st.sampled_from([(4, 4), (6, 8), (5, 4), (7, 8), (2, 2), (3, 16), (12, 8)]),
    st.integers(0, 5),
)
def test_any_music_can_be_learned_from_and_played(velocities: list[int], metre: tuple[int, int], seed: int) -> None:
    learned = dynamics.learn(counts(music(*velocities, metre=metre)))
    assert Dynamics(learned.curves) == learned
    lowest, highest = min(velocities, default=1), max(velocities, default=1)
    found = played(music(*[64] * 50, metre=metre), learned, seed)
    assert all(lowest <= velocity <= highest or velocity == 64 for velocity in found)


@pytest.mark.parametrize('curve', ['4/4 0 0: 1 2', 'nonsense', f'all 0:{" 128" * len(SHARES)}', f'all 0:{" 0" * 7}'])
def test_damaged_curves_are_refused(curve: str) -> None:
    with pytest.raises(ValueError, match='dynamics'):
        Dynamics((curve,))


def test_given_notes_get_their_velocities_back() -> None:
    """Of those of their pitch the nearest, and the louder of two in one place."""
    made = music(80, 80, 80, 80, 80, 80)
    given = np.zeros(5, piece.NOTE)
    given['pitch'], given['velocity'] = [60, 60, 60, 61, 60], [20, 30, 40, 50, 0]
    starts = np.array([0.01, 0.12, 0.12, 0.25, 0.375])
    dynamics.restore(made, range(5), starts, given)
    assert [note.velocity for note in made.notes] == [20, 40, 40, 80, 80, 80]
