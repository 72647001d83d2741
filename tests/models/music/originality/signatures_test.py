"""Near-duplicates are found whatever was done to a copy, and other music is not taken for one."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.bin.generate import read_music
from solferino.models.music.originality import signatures
from solferino.models.music.pieces import piece

_LENGTHS = (0.25, 0.5, 0.5, 0.75, 1, 1.5, 2, 1 / 3)  # quarters
_DRUMS = (36, 38, 42, 46, 49, 51)


def tune(seed: int, notes: int = 60, drums: bool = False) -> list[tuple[float, int]]:
    """Onsets in quarters, and pitches."""
    rng = np.random.default_rng(seed)
    onsets = np.cumsum(rng.choice(_LENGTHS, notes))
    return [(float(a), int(rng.choice(_DRUMS) if drums else rng.integers(48, 80))) for a in onsets]


def signed(
    music: list[tuple[float, int]], qpm: float = 120.0, scale: float = 1.0, rest: float = 0.0, drums: bool = False,
    metre: tuple[int, int] = (4, 4),
) -> np.ndarray:  # fmt: skip
    """The signature of a tune whose times are scaled, after a rest in quarters."""
    sequence = music_pb2.NoteSequence(id='/id/x')
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    for onset, pitch in music:
        start = (rest + onset * scale) * 60 / qpm
        sequence.notes.add(pitch=pitch, velocity=80, start_time=start, end_time=start + 0.1, is_drum=drums)
    return signatures.signature(piece.of(sequence))


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(signatures.similarity(one, other) >= signatures.ALIKE)


@given(
    st.integers(0, 10**6), st.integers(-12, 12), st.floats(40, 240), st.sampled_from([0.25, 0.5, 1, 1.1, 2, 3]),
    st.sampled_from([0.0, 0.5, 3.0]), st.lists(st.tuples(st.integers(0, 59), st.integers(30, 90)), max_size=2),
)  # fmt: skip
def test_a_copy_is_found(
    seed: int, semitones: int, qpm: float, scale: float, rest: float, changed: list[tuple[int, int]]
) -> None:
    music = tune(seed)
    copy = [(onset, pitch + semitones) for onset, pitch in music]
    for place, pitch in changed:
        copy[place] = copy[place][0], pitch
    found = signed(copy, qpm, scale, rest, metre=(3, 4))
    assert alike(signed(music), found)
    if not changed:
        np.testing.assert_array_equal(signed(music), found)


@given(st.integers(0, 10**6), st.floats(40, 240), st.sampled_from([0.5, 1, 2]))
def test_drums_have_no_key_and_no_tempo(seed: int, qpm: float, scale: float) -> None:
    music = tune(seed, drums=True)
    np.testing.assert_array_equal(signed(music, drums=True), signed(music, qpm, scale, drums=True))
    others = [(onset, _DRUMS[(_DRUMS.index(pitch) + 1) % 6]) for onset, pitch in music]
    assert not alike(signed(music, drums=True), signed(others, drums=True))


@given(st.integers(0, 10**6))
def test_other_music_and_shuffled_music_is_no_copy(seed: int) -> None:
    music = tune(seed)
    assert not alike(signed(music), signed(tune(seed + 1)))
    pitches = np.random.default_rng(seed).permutation([pitch for _, pitch in music]).tolist()
    assert not alike(signed(music), signed([(music[k][0], pitches[k]) for k in range(len(music))]))


def test_a_short_tune_is_alike_to_the_very_same_alone() -> None:
    scale = [(k / 2, 60 + step) for k, step in enumerate((0, 2, 4, 5, 7))]
    other = [(k / 2, 60 + step) for k, step in enumerate((0, 2, 4, 5, 9))]
    assert alike(signed(scale), signed([(onset, pitch + 3) for onset, pitch in scale]))
    assert signatures.similarity(signed(scale), signed(other)) == 0


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 30)), min_size=1, max_size=20), st.randoms())
def test_groups_are_what_all_pairs_join_in_any_order(chosen: list[tuple[int, int]], random) -> None:
    """Rows that differ from one of eight in so many numbers."""
    rng = np.random.default_rng(0)
    roots = rng.integers(0, 1 << 32, (8, signatures.SIZE), dtype=np.uint32)
    table = roots[[root for root, _ in chosen]].copy()
    for row, (_, changes) in enumerate(chosen):
        table[row, rng.choice(signatures.SIZE, 3 * changes, replace=False)] = rng.integers(0, 1 << 32, 3 * changes)
    wanted = components(table)
    order = random.sample(range(len(table)), len(table))
    found = [sorted(order[row] for row in rows) for rows in signatures.groups(table[order])]
    assert sorted(found) == wanted


def components(table: np.ndarray) -> list[list[int]]:
    """What pairs of near-duplicates join, by brute force."""
    left, found = set(range(len(table))), []
    while left:
        group = {min(left)}
        while more := {b for b in left - group for a in group if alike(table[a], table[b])}:
            group |= more
        left -= group
        if len(group) > 1:
            found.append(sorted(group))
    return sorted(found)


@pytest.mark.cpus
def test_a_signature_is_the_same_on_every_machine() -> None:
    found = signed(tune(1)).astype('<u4').tobytes() + signed(tune(2, drums=True), drums=True).astype('<u4').tobytes()
    assert hashlib.sha256(found).hexdigest() == '01a633005dad932ed1002cd48d729037d6fbe2d72621a0798683e71753c71979'


def test_music_without_notes_has_a_signature_and_no_tempo_before_the_beginning_matters() -> None:
    assert signed([]).shape == (signatures.SIZE,)
    sequence = music_pb2.NoteSequence(id='/id/x')
    sequence.tempos.add(qpm=90, time=-3)
    sequence.notes.add(pitch=60, velocity=80, start_time=0, end_time=1)
    assert signatures.signature(piece.of(sequence)).shape == (signatures.SIZE,)


def test_real_music_is_alike_to_itself_in_another_key_and_to_nothing_else(shared: Path) -> None:
    files = sorted((shared / 'data/chorales/jsb_midi').glob('*.mid'))[:40]
    music = [read_music('test', str(file)) for file in files]
    table = np.array([signatures.signature(piece.of(one)) for one in music])
    for one in music:
        for note in one.notes:
            note.pitch += 2
            note.start_time, note.end_time = note.start_time * 1.3, note.end_time * 1.3
    moved = np.array([signatures.signature(piece.of(one)) for one in music])
    found = np.array([signatures.similarity(one, moved) for one in table])
    assert found.diagonal().min() > 0.95
    assert (found - np.eye(len(found))).max() < signatures.ALIKE
