"""What the network sees of tokens."""

import numpy as np

from solferino.models.jazz_rnn.token_encoding import BAR, TokenEncoding
from solferino.models.music.jazz import tokens

KNOWN = tuple(map(tokens.parse, ('C6', 'L12:1,2', 'R36', 'C6:0,0')))
ENCODING = TokenEncoding(5, tokens=KNOWN)


def test_the_parts_of_a_token_are_seen() -> None:
    events = np.array([[0, 1, 2, 3, 4]])
    inputs = ENCODING.inputs(events)
    starts = np.cumsum([0, *(size for size, _ in ENCODING.parts())])
    assert starts[-1] == ENCODING.input_size and len(starts) == ENCODING.slots + 1
    found = (inputs.ones[0] - starts[:-1]).tolist()
    none = len(tokens.BOUNDS)
    assert found == [
        [0, 5, 0, none, 0],
        [1, 0, 6, none, 6],
        [2, 1, 12, tokens.BOUNDS.index((1, 2)), 18],
        [3, 4, 36, none, 54 % BAR],
        [4, 0, 6, tokens.BOUNDS.index((0, 0)), 60 % BAR],
    ]
    assert inputs.dense.shape == (1, 5, 0)


def test_chunks_are_seen_as_the_whole_is() -> None:
    events = np.random.default_rng(0).integers(0, 5, (3, 40))
    whole = ENCODING.inputs(events).ones
    state, found = ENCODING.start(3), []
    for chunk in np.split(events, [1, 2, 17], axis=1):
        inputs, state = ENCODING.advance(state, chunk)
        found.append(inputs.ones)
    np.testing.assert_array_equal(np.concatenate(found, axis=1), whole)
    taken = ENCODING.advance(state.take(np.array([2, 0])), events[[2, 0], :5])[0].ones
    np.testing.assert_array_equal(taken, ENCODING.advance(state, events[:, :5])[0].ones[[2, 0]])


def test_a_window_begins_where_its_song_has_it() -> None:
    events = np.array([[1, 2, 3, 4, 1, 2]])
    rest, _ = ENCODING.advance(ENCODING.start(1, place=18), events[:, 2:])
    np.testing.assert_array_equal(rest.ones, ENCODING.inputs(events).ones[:, 2:])
