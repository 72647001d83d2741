"""Input vectors and labels are Magenta's, whole tracks and single steps alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq import encoder_decoder
from note_seq.drums_encoder_decoder import MultiDrumOneHotEncoding

from solferino.models.music import drums
from solferino.models.music.encodings import OneHotEncoding, to_dense

TRACKS = st.lists(st.integers(0, 511), min_size=2, max_size=80).map(lambda c: np.array(c, np.int32))
KIT = OneHotEncoding(512, counter_bits=6)


@given(TRACKS)
def test_dense_form_is_that_of_note_seq(classes: np.ndarray) -> None:
    theirs = encoder_decoder.LookbackEventSequenceEncoderDecoder(
        MultiDrumOneHotEncoding(), lookback_distances=[], binary_counter_bits=6
    )
    inputs, labels = theirs.encode(drums.DRUM_KIT.decode(classes))
    ours = to_dense(KIT, classes)
    np.testing.assert_array_equal(ours[0], np.array(inputs, np.float32))
    np.testing.assert_array_equal(ours[1], labels)
    assert KIT.input_size == theirs.input_size


@given(TRACKS, st.data())
def test_one_step_is_the_same_as_in_the_whole_track(classes: np.ndarray, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(classes) - 1))
    whole = KIT.inputs(classes[None])
    tail = KIT.inputs(classes[None], start=start)
    np.testing.assert_array_equal(whole.ones[:, start:], tail.ones)
    np.testing.assert_array_equal(whole.dense[:, start:], tail.dense)


@given(TRACKS)
def test_dense_form_is_read_back(classes: np.ndarray) -> None:
    np.testing.assert_array_equal(KIT.events_of_dense(*to_dense(KIT, classes)), classes)


@pytest.mark.parametrize(
    'inputs, labels, says',
    [
        (np.zeros((3, 38), np.float32), np.zeros(3, np.int64), '38 values a step; this config has 518'),
        (np.zeros((3, 518), np.float32), np.full(3, 600), 'numbers from 0 to 511'),
        (np.zeros((3, 518), np.float32), np.zeros(3, np.int64), 'not what this config makes'),
    ],
)
def test_foreign_dense_examples_are_refused(inputs: np.ndarray, labels: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        KIT.events_of_dense(inputs, labels)
