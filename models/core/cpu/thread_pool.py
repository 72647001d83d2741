"""A pool of one thread per core, BLAS without threads of its own, and buffers that are used again."""

import concurrent.futures
import contextlib
import functools
import itertools
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np
import threadpoolctl

from solferino.hparams.cores import num_cores


def in_slices(size: int, run: Callable[[slice], object]) -> None:
    """Calls `run` for slices of a batch, or of its steps, one per core, in the thread pool; BLAS threads are off."""
    number = max(1, min(num_cores(), size))
    ends = [size * i // number for i in range(number + 1)]
    slices = [slice(*pair) for pair in itertools.pairwise(ends)]
    with _one_at_a_time, _blas().limit(limits=1, user_api='blas'):
        list(_pool().map(run, slices))


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Turns BLAS threads off: they wait for one another at each matmul, on a busy machine for long."""
    return threadpoolctl.threadpool_limits(1, 'blas')


def in_order(parts: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
    """The sum of the slices' results, in the order of the slices, so that it is deterministic."""
    return functools.reduce(np.add, (part for _, part in sorted(parts, key=lambda pair: pair[0])))


def empty(*shape: int) -> np.ndarray:
    """A new float32 array, in the memory of an earlier one that is no longer used, if there is such.

    New memory is cleared by the system page by page, which would take a fifth of a training step. The array is aligned
    to 64 bytes: TensorFlow takes such arrays over without a copy.
    """
    size = int(np.prod(shape)) * 4
    if size < _SMALL:  # it would occupy the buffer of a large one
        return np.empty(shape, np.float32)
    with _lock:
        # Who uses an array, TensorFlow too, holds a reference to its buffer; here the list, the loop and the call do.
        free = [buffer for buffer in _buffers if sys.getrefcount(buffer) == 3]
        fitting = [buffer for buffer in free if size + 64 <= len(buffer)]
        if fitting:
            buffer = min(fitting, key=len)
        else:
            _buffers[:] = [b for b in _buffers if all(b is not unfit for unfit in free)]
            buffer = np.empty(size + 64, np.uint8)
            _buffers.append(buffer)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size].view(np.float32).reshape(shape)


_SMALL = 1 << 20
_buffers: list[np.ndarray] = []
_lock = threading.Lock()
_one_at_a_time = threading.Lock()  # two calls at once would each restore the other's limit


@functools.cache
def _pool() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(num_cores(), thread_name_prefix='recurrence')


@functools.cache
def _blas() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()
