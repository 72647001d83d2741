"""Frames as they are stored and as tokens, and a vocabulary of them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.hparams.errors import SolferinoError
from solferino.hparams.piano_rnn import SPEC, Vocabulary
from solferino.models.core.storage import sequence_examples
from solferino.models.piano_rnn import FAMILY
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn.attention import lookup
from solferino.models.piano_rnn.attention.lookup import Lookup
from solferino.models.piano_rnn.frames import KEYS

# Few keys sound in a frame, as in music; often none.
PITCHES = st.lists(st.sets(st.integers(21, 108), max_size=6), min_size=1, max_size=12)


def keys(pitches: list[set[int]]) -> np.ndarray:
    frames = np.zeros((len(pitches), KEYS), bool)
    for row, chord in enumerate(pitches):
        frames[row, [pitch - 21 for pitch in chord]] = True
    return frames


def struck(pitches: list[set[int]], again: list[set[int]]) -> np.ndarray:
    """Frames with articulation: those of `again` that sound are struck again."""
    both = [a & b for a, b in zip(pitches, again, strict=True)]
    return np.concatenate([keys(pitches), keys(both)], axis=1)


@st.composite
def articulated(draw: st.DrawFn) -> np.ndarray:
    pitches = draw(PITCHES)
    return struck(pitches, [draw(st.sets(st.sampled_from(sorted(chord)))) if chord else set() for chord in pitches])


@given(PITCHES.map(keys) | articulated(), st.booleans(), st.data())
def test_frames_survive_being_stored(frames: np.ndarray, begins: bool, data: st.DataObject) -> None:
    context = data.draw(st.integers(0, len(frames) - 1))
    stored = sequence_examples.parse(sequence_examples.serialize(frame_tools.to_example(frames, context, begins)))
    assert isinstance(stored, dict)
    again, seen = frame_tools.of_example(stored, articulation=frames.shape[1] > KEYS)
    np.testing.assert_array_equal(again, frames)
    assert seen == context
    assert frame_tools.begins(stored) == begins


def test_a_stored_example_is_as_documented() -> None:
    example = frame_tools.to_example(keys([{68, 49}, set(), {60}]), 1, True)
    assert {name: array.tolist() for name, array in example.items()} == {
        'pitches': [49, 68, 60],
        'sizes': [2, 0, 1],
        'context': [1],
        'begins': [1],
    }
    assert {array.dtype for array in example.values()} == {np.dtype(np.int32)}
    frames = struck([{49}, {49, 68}, {49, 68}], [set(), {49}, {49, 68}])
    assert frame_tools.to_example(frames, 0, True)['pitches'].tolist() == [49, 49, 68, 49 + 128, 49, 68, 177, 196]


def test_strikes_are_refused_where_the_config_has_none() -> None:
    example = frame_tools.to_example(struck([{60}, {60}], [set(), {60}]), 0, True)
    assert frame_tools.of_example(example, True)[0].sum() == 3
    with pytest.raises(ValueError, match='struck again'):
        frame_tools.of_example(example, False)
    with pytest.raises(ValueError, match='struck again'):
        frame_tools.of_tokens(('60!',), False)
    with pytest.raises(ValueError, match='articulation is off'):
        dataclasses.replace(
            SPEC.config('gru_attention'),
            extraction=dataclasses.replace(SPEC.config('gru_attention').extraction, articulation=False),
            learned=Vocabulary(('e', '60!')),
        )


@given(articulated())
def test_rolls_survive_being_frames(frames: np.ndarray) -> None:
    """But for strikes that say nothing: a key that did not sound before is struck in any case."""
    played = frame_tools.of_roll(frame_tools.to_roll(frames), True)
    again = frames[:, KEYS:] & frame_tools.sounds_on(frames[:, :KEYS])
    np.testing.assert_array_equal(played, np.concatenate([frames[:, :KEYS], again], axis=1))
    plain = frame_tools.of_roll(frame_tools.to_roll(frames), False)
    np.testing.assert_array_equal(plain, frames[:, :KEYS])


@pytest.mark.parametrize(
    'name, value',
    [
        ('pitches', [49, 68]),  # one too few
        ('pitches', [49, 68, 109]),
        ('sizes', [2, 0, -1]),
        ('context', [3]),
        ('context', [-1]),
        ('context', [0, 1]),
        ('begins', [2]),
        ('begins', [0, 1]),
        ('sizes', None),
    ],
)
def test_damaged_examples_are_refused(name: str, value: list[int] | None) -> None:
    example = dict(frame_tools.to_example(keys([{49, 68}, set(), {60}]), 1, False))
    if value is None:
        del example[name]
    else:
        example[name] = np.array(value)
    with pytest.raises(ValueError):
        FAMILY.encode(example, SPEC.config('gru_nade'))


@pytest.mark.parametrize('context, begins', [(0, True), (1, True), (2, False)])
def test_examples_that_were_stored_without_their_beginning(context: int, begins: bool) -> None:
    example = dict(frame_tools.to_example(keys([{49, 68}, set(), {60}]), context, begins))
    del example['begins']
    assert frame_tools.begins(example) == begins


@given(PITCHES)
def test_tokens_come_back(pitches: list[set[int]]) -> None:
    texts = tuple(frame_tools.tokens(keys(pitches)))
    assert texts == tuple(','.join(map(str, sorted(chord))) or 'e' for chord in pitches)
    np.testing.assert_array_equal(frame_tools.of_tokens(texts, False), keys(pitches))


@given(articulated())
def test_tokens_with_strikes_come_back(frames: np.ndarray) -> None:
    texts = tuple(frame_tools.tokens(frames))
    np.testing.assert_array_equal(frame_tools.of_tokens(texts, True), frames)
    assert Vocabulary(tuple(dict.fromkeys([*texts, 'e'])))  # which checks them


def test_a_token_says_what_is_struck_again() -> None:
    frames = struck([{60}, {60, 64}, set()], [set(), {60}, set()])
    assert list(frame_tools.tokens(frames)) == ['60', '60!,64', 'e']


@pytest.mark.parametrize('text', ['20', '109', '60,49', '60,60', '', 'x', '60!!', '!', '60,60!', 'e!'])
def test_texts_that_are_no_token(text: str) -> None:
    with pytest.raises(ValueError):
        frame_tools.of_tokens((text,), True)
    with pytest.raises(ValueError):
        Vocabulary(('e', text))


def test_names() -> None:
    assert frame_tools.names(keys([{21, 60, 61, 108}])[0]) == ['A0', 'C4', 'C#4', 'C8']


def test_a_vocabulary_holds_the_most_frequent_and_silence() -> None:
    counts = {'60': 5, '49,68': 5, '62': 2, 'e': 1}
    assert lookup.build(counts, 10, 1).tokens == ('49,68', '60', '62', 'e')
    assert lookup.build(counts, 10, 2).tokens == ('49,68', '60', '62', 'e')  # silence, though rare
    assert lookup.build(counts, 2, 1).tokens == ('49,68', 'e')
    assert lookup.build({}, 3, 1).tokens == ('e',)
    assert lookup.coverage(Vocabulary(('60', 'e')), counts) == pytest.approx(100 * 6 / 13)


def test_a_vocabulary_is_learned_of_the_training_side() -> None:
    config = SPEC.config('gru_attention')
    learned, told = FAMILY.learn(config, {'60': 6, '62': 1, 'e': 1}, {'60': 1, '62': 1, '64': 2})
    assert learned.learned.tokens == ('60', 'e')
    assert told['of them in the vocabulary'] == 2
    assert told['percent of training frames in the vocabulary'] == 87.5
    assert told['percent of evaluation frames in the vocabulary'] == 25
    _, told = FAMILY.learn(config, {'60': 6, 'e': 2}, {})
    assert not [name for name in told if 'evaluation' in name]  # there is none to speak of
    with pytest.raises(SolferinoError, match='silence alone'):
        FAMILY.learn(config, {'60': 1, '62': 1, 'e': 5}, {})


def nearest_by_hand(frame: set[int], known: list[set[int]]) -> int:
    """What `Lookup` says, in its own words."""

    def distance(index: int) -> tuple[bool, int, int, bool, int]:
        added, missing = len(known[index] - frame), len(frame - known[index])
        lost = bool(frame) and not known[index]
        return lost, added + missing, added, min(frame, default=0) != min(known[index], default=0), index

    return min(range(len(known)), key=distance)


@given(PITCHES, st.lists(st.sets(st.integers(21, 108), max_size=5), max_size=30))
def test_the_nearest_is_the_nearest(asked: list[set[int]], others: list[set[int]]) -> None:
    known = list(map(set, dict.fromkeys(map(frozenset, [*others, set()]))))
    vocabulary = Vocabulary(tuple(frame_tools.tokens(keys(known))))
    indices, unknown = Lookup(vocabulary, False).indices(keys(asked))
    assert indices.tolist() == [nearest_by_hand(frame, known) for frame in asked]
    assert unknown.tolist() == [frame not in known for frame in asked]
    # Where nothing is struck again, frames that could say it are found alike.
    with_strikes = Lookup(vocabulary, True).indices(struck(asked, [set()] * len(asked)))[0]
    np.testing.assert_array_equal(with_strikes, indices)


@pytest.mark.parametrize(
    'again, known, nearest',
    [
        ({60, 64}, '60,64 60!,64', '60!,64'),  # the one that strikes most of what is struck
        ({60}, '60!,64! 60,64!', '60!,64!'),
        (set(), '60!,64 60!,64!', '60!,64'),
        ({60}, '60! 60,64', '60,64'),  # rather the keys
    ],
)
def test_what_is_nearest_of_what_is_struck(again: set[int], known: str, nearest: str) -> None:
    tokens = (*known.split(), 'e')
    frames = struck([{60, 64}], [again])
    assert tokens[Lookup(Vocabulary(tokens), True).nearest(frames)[0]] == nearest


@pytest.mark.parametrize(
    'frame, known, nearest',
    [
        ({60, 64, 67}, '60,64,67,70 60,64', '60,64'),  # rather a note less than one more
        ({60, 64, 67}, '64,67 60,64', '60,64'),  # the same bass
        ({60, 64, 67}, '60,67 60,64', '60,67'),  # the more frequent
        ({60, 64, 67}, '61,64,67 60', '60'),  # two changes each, but none adds a note
        ({60, 64, 67}, '60 60,64,68,69', '60'),  # two changes, not three
        ({90}, '50', '50'),  # not silence
        ({90}, '50,60 61', '61'),
        ({50, 90}, '50', '50'),
    ],
)
def test_what_is_nearest(frame: set[int], known: str, nearest: str) -> None:
    tokens = (*known.split(), 'e')
    assert tokens[Lookup(Vocabulary(tokens), False).nearest(keys([frame]))[0]] == nearest


def test_many_frames_are_compared_in_parts() -> None:
    frames = np.random.default_rng(0).random((1200, KEYS)) < 0.04
    known = Lookup(Vocabulary(tuple(dict.fromkeys([*frame_tools.tokens(frames[::40]), 'e']))), False)
    assert known.nearest(frames).tolist() == [int(known.nearest(frame[None])[0]) for frame in frames]


def test_a_vocabulary_without_silence_is_refused() -> None:
    with pytest.raises(ValueError, match="'e'"):
        Lookup(Vocabulary(('60',)), False)
