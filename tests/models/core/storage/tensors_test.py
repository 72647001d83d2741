"""Named arrays in a file come back as they were, or not at all."""

import ml_dtypes
import numpy as np
import pytest

from solferino.models.core.storage import tensors

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


def test_the_bytes_are_the_same_in_every_process_and_the_order_when_read():
    expected = tensors.dump(ARRAYS, {'step': 3, 'name': 'é'})
    for _ in range(40):  # the library's order changes from call to call
        assert tensors.dump(dict(reversed(ARRAYS.items())), {'name': 'é', 'step': 3}) == expected
        assert list(tensors.parse(expected)[0]) == sorted(ARRAYS)
    assert not (8 + int.from_bytes(expected[:8], 'little')) % 8
