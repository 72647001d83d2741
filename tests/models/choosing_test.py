"""Which outputs are kept."""

import dataclasses
import math
from pathlib import Path

import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models import choosing, load
from solferino.models.loading import Model


def _drums(*bars: tuple[int, ...]) -> music_pb2.NoteSequence:
    """Bars of 4/4 at 120 with a bass drum on each of these eighths."""
    sequence = music_pb2.NoteSequence(ticks_per_quarter=220, total_time=2.0 * len(bars))
    sequence.tempos.add(qpm=120)
    for bar, eighths in enumerate(bars):
        for eighth in eighths:
            start = 2.0 * bar + eighth / 4
            sequence.notes.add(pitch=36, velocity=80, start_time=start, end_time=start + 0.1, is_drum=True)
    return sequence


@pytest.fixture
def model(shared: Path) -> Model:
    return load(shared / 'golden/bundles/one_drum.mag')


def test_likely_and_varied_music_comes_first(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    dull, varied, wild = _drums((0,), (0,), (0,)), _drums((0,), (0, 2), (0, 4)), _drums((1,), (1, 2), (1, 4))
    told = {dull.SerializeToString(): -1.0, varied.SerializeToString(): -2.0, wild.SerializeToString(): -30.0}
    monkeypatch.setattr(Model, 'log_likelihood', lambda _, music: told.get(music.SerializeToString(), -0.5))  # halves
    found = choosing.rank(model, [wild, dull, varied])
    assert {one.number: one.repetition for one in found} == {0: 0, 1: 1, 2: 0}
    assert found[0].number == 2  # ranks 1 and 0, and of the dull one 0 and 2
    assert found[0].log_likelihood == pytest.approx(-2 / 3)


def test_what_is_like_the_music_held_out_comes_first(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, 'log_likelihood', lambda _, music: -1.0)
    model = dataclasses.replace(model, held_out_music={'repetition': 1.0, 'notes_per_bar': 1.0, 'bars': 3.0})
    dull, varied = _drums((0,), (0,), (0,)), _drums((0,), (0, 2), (0, 4))
    found = choosing.rank(model, [varied, dull])
    assert [one.number for one in found] == [1, 0]
    assert found[0].distance == pytest.approx(0)
    assert found[1].distance == pytest.approx((1 + 2 / 3) / 2)
    long = choosing.rank(model, [_drums(*[(0,)] * 9), _drums((0,))])  # in stretches of three bars, and a shorter one
    assert long[0].distance == pytest.approx(0) and not math.isnan(long[1].distance)


def test_what_falls_apart_is_not_chosen(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is like the music in every average, likelihood too, but half of it is the least likely of all."""
    groove, other, apart = _drums(*[(0, 4)] * 4), _drums(*[(2, 4)] * 4), _drums((0,), (0,), (0, 1, 2), (0, 1, 2))

    def told(_: Model, music: music_pb2.NoteSequence) -> float:
        if music.notes[1].start_time == 2.0:  # `apart`
            return -1.0 if music.total_time == 4.0 else -15.0
        return -2.0 * music.total_time

    monkeypatch.setattr(Model, 'log_likelihood', told)
    music = {'repetition': 2 / 3, 'notes_per_bar': 2.0, 'bars': 4.0}
    found = choosing.rank(dataclasses.replace(model, held_out_music=music), [apart, groove, other])
    assert [one.number for one in found] == [1, 2, 0]
    assert found[2].log_likelihood > found[0].log_likelihood
    assert found[2].distance < found[0].distance and found[2].rank < found[0].rank


def test_it_is_the_same_each_time(model: Model) -> None:
    music = model.generate(num_outputs=6, num_bars=4, seed=3)
    found = choosing.rank(model, music)
    assert repr(found) == repr(choosing.rank(model, music))  # nan is not equal to itself
    assert sorted(one.number for one in found) == list(range(6))
    assert all(one.log_likelihood < 0 for one in found if not math.isnan(one.log_likelihood))
    for some in (found[:4], found[4:]):  # two stand behind the others
        assert [one.rank for one in some] == sorted(one.rank for one in some)
    assert 'nats a bar' in choosing.table(found, ['a', 'b'])


def test_a_figure_that_none_has_does_not_count(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Model, music: object) -> float:
        raise SolferinoError('tells no likelihood')

    monkeypatch.setattr(Model, 'log_likelihood', refuse)
    dull, varied = _drums((0,), (0,)), _drums((0,), (0, 2))
    assert [one.number for one in choosing.rank(model, [dull, varied])] == [1, 0]


def test_silence_is_last(model: Model) -> None:
    silent = music_pb2.NoteSequence(ticks_per_quarter=220, total_time=4.0)
    found = choosing.rank(model, [silent, _drums((0,), (0, 2))])
    assert found[-1].number == 0 and math.isnan(found[-1].repetition)
