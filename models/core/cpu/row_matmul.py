"""Matrix multiplication in which no row depends on the rows beside it, on any CPU.

BLAS chooses its kernel by the sizes of the matrices, and within a matmul by the position of a row. OpenBLAS with AVX2
takes rows by the dozen and rounds the first six of a dozen differently from the last six; with AVX-512 it has other
kernels for small matrices than for large ones. What is generated must not depend on how much is generated beside it.
So rows come in blocks of ROWS_AT_ONCE. The number of a row determines its position in a block. Blocks are multiplied
one by one; or in one matmul, which is faster, where this machine rounds all blocks alike.

Call all of this with BLAS threads off, see `thread_pool.one_thread`: what one thread rounds alike, several may not.
"""

import functools
from collections.abc import Sequence

import numpy as np

ROWS_AT_ONCE = 12
_LEAST_TRIED = 4096  # elements of a matrix


def arrange(numbers: Sequence[int] | np.ndarray, at_once: int = ROWS_AT_ONCE) -> tuple[np.ndarray, np.ndarray]:
    """Arranges rows in the fewest blocks in which the row with number n has the position n % at_once.

    Returns:
      The row at each position, [blocks, at_once], where positions that are left over have row 0; and the index of each
      row in the former when it is flat.
    """
    positions = np.asarray(numbers, np.intp) % at_once
    counts = np.bincount(positions, minlength=at_once)
    order = positions.argsort(kind='stable')
    where = np.empty_like(positions)
    where[order] = (np.arange(len(positions)) - np.repeat(counts.cumsum() - counts, counts)) * at_once + positions[
        order
    ]
    rows = np.zeros(counts.max() * at_once, np.intp)
    rows[where] = np.arange(len(positions))
    return rows.reshape(-1, at_once), where


def matmul(x: np.ndarray, matrix: np.ndarray, numbers: np.ndarray | None = None) -> np.ndarray:
    """x [..., n] . matrix [n, m], in float32; `numbers` of the rows give their positions, 0, 1, 2, ... if None."""
    rows = x.reshape(-1, x.shape[-1]).astype(np.float32, copy=False)
    if numbers is None and len(rows) % ROWS_AT_ONCE == 0:
        result = matmul_blocks(rows, matrix)
    else:
        arranged, where = arrange(np.arange(len(rows)) if numbers is None else numbers)
        result = matmul_blocks(rows[arranged.reshape(-1)], matrix)[where]
    return result.reshape(*x.shape[:-1], matrix.shape[1])


def matmul_blocks(x: np.ndarray, matrix: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """x [R, n] . matrix [n, m], float32. Rows are whole blocks, or any number that is always multiplied alone."""
    rows, by_columns = len(x), not matrix.flags.c_contiguous
    if rows % ROWS_AT_ONCE or rows <= ROWS_AT_ONCE or _rounds_blocks_alike(rows, *matrix.shape, by_columns):
        return np.matmul(x, matrix, out=out)
    out = np.empty((rows, matrix.shape[1]), np.float32) if out is None else out
    np.matmul(_blocks(x), matrix, out=_blocks(out))
    return out


@functools.cache
def _rounds_blocks_alike(rows: int, size: int, columns: int, by_columns: bool) -> bool:
    """Whether one matmul of so many rows gives the same bits as block by block, tried on random numbers.

    Two orders of a short sum often agree by chance, so that small matrices prove nothing. They are fast anyway.
    """
    if size * columns < _LEAST_TRIED:
        return False
    rng = np.random.default_rng(0)
    x, matrix = (rng.random(shape, np.float32) - np.float32(0.5) for shape in ((rows, size), (size, columns)))
    matrix = np.asfortranarray(matrix) if by_columns else matrix
    return np.array_equal((x @ matrix).reshape(-1), np.matmul(_blocks(x), matrix).reshape(-1))


def _blocks(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, ROWS_AT_ONCE, x.shape[1])
