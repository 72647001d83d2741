"""What the network sees of tokens."""

import dataclasses

import numpy as np

from solferino.models.jazz_rnn.token_encoding import BAR, TokenEncoding
from solferino.models.music.jazz import chords, tokens
from solferino.models.music.jazz.chords import Changes

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


def _seen(changes: Changes, events: np.ndarray, start: int = 0) -> list[list[int]]:
    """Of the chord under each next token: place of its quality, motion of its root, and steps left of it."""
    encoding = dataclasses.replace(ENCODING, chord_input='all')
    inputs, _ = encoding.advance(encoding.start(1, start, changes=changes.cut(start, changes.length)), events)
    starts = np.cumsum([0, *(size for size, _ in encoding.parts())])
    assert starts[-1] == encoding.input_size and len(starts) == encoding.slots + 1
    quality, motion, left = (inputs.ones[0, :, -3:] - starts[-4:-1]).T
    return np.stack([quality, motion, left + 1], axis=1).tolist()


def test_the_chord_under_the_next_token_is_seen() -> None:
    changes = chords.parse_bars('Dm7 G7 | C', 48).halved(48)
    names = list(chords.QUALITIES)
    minor, seventh, major = (names.index(name) for name in ('m7', '7', ''))
    events = np.array([[0, 1, 2, 4, 3, 1, 2, 2]])  # they end at 0, 6, 18, 24, 60, 66, 78, 90
    assert _seen(changes, events) == [
        [minor, 0, 24],
        [minor, 0, 18],
        [minor, 0, 6],
        [seventh, 5, 24],
        [major, 5, 12],
        [major, 0, 6],
        [major, 0, 18],
        [major, 0, 6],
    ]
    assert _seen(changes, events[:, 3:], 18) == _seen(changes, events)[3:]


def test_chords_are_seen_in_chunks_as_in_the_whole() -> None:
    encoding = dataclasses.replace(
        ENCODING, chord_input='all', changes=chords.parse_bars('Am7 D7 | Gmaj7 | Bb Eb7', 36)
    )
    events = np.random.default_rng(0).integers(0, 5, (3, 40))
    state, found = encoding.start(3), []
    for chunk in np.split(events, [1, 2, 17], axis=1):
        inputs, state = encoding.advance(state, chunk)
        found.append(inputs.ones)
    np.testing.assert_array_equal(np.concatenate(found, axis=1), encoding.inputs(events).ones)
    assert len(np.unique(encoding.inputs(events).ones[..., -3])) == 4
