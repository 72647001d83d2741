"""`--hparams` text into typed objects, and back."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.hparams import overrides
from solferino.hparams.drums_rnn import SPEC
from solferino.hparams.errors import SolferinoError
from solferino.hparams.networks.event_rnn import EventRnnHparams

DEFAULTS = EventRnnHparams()


@pytest.mark.parametrize(
    'text, expected',
    [
        ('', {}),
        ('batch_size=32', {'batch_size': 32}),
        ('batch_size=64,rnn_layer_sizes=[64,32]', {'batch_size': 64, 'rnn_layer_sizes': (64, 32)}),
        (' rnn_layer_sizes = [ 8 ] , learning_rate=1e-2 ', {'rnn_layer_sizes': (8,), 'learning_rate': 0.01}),
        ('residual_connections=true,clip_norm=5', {'residual_connections': True, 'clip_norm': 5.0}),
    ],
)
def test_parse(text: str, expected: dict) -> None:
    assert overrides.parse(DEFAULTS, text) == dataclasses.replace(DEFAULTS, **expected)


@pytest.mark.parametrize(
    'text, says',
    [
        ('batchsize=3', 'Valid names: batch_size, rnn_layer_sizes'),
        ('batch_size=x', 'not a whole number'),
        ('batch_size=1.5', 'not a whole number'),
        ('learning_rate=fast', 'not a number'),
        ('learning_rate=nan', 'not a number'),
        ('residual_connections=maybe', 'true or false'),
        ('rnn_layer_sizes=64', 'a list of int'),
        ('rnn_layer_sizes=[64,a]', 'a list of int'),
        ('rnn_layer_sizes=[]', 'at least one layer'),
        ('batch_size=1,batch_size=2', 'given twice'),
        ('batch_size', 'cannot read'),
        ('batch_size=1,,', 'cannot read'),
        ('=', 'cannot read'),
        ('rnn_layer_sizes=[1', 'cannot read'),
        ('batch_size=0', 'at least 1'),
        ('dropout_keep_prob=1.5', 'at most 1'),
    ],
)
def test_parse_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(SolferinoError, match=says):
        overrides.parse(DEFAULTS, text)


@given(
    st.builds(
        EventRnnHparams,
        batch_size=st.integers(1, 10**6),
        rnn_layer_sizes=st.lists(st.integers(1, 4096), min_size=1).map(tuple),
        dropout_keep_prob=st.floats(1e-3, 1),
        attn_length=st.integers(0, 100),
        clip_norm=st.floats(1e-6, 1e6),
        learning_rate=st.floats(1e-9, 1),
        residual_connections=st.booleans(),
    )
)
def test_every_value_survives_text_and_json(hparams: EventRnnHparams) -> None:
    values = overrides.as_dict(hparams)
    text = ','.join(f'{k}={v}'.replace(' ', '') for k, v in values.items())
    assert overrides.parse(DEFAULTS, text) == hparams
    assert overrides.replace(DEFAULTS, values, 'a file') == hparams
    assert overrides.names_in(text) == list(values)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_message(text: str) -> None:
    try:
        overrides.parse(DEFAULTS, text)
    except SolferinoError as error:
        assert '--hparams' in str(error)


def test_require_equal_names_both_values() -> None:
    given_again = overrides.parse(DEFAULTS, 'batch_size=3')
    overrides.require_equal(given_again, DEFAULTS, '--hparams', 'run.json', ['clip_norm'])
    with pytest.raises(SolferinoError, match=r'batch_size is 64 in run\.json but 3 in --hparams'):
        overrides.require_equal(given_again, DEFAULTS, '--hparams', 'run.json', ['batch_size'])


def test_unknown_config_lists_the_valid_ones() -> None:
    with pytest.raises(SolferinoError, match='one_drum, drum_kit'):
        SPEC.config('drumkit')
