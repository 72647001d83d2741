"""Matrix multiplication in which no row depends on the rows beside it."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from solferino.models.core.cpu import row_matmul
from solferino.models.core.cpu.row_matmul import ROWS_AT_ONCE, arrange, matmul
from solferino.models.core.cpu.thread_pool import one_thread

# (n, m) of the configs' matrices, and of smaller ones: BLAS has other kernels for these.
_SHAPES = [(768, 1024), (512, 256), (256, 38), (200, 88), (200, 600), (88, 150), (650, 50), (24, 24), (7, 3), (89, 50)]


@hypothesis.given(st.lists(st.integers(0, 60), min_size=1, max_size=80), st.sampled_from([1, 3, 4, 12]))
def test_rows_are_at_their_positions_in_the_fewest_blocks(numbers: list[int], at_once: int) -> None:
    arranged, where = arrange(numbers, at_once)
    np.testing.assert_array_equal(arranged.reshape(-1)[where], np.arange(len(numbers)))
    np.testing.assert_array_equal(where % at_once, np.array(numbers) % at_once)
    assert len(arranged) == np.bincount(np.array(numbers) % at_once).max()


@pytest.mark.cpus
@pytest.mark.parametrize('order', ['C', 'F'])
@pytest.mark.parametrize('shape', _SHAPES)
def test_a_row_does_not_depend_on_those_beside_it(shape: tuple[int, int], order: str) -> None:
    rng = np.random.default_rng(0)
    matrix = np.asarray(rng.normal(0, 1, shape).astype(np.float32), order=order)
    x = rng.normal(0, 1, (300, shape[0])).astype(np.float32)
    with one_thread():
        many = matmul(x, matrix)
        for number in (1, 2, 5, 12, 13, 24, 36, 132, 299):
            np.testing.assert_array_equal(matmul(x[:number], matrix), many[:number])
        for numbers in ([7], [6, 299], [5, 17, 29, 41], list(range(1, 300, 2))):
            np.testing.assert_array_equal(matmul(x[numbers], matrix, np.array(numbers)), many[numbers])
    np.testing.assert_allclose(many, x.astype(np.float64) @ matrix.astype(np.float64), rtol=1e-3, atol=1e-3)


def test_leading_axes_stay() -> None:
    x, matrix = np.ones((2, 3, 4), np.float32), np.ones((4, 5), np.float32)
    np.testing.assert_array_equal(matmul(x, matrix), np.full((2, 3, 5), 4))


@pytest.mark.parametrize('alike', [False, True])
def test_blocks_go_in_one_matmul_only_where_it_rounds_alike(monkeypatch: pytest.MonkeyPatch, alike: bool) -> None:
    shapes = []

    def matmul(x: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> None:
        shapes.append(x.shape)
        out[...] = np.einsum('...ij,jk->...ik', x, matrix)

    monkeypatch.setattr(row_matmul, '_rounds_blocks_alike', lambda *_: alike)
    monkeypatch.setattr(row_matmul.np, 'matmul', matmul)
    out = np.empty((36, 2), np.float32)
    row_matmul.matmul_blocks(np.ones((36, 4), np.float32), np.ones((4, 2), np.float32), out)
    assert shapes == [(36, 4) if alike else (3, ROWS_AT_ONCE, 4)]
    assert (out == 4).all()
