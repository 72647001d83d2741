"""SequenceExamples without TensorFlow are TensorFlow's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from solferino.models.core.storage import sequence_examples
from solferino.models.core.storage.sequence_examples import DenseExample

ARRAYS = st.one_of(
    hnp.arrays(np.int64, hnp.array_shapes(max_dims=3, min_side=0)),
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, min_side=0), elements=st.floats(width=32, allow_nan=False)),
)
NAMES = st.text(st.characters(codec='utf-8', exclude_characters='/'), min_size=1)


@given(st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=3))
def test_compact_examples_come_back(example: dict[str, np.ndarray]) -> None:
    parsed = sequence_examples.parse(sequence_examples.serialize(example))
    assert isinstance(parsed, dict) and parsed.keys() == example.keys()
    for name, array in example.items():
        np.testing.assert_array_equal(parsed[name], array)
        assert parsed[name].dtype == array.dtype


def test_dense_bytes_are_those_of_tensorflow() -> None:
    import tensorflow as tf

    example = DenseExample(np.eye(3, 4, dtype=np.float32), np.array([2, 0, 1]))
    theirs = tf.train.SequenceExample()
    for row, label in zip(example.inputs, example.labels, strict=True):
        theirs.feature_lists.feature_list['inputs'].feature.add().float_list.value.extend(row)
        theirs.feature_lists.feature_list['labels'].feature.add().int64_list.value.append(label)
    data = sequence_examples.serialize_dense(example)
    assert data == theirs.SerializeToString(deterministic=True)
    parsed = sequence_examples.parse(data)
    assert isinstance(parsed, DenseExample)
    np.testing.assert_array_equal(parsed.inputs, example.inputs)
    np.testing.assert_array_equal(parsed.labels, example.labels)


@given(st.binary(max_size=200))
def test_anything_else_is_a_value_error_or_an_example(data: bytes) -> None:
    try:
        sequence_examples.parse(data)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize('data', [b'', b'not an example'])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match='SequenceExample'):
        sequence_examples.parse(data)
