import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.hparams.musegan import SPEC, MuseGanExtraction, MuseGanLearned
from solferino.models.musegan.classes import Classes
from solferino.models.music.pieces.voices import HOLD, REST, sounding

CLASSES = Classes.of(MuseGanExtraction())
TUTORIAL = Classes.of(MuseGanExtraction(lowest_pitch=0, tutorial_format=True))


@given(st.lists(st.sampled_from([0, 1, 2, 40, 85]), min_size=1, max_size=40))
def test_classes_come_back(drawn: list[int]) -> None:
    classes = np.array(drawn, np.int32)[:, None]
    voices = CLASSES.voices(classes)
    again = CLASSES.of_voices(voices)
    # What is held after nothing is a rest; else nothing changes.
    assert ((again == classes) | ((classes == 1) & (again == 0))).all()
    np.testing.assert_array_equal(CLASSES.voices(again), voices)
    assert CLASSES.fits(voices)


def test_a_track_stays_in_its_range() -> None:
    allowed = CLASSES.allowed(MuseGanLearned((60, 40), (72, 41)), 2)
    assert allowed.shape == (86, 2)
    pitches = [np.flatnonzero(column == 0)[2:] - 2 + 24 for column in allowed.T]
    assert [(one.min(), one.max(), len(one)) for one in pitches] == [(60, 72, 13), (40, 41, 2)]
    assert (allowed[:2] == 0).all() and (CLASSES.allowed(MuseGanLearned(), 2) == 0).all()


@given(st.integers(0, 10**6), st.sampled_from([1, 2, 4]))
def test_voices_do_not_cross(seed: int, tracks: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(3, 2, 16, 86, tracks)).astype(np.float32)
    logits[..., 1, :] += 2  # what is held is often longer than a step
    logits[:, 0, 0, 1] = -9  # and never when a piece begins
    free = CLASSES.likeliest(logits, crossing=True)
    np.testing.assert_array_equal(free, logits.argmax(axis=3).reshape(3, 32, tracks))
    made = CLASSES.likeliest(logits)
    assert made.shape == free.shape and made.dtype == np.int32
    for one, as_it_was in zip(made, free, strict=True):
        heard = sounding(CLASSES.voices(one))
        highest = np.minimum.accumulate(np.where(heard < 0, 999, heard), axis=1)
        assert (heard <= highest).all()
        np.testing.assert_array_equal(one[:, 0], as_it_was[:, 0])
        before = sounding(CLASSES.voices(as_it_was))
        if (before <= np.minimum.accumulate(np.where(before < 0, 999, before), axis=1)).all():
            np.testing.assert_array_equal(one, as_it_was)


def test_a_piece_does_not_begin_with_what_another_has_struck() -> None:
    logits = np.zeros((1, 1, 16, 86, 4), np.float32)
    logits[..., 1, :] = 5
    logits[..., 40, :] = 4
    assert CLASSES.likeliest(logits)[0].tolist() == [[40] * 4] + [[1] * 4] * 15


@pytest.mark.parametrize('options', [{'voice_order': 'file'}, {'tutorial_format': True}])
def test_voices_in_no_order_may_cross(options: dict[str, Any]) -> None:
    classes = Classes.of(MuseGanExtraction(**options))
    logits = np.random.default_rng(1).normal(size=(2, 1, 16, classes.number, 3))
    np.testing.assert_array_equal(classes.likeliest(logits), logits.argmax(axis=3).reshape(2, 16, 3))


def test_they_are_rest_hold_and_pitches() -> None:
    voices = np.array([[60], [HOLD], [REST], [24], [107]])
    assert CLASSES.of_voices(voices)[:, 0].tolist() == [38, 1, 0, 2, 85]
    assert CLASSES.number == 86
    assert not CLASSES.fits(np.array([[108]])) and not CLASSES.fits(np.array([[23]]))
    assert CLASSES.fits(np.array([[REST], [HOLD]]))


def test_the_tutorials_format_loses_rests_and_what_is_struck_again() -> None:
    voices = np.array([[60], [60], [HOLD], [REST], [62]])
    classes = TUTORIAL.of_voices(voices)
    assert classes[:, 0].tolist() == [60, 60, 60, 0, 62]
    assert TUTORIAL.voices(classes)[:, 0].tolist() == [60, HOLD, HOLD, 0, 62]


@pytest.mark.parametrize('split', ['train', 'valid', 'test'])
def test_the_tutorials_first_chorale(shared: Path, split: str) -> None:
    """Foster 2023, "Generative Deep Learning", chapter 11, has it as (4, 2, 16, 84) with -1 and 1."""
    archive = (shared / 'data/chorales/jsb16_separated_dev.json').read_text()
    chorale = np.array(json.loads(archive)[split][0][:32])
    assert (chorale >= 0).all()
    bars = TUTORIAL.of_voices(chorale.astype(np.int32)).T.reshape(4, 2, 16)
    seen = 2 * np.eye(TUTORIAL.number)[bars] - 1
    assert seen.shape == (4, 2, 16, 84)
    assert set(np.unique(seen)) == {-1.0, 1.0}
    assert (chorale == seen.argmax(-1).reshape(4, 32).T).all()
    assert SPEC.configs['musegan'].hparams.num_bars == 2
