"""Work cut into a slice for each core, and memory that is used again."""

import concurrent.futures
import functools
import itertools
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np
import threadpoolctl

from solferino.models.core.cpu.cores import num_cores


def in_slices(size: int, run: Callable[[slice], object]) -> None:
    """Calls `run` for slices that make up a batch, or its steps, each in a thread that does its products alone."""
    number = max(1, min(num_cores(), size))
    ends = [size * i // number for i in range(number + 1)]
    slices = [slice(*pair) for pair in itertools.pairwise(ends)]
    with _one_at_a_time, _libraries().limit(limits=1, user_api='blas'):
        list(_threads().map(run, slices))


def in_order(parts: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
    """The sum of what the slices gave, in the order of the slices, so that it repeats exactly."""
    return functools.reduce(np.add, (part for _, part in sorted(parts, key=lambda pair: pair[0])))


def empty(*shape: int) -> np.ndarray:
    """A new float32 array, in memory that an earlier one no longer needs if there is such.

    The system hands out memory a page at a time and clears it, which would take a fifth of a training step. The array
    begins at a multiple of 64 bytes: only such arrays does TensorFlow take over as they are.
    """
    size = int(np.prod(shape)) * 4
    if size < _SMALL:  # which would keep a large one's memory
        return np.empty(shape, np.float32)
    with _lock:
        # Whoever uses an array, TensorFlow too, refers to its buffer; here refer the list, the loop and the call.
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
_one_at_a_time = threading.Lock()  # two calls at once would set each other's limit for good


@functools.cache
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(num_cores(), thread_name_prefix='recurrence')


@functools.cache
def _libraries() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()
