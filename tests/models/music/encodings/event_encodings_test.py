"""Input vectors and labels are Magenta's, in whole tracks and in chunks of any size."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq import Melody, encoder_decoder, melody_encoder_decoder
from note_seq.drums_encoder_decoder import MultiDrumOneHotEncoding

from solferino.models.music.encodings.event_encodings import Encoding, EventEncoding, to_dense
from solferino.models.music.encodings.key_encoding import KeyEncoding
from solferino.models.music.pieces import drums

KIT = EventEncoding(512, counter_bits=6)
_NOTES = melody_encoder_decoder.MelodyOneHotEncoding(48, 84)
_BARS = [16, 32]


def _melody(classes: np.ndarray) -> Melody:
    return Melody([_NOTES.decode_event(int(c)) for c in classes])


# Ours, note-seq's, and how event classes become the events that note-seq's takes.
PAIRS: dict[str, tuple[Encoding, object, Callable]] = {
    'drums': (
        KIT,
        encoder_decoder.LookbackEventSequenceEncoderDecoder(MultiDrumOneHotEncoding(), [], 6),
        drums.DRUM_KIT.decode,
    ),
    'one hot': (EventEncoding(38), encoder_decoder.OneHotEventSequenceEncoderDecoder(_NOTES), _melody),
    'lookback': (
        EventEncoding(38, counter_bits=5, lookbacks=(16, 32)),
        encoder_decoder.LookbackEventSequenceEncoderDecoder(_NOTES, _BARS, 5),
        _melody,
    ),
    'key': (
        KeyEncoding(38, counter_bits=7, lookbacks=(16, 32), min_note=48),
        melody_encoder_decoder.KeyMelodyEncoderDecoder(48, 84, _BARS, 7),
        _melody,
    ),
}


@st.composite
def tracks(draw: st.DrawFn, encoding: Encoding) -> np.ndarray:
    """Event classes with silences and repeats, as music has them; a melody does not begin with a note off."""
    few = draw(st.lists(st.integers(0, encoding.num_events - 1), min_size=1, max_size=6))
    events = draw(st.lists(st.sampled_from([0, 0, 1, *few]), min_size=2, max_size=80))
    events += events[: draw(st.integers(0, 40))]
    first = next((i for i, e in enumerate(events) if e > 1), len(events))
    return np.array([0 if i < first and e == 1 else e for i, e in enumerate(events)], np.int32)


@pytest.mark.parametrize('name', PAIRS)
@given(st.data())
def test_dense_form_is_that_of_note_seq(name: str, data: st.DataObject) -> None:
    ours, theirs, decode = PAIRS[name]
    classes = data.draw(tracks(ours))
    inputs, labels = theirs.encode(decode(classes))
    dense = to_dense(ours, classes)
    np.testing.assert_array_equal(dense[0], np.array(inputs, np.float32))
    np.testing.assert_array_equal(dense[1], labels)
    assert (ours.input_size, ours.num_classes) == (theirs.input_size, theirs.num_classes)
    assert ours.no_event_label == theirs.default_event_label


@pytest.mark.parametrize('name', PAIRS)
@given(st.data())
def test_chunks_give_what_the_whole_track_gives(name: str, data: st.DataObject) -> None:
    encoding = PAIRS[name][0]
    batch = np.stack([data.draw(tracks(encoding))[:2] for _ in range(3)])
    batch = np.concatenate([batch, *(batch[:, ::-1] for _ in range(data.draw(st.integers(0, 30))))], axis=1)
    whole = encoding.inputs(batch)
    state, start = encoding.start(3), 0
    while start < batch.shape[1]:
        size = data.draw(st.integers(1, 5))
        chunk, state = encoding.advance(state, batch[:, start : start + size])
        np.testing.assert_array_equal(chunk.ones, whole.ones[:, start : start + size])
        np.testing.assert_array_equal(chunk.dense, whole.dense[:, start : start + size])
        start += size
        state = state.take(np.arange(3))


@pytest.mark.parametrize('name', PAIRS)
@given(st.data())
def test_labels_are_undone_step_by_step(name: str, data: st.DataObject) -> None:
    encoding = PAIRS[name][0]
    classes = data.draw(tracks(encoding))[None]
    state = encoding.start(1)
    for step, label in enumerate(encoding.labels(classes)[0]):
        _, state = encoding.advance(state, classes[:, step : step + 1])
        assert encoding.events_of_labels(state, np.array([label])) == classes[0, step + 1]


@pytest.mark.parametrize('name', PAIRS)
@given(st.data())
def test_meanings_are_all_labels_that_mean_the_event(name: str, data: st.DataObject) -> None:
    ours, _, _ = PAIRS[name]
    events = data.draw(tracks(ours))[None]
    meanings, labels = ours.meanings(events)[0], ours.labels(events)[0]
    assert meanings.shape == (events.shape[1] - 1, 1 + len(ours.lookbacks))
    every = np.arange(ours.num_classes)
    for step, label in enumerate(labels):
        assert label in meanings[step]
        state = ours.advance(ours.start(1), events[:, : step + 1])[1].take(np.zeros(len(every), int))
        mean_it = every[ours.events_of_labels(state, every) == events[0, step + 1]]
        assert set(meanings[step]) == set(mean_it)


@pytest.mark.parametrize('name', PAIRS)
@given(st.data())
def test_dense_form_is_read_back(name: str, data: st.DataObject) -> None:
    encoding = PAIRS[name][0]
    classes = data.draw(tracks(encoding))
    np.testing.assert_array_equal(encoding.events_of_dense(*to_dense(encoding, classes)), classes)


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
