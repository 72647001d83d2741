"""A copied run is found with its length and where it stands; what is no run of another piece is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.models.music.originality import copies
from solferino.models.music.originality.copies import Copying
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece

Tune = list[tuple[int, int]]  # pitches, and steps until the next note; sixteenths


def random_tune(seed: int, notes: int) -> Tune:
    rng = np.random.default_rng(seed)
    return list(zip(rng.integers(30, 90, notes).tolist(), rng.integers(1, 9, notes).tolist(), strict=True))


def music(*parts: Tune, qpm: float = 120.0, drums: bool = False, rest: int = 0) -> Piece:
    """Tunes that begin together, each on an instrument of its own, after a rest in steps."""
    sequence = music_pb2.NoteSequence(id='/id/x')
    sequence.tempos.add(qpm=qpm)
    for instrument, notes in enumerate(parts):
        step = rest
        for pitch, length in notes:
            start, end = (at * 15 / qpm for at in (step, step + length))
            sequence.notes.add(
                pitch=pitch, velocity=80, start_time=start, end_time=end, instrument=instrument, is_drum=drums
            )
            step += length
    sequence.total_time = max((note.end_time for note in sequence.notes), default=0)
    return piece.of(sequence)


@given(
    st.integers(0, 10**6), st.integers(2, 30), st.integers(0, 20), st.integers(0, 20), st.integers(-20, 20),
    st.sampled_from([60.0, 97.3, 120.0, 180.0]),
)  # fmt: skip
def test_a_planted_run_is_found(seed: int, notes: int, before: int, there: int, semitones: int, qpm: float) -> None:
    run = random_tune(seed, notes)
    # What is around it leaps as the run and no other piece does.
    frame = [(0, 15), (127, 14), (1, 13)]
    known = [*random_tune(seed + 1, there), *frame, *run, (120, 16), *random_tune(seed + 2, 9)]
    moved = [(pitch + semitones, length) for pitch, length in run]
    made = [*random_tune(seed + 3, before), (10, 12), *moved, (3, 10), *random_tune(seed + 4, 9)]
    others = [music(random_tune(seed + 5 + k, 40)) for k in range(3)]
    found = copies.compare([music(made, qpm=qpm, rest=3)], [*others, music(known)])
    longest = found.generated[0].longest
    assert longest is not None
    if notes > 7:  # else chance may make one as long
        # A note before the run is of it where it lies as far from it, which the frame prevents but for its length.
        assert longest.notes == notes
        assert (longest.other, longest.semitones) == (3, semitones)
        steps_before = 3 + sum(length for _, length in made[: before + 1])
        assert longest.bar == steps_before // 16 + 1
        assert longest.other_bar == sum(length for _, length in known[: there + 3]) // 16 + 1
        assert longest.bars == pytest.approx(sum(length for _, length in run) / 16)
        assert longest.seconds == pytest.approx(longest.bars * 240 / qpm)
        assert found.generated[0].share >= notes / len(made)


@given(st.lists(st.lists(st.integers(1, 3), max_size=12), min_size=1, max_size=6), st.data())
def test_matches_are_those_of_a_plain_search(lines: list[list[int]], data: st.DataObject) -> None:
    owners = [data.draw(st.integers(0, 3)) for _ in lines]
    known = [owner < 3 for owner in owners]
    lengths, places = copies.matches([np.array(line, np.int64) for line in lines], owners, known)
    begins = np.cumsum([0, *(len(line) + 1 for line in lines)])
    for number, line in enumerate(lines):
        for at in range(len(line)):
            wanted = 0
            for other, theirs in enumerate(lines):
                if known[other] and owners[other] != owners[number]:
                    wanted = max(wanted, *(common(line[at:], theirs[there:]) for there in range(len(theirs))), 0)
            place = begins[number] + at
            assert lengths[place] == wanted
            if wanted:
                other = int(begins.searchsorted(places[place], side='right')) - 1
                assert known[other] and owners[other] != owners[number]
                assert common(line[at:], lines[other][places[place] - begins[other] :]) == wanted


@given(st.lists(st.integers(1, 3), max_size=20))
def test_the_longest_repeat_is_that_of_a_plain_search(line: list[int]) -> None:
    found = [common(line[a:], line[b:]) for b in range(len(line)) for a in range(b)]
    assert copies.longest_repeat(np.array(line, np.int64)) == max(found, default=0)


def common(one: list[int], other: list[int]) -> int:
    for length, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return length
    return min(len(one), len(other))


def test_a_copy_of_drums_is_found() -> None:
    rng = np.random.default_rng(0)
    hits = [(int(rng.choice([36, 38, 42, 49])), int(rng.integers(1, 5))) for _ in range(40)]
    found = copies.compare([music(hits[5:35], drums=True)], [music(hits, drums=True), music(random_tune(1, 40))])
    assert found.generated[0].notes == 30 and found.generated[0].share == 1
    assert found.generated[0].longest.semitones == 0
    melody = copies.compare([music(hits[5:35])], [music(hits, drums=True)])  # the same pitches, of no drums
    assert melody.generated == (Copying(None, 0.0),)


def test_a_melody_is_found_in_another_instrument_and_above_chords() -> None:
    tune = random_tune(1, 30)
    low = [(pitch % 12 + 12, length) for pitch, length in random_tune(2, 40)]
    apart = music(low, tune)
    together = music(tune)
    sequence = music_pb2.NoteSequence(id='/id/y')
    for line in (low, tune):
        step = 0
        for pitch, length in line:
            sequence.notes.add(pitch=pitch, velocity=80, start_time=step / 8, end_time=(step + length) / 8)
            step += length
    for known in (apart, piece.of(sequence)):
        assert copies.compare([together], [known]).generated[0].notes == 30


def test_training_pieces_are_compared_but_not_with_their_near_duplicates() -> None:
    tunes = [random_tune(seed, 60) for seed in range(20)]
    shared = [*tunes[1][:20], *random_tune(99, 40)]
    training = [music(tune) for tune in tunes] + [music([(p + 2, n) for p, n in tunes[0]]), music(shared)]
    found = copies.compare([music(tunes[5])], training)
    assert found.generated[0].notes == 60
    assert max(found.training[0].notes, found.training[20].notes) < 8
    assert found.training[1].notes == found.training[21].notes == 20
    assert found.usual == 20 and found.too_long == [0]


def test_music_without_lines_copies_nothing() -> None:
    found = copies.compare([music([]), music([(60, 4)])], [music([(60, 4)])])
    assert found.generated == (Copying(None, 0.0),) * 2 and found.generated[0].notes == 0
    assert found.too_long == []
    with pytest.raises(ValueError, match='no training piece'):
        copies.compare([music([(60, 4)])], [])
