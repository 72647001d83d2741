"""Any request is read, or refused in a sentence."""

import json
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import messages
from solferino.pipelines.studio.messages import ChangePiece, Generate, Login, Music, Note

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
NOTES = st.builds(
    Note,
    st.integers(0, 127), st.floats(0, 3600), st.floats(0, 3600), st.integers(1, 127), st.integers(0, 127),
    st.booleans(), st.integers(0, 255),
)  # fmt: skip
MUSIC = st.builds(Music, st.lists(NOTES, max_size=5), st.floats(4, 6000), st.tuples(*[st.integers(1, 64)] * 2))


def refusal(body: bytes, kind: Any) -> str:
    with pytest.raises(SolferinoError) as caught:
        messages.read(body, kind)
    return str(caught.value)


@hypothesis.given(VALUES, st.sampled_from([Generate, ChangePiece, Login, Music]))
def test_any_json_is_read_or_refused_in_a_sentence(value: Any, kind: Any) -> None:
    try:
        assert isinstance(messages.read(json.dumps(value).encode(), kind), kind)
    except SolferinoError as error:
        assert str(error).startswith('The request is not understood: ') and str(error).endswith('.')


@hypothesis.given(st.dictionaries(st.sampled_from(['model', 'primer', 'num_outputs', 'options', 'x']), VALUES))
def test_any_request_for_music_is_read_or_refused(value: Any) -> None:
    try:
        read = messages.read(json.dumps(value).encode(), Generate)
        assert 1 <= read.num_outputs <= 20 and '/' not in read.model and '.' not in read.model
    except SolferinoError as error:
        assert str(error).endswith('.')


@hypothesis.given(st.binary(max_size=50))
def test_any_bytes_are_refused_in_a_sentence(body: bytes) -> None:
    assert refusal(body + b'"', Generate).endswith('.')


def test_deep_json_is_refused() -> None:
    assert 'not understood' in refusal(b'{"model":"a","options":' + b'[' * 100_000, Generate)


@hypothesis.given(MUSIC)
def test_music_comes_back_as_it_was(music: Music) -> None:
    assert messages.read(messages.write(music), Music) == music


@pytest.mark.parametrize(
    ('value', 'said'),
    [
        ({'model': '../etc'}, 'model'),
        ({'model': 'a', 'num_outputs': 0}, 'num_outputs'),
        ({'model': 'a', 'num_outputs': 21}, 'num_outputs'),
        ({'model': 'a', 'unknown': 1}, 'unknown'),
        ({'model': 'a', 'options': {str(k): 1 for k in range(65)}}, 'options'),
        ({'model': 'a', 'primer': {'notes': [[60, 0, 1]] * 20_001}}, 'notes'),
        ({'model': 'a', 'primer': {'notes': [[128, 0, 1]]}}, 'notes'),
        ({'model': 'a', 'primer': {'notes': [[60, -1, 1]]}}, 'notes'),
        ({'model': 'a', 'primer': {'notes': [], 'qpm': 0}}, 'qpm'),
    ],
)
def test_a_refusal_names_the_place(value: Any, said: str) -> None:
    assert said in refusal(json.dumps(value).encode(), Generate)


def test_nan_is_no_time() -> None:
    with pytest.raises(SolferinoError):
        messages.read(b'{"notes": [[60, NaN, 1]]}', Music)
    assert msgspec.json.decode(messages.write({'seconds': float('nan')})) == {'seconds': None}
