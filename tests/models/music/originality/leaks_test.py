"""What was done to a copy is said of it."""

import dataclasses

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.models.music.originality import leaks
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece


def music(
    seed: int, semitones: int = 0, qpm: float = 120.0, rest: float = 0.0, metre: tuple[int, int] = (4, 4),
    changed: int = 0,
) -> Piece:  # fmt: skip
    """A tune, after a rest in quarters."""
    sequence = music_pb2.NoteSequence(id='/id/x')
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    rng = np.random.default_rng(seed)
    onsets, pitches = np.cumsum(rng.choice([0.25, 0.5, 0.75, 1], 60)), rng.integers(48, 80, 60)
    for number, (onset, pitch) in enumerate(zip(onsets.tolist(), pitches.tolist(), strict=True)):
        start = (rest + onset) * 60 / qpm
        sequence.notes.add(
            pitch=pitch + semitones + (number < changed), velocity=80, start_time=start, end_time=start + 0.1
        )
    return piece.of(sequence)


@pytest.mark.parametrize(
    'options, kinds',
    [
        ({}, ('exact',)),
        ({'semitones': 3}, ('transposed by +3',)),
        ({'qpm': 60.0}, ('other tempo (0.50 times as fast)',)),
        ({'rest': 1.0}, ('re-barred',)),
        ({'rest': 4.0}, ('exact',)),
        ({'metre': (3, 4)}, ('re-barred',)),
        ({'changed': 2}, ('some notes changed',)),
        (
            {'semitones': -5, 'qpm': 150.0, 'rest': 0.5},
            ('transposed by -5', 'other tempo (1.25 times as fast)', 're-barred'),
        ),
    ],
)  # fmt: skip
def test_kinds_are_told(options: dict, kinds: tuple[str, ...]) -> None:
    known = [music(seed) for seed in range(5)]
    (leak,) = leaks.find([music(7), music(3, **options)], known)
    assert (leak.place, leak.others) == (1, (3,))
    assert leak.likeness.kinds == kinds
    assert (leak.likeness.shared == 1) == ('changed' not in options)


def test_all_that_is_like_it_is_named_and_the_most_alike_comes_first() -> None:
    (leak,) = leaks.find([music(3)], [music(3, changed=3), music(4), music(3, semitones=2)])
    assert leak.others == (2, 0)


def test_music_without_notes_leaks_nothing() -> None:
    empty = dataclasses.replace(music(1), notes=np.zeros(0, piece.NOTE))
    assert leaks.find([empty], [empty]) == leaks.find([music(1)], []) == []
