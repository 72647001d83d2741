"""The split hangs on the seed and the notes, and on nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.models.music.originality import signatures
from solferino.models.music.pieces import piece
from solferino.pipelines import split


def test_a_side_depends_on_seed_and_key_alone() -> None:
    keys = [f'{n:064x}' for n in range(2000)]
    sides = [split.side(key, 0.25, 7) for key in keys]
    assert sides == [split.side(key, 0.25, 7) for key in keys]
    assert sides != [split.side(key, 0.25, 8) for key in keys]
    assert 400 < sides.count(split.EVAL) < 600
    # A larger ratio only moves pieces to the evaluation side.
    larger = [split.side(key, 0.5, 7) for key in keys]
    assert all(b == split.EVAL for a, b in zip(sides, larger, strict=True) if a == split.EVAL)
    assert {split.side(key, 0.0, 7) for key in keys} == {split.TRAINING}
    assert {split.side(key, 1.0, 7) for key in keys} == {split.EVAL}


Notes = list[tuple[int, int]]  # pitch, onset in sixteenths


def key(notes: Notes, qpm: float = 120.0, rest: float = 0.0, velocity: int = 80, name: str = 'a') -> str:
    """The key of notes that begin after a rest in seconds."""
    sequence = music_pb2.NoteSequence(id=f'/id/midi/{name}/1', filename=f'{name}.mid', collection_name=name)
    sequence.tempos.add(qpm=qpm)
    for pitch, step in notes:
        start = rest + step * 15 / qpm
        sequence.notes.add(pitch=pitch, velocity=velocity, start_time=start, end_time=start + 0.1)
    return split.key(piece.of(sequence))


notes = st.lists(st.tuples(st.integers(0, 127), st.integers(0, 500)), max_size=30)


@given(notes, st.randoms(), st.sampled_from([30.0, 97.3, 120.0, 333.0]), st.sampled_from([0.0, 0.31, 7.0]))
def test_a_copy_has_the_key_of_the_piece(given_notes: Notes, random, qpm: float, rest: float) -> None:
    copy = list(given_notes)
    random.shuffle(copy)
    assert key(copy, qpm, rest, velocity=40, name='copy') == key(given_notes)


@given(notes, notes)
def test_other_music_has_another_key(one: Notes, other: Notes) -> None:
    def seen(notes: Notes) -> Notes:
        first = min((step for _, step in notes), default=0)
        return sorted((pitch, step - first) for pitch, step in notes)

    assert (key(one) == key(other)) == (seen(one) == seen(other))


def test_the_key_is_the_same_on_every_machine() -> None:
    assert key([(60, 0), (64, 4), (67, 4)]) == '99f17756eece867fddf3b3a9b735dcc431396bcb9835d8458dff696b2ccafb6a'


def test_an_endless_tempo_and_no_notes_have_a_key() -> None:
    assert len(key([])) == len(key([(60, 0), (62, 3)], qpm=1e308)) == 64


def test_near_duplicates_have_one_leader_in_any_order() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(0, 1 << 32, (4, signatures.SIZE), dtype=np.uint32)
    table[2] = table[0]
    table[2, :40] = 0
    keys = ['cc' * 32, 'bb' * 32, 'aa' * 32, 'dd' * 32]
    signed = [bytes.fromhex(own) + row.astype('<u4').tobytes() for own, row in zip(keys, table, strict=True)]
    signed.append(signed[3])  # the same notes twice
    for records in (signed, signed[::-1]):
        assert split.leaders(records) == ({keys[0]: keys[2]}, 4)
    assert split.leaders([]) == ({}, 0)
