"""Named arrays in a file come back as they were, or not at all."""

import itertools

import ml_dtypes
import numpy as np
import pytest

from solferino.models.core import tensors

ARRAYS = {
    'weights/a': np.arange(6, dtype=np.float32).reshape(2, 3).T,
    'weights/half': np.array([1.5, -2], ml_dtypes.bfloat16),
    'optimizer/0': np.array(7, np.int64),
    'empty': np.zeros((0, 3), np.float16),
    'flags': np.array([True, False]),
}


def test_round_trip():
    arrays, metadata = tensors.parse(tensors.dump(ARRAYS, {'step': 3, 'name': 'é'}))
    assert metadata == {'step': 3, 'name': 'é'}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_a_file_cut_short_anywhere_is_no_file():
    data = tensors.dump(ARRAYS, {})
    for length in range(len(data)):
        with pytest.raises(ValueError):
            tensors.parse(data[:length])


def test_a_changed_number_is_noticed():
    data = bytearray(tensors.dump(ARRAYS, {}))
    data[-1] ^= 1
    with pytest.raises(ValueError, match='checksum'):
        tensors.parse(bytes(data))


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_weights_are_finite(dtype, value):
    tensors.require_finite(ARRAYS)
    array = np.ones((2, 3), dtype)
    array[1, 2] = value
    with pytest.raises(ValueError, match='holds weights that are not finite numbers: odd'):
        tensors.require_finite(ARRAYS | {'odd': array})


def test_foreign_safetensors_are_refused():
    from safetensors.numpy import save

    with pytest.raises(ValueError, match='not written by Solferino'):
        tensors.parse(save({'a': np.zeros(2)}))


def test_the_same_arrays_are_the_same_bytes():
    """The library's own header is in one of several orders each time."""
    arrays = {name: np.full((2, 3), number, np.float32) for number, name in enumerate('cab')}
    made = {
        tensors.dump(dict(order), {'x': 1, 'y': 2})
        for order in itertools.permutations(arrays.items())
        for _ in range(9)
    }
    assert len(made) == 1
    found, _ = tensors.parse(*made)
    assert list(found) == ['a', 'b', 'c']
