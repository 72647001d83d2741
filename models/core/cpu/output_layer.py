"""The last layer of an event network and its cross-entropy on the CPU: forward and backward pass.

The logits of all steps are never in memory at once: for 512 classes they, their softmax and their gradient would take
as much memory as the LSTM layers. Each thread computes them in blocks that stay in the cache of its core. The backward
pass computes them again: one more matmul, 2% of a training step.

Shapes: T steps, B tracks, n units, C classes. Time comes first.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from solferino.models.core.cpu.thread_pool import empty, in_order, in_slices

_BLOCK = 1 << 16  # logits in a block: 256 KB
_QUIET = np.errstate(invalid='ignore')  # the trainer reports that training diverges


class OutputParameters(NamedTuple):
    """The weights of the layer.

    Attributes:
      kernel: [n, C].
      bias: [C].
    """

    kernel: np.ndarray
    bias: np.ndarray


def cross_entropy(x: np.ndarray, labels: np.ndarray, p: OutputParameters) -> tuple[np.ndarray, np.ndarray]:
    """The cross-entropy of the logits x . kernel + bias, for x [T, B, n].

    Returns:
      The cross-entropy of each of the `labels` int32 [T, B], in nats; and the argmax of the logits, int32 [T, B].
    """
    losses, likeliest = np.empty(labels.shape, np.float32), np.empty(labels.shape, np.int32)

    @_QUIET
    def run(rows: slice) -> None:
        for block, logits, wanted in _blocks(x, labels, p, rows):
            likeliest.reshape(-1)[block] = np.argmax(logits, axis=1)
            logits -= np.max(logits, axis=1, keepdims=True)
            right = logits[wanted].copy()
            losses.reshape(-1)[block] = np.log(np.sum(np.exp(logits, out=logits), axis=1)) - right

    in_slices(labels.size, run)
    return losses, likeliest


def cross_entropy_gradient(
    d_losses: np.ndarray, x: np.ndarray, labels: np.ndarray, p: OutputParameters
) -> tuple[np.ndarray, OutputParameters]:
    """The gradients of `x` and of the parameters in `cross_entropy`, from that of the losses [T, B]."""
    d_x, transposed = empty(*x.shape), np.ascontiguousarray(p.kernel.T)
    d_kernels: list[tuple[int, np.ndarray]] = []
    d_biases: list[tuple[int, np.ndarray]] = []

    @_QUIET
    def run(rows: slice) -> None:
        d_kernel, d_bias = np.zeros_like(p.kernel), np.zeros_like(p.bias)
        for block, logits, wanted in _blocks(x, labels, p, rows):
            logits -= np.max(logits, axis=1, keepdims=True)
            np.exp(logits, out=logits)
            d_loss = d_losses.reshape(-1)[block]
            logits *= (d_loss / np.sum(logits, axis=1))[:, np.newaxis]
            logits[wanted] -= d_loss
            np.matmul(logits, transposed, out=_rows(d_x)[block])
            d_kernel += _rows(x)[block].T @ logits
            d_bias += np.sum(logits, axis=0)
        d_kernels.append((rows.start, d_kernel))
        d_biases.append((rows.start, d_bias))

    in_slices(labels.size, run)
    return d_x, OutputParameters(in_order(d_kernels), in_order(d_biases))


def _blocks(
    x: np.ndarray, labels: np.ndarray, p: OutputParameters, rows: slice
) -> Iterator[tuple[slice, np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """Yields rows, their logits [R, C], overwritten by the next block, and the indices of their labels' logits."""
    size = max(1, _BLOCK // len(p.bias))
    memory = np.empty((size, len(p.bias)), np.float32)
    for start in range(rows.start, rows.stop, size):
        block = slice(start, min(start + size, rows.stop))
        logits = np.matmul(_rows(x)[block], p.kernel, out=memory[: block.stop - start])
        logits += p.bias
        yield block, logits, (np.arange(len(logits)), labels.reshape(-1)[block])


def _rows(array: np.ndarray) -> np.ndarray:
    """[T, B, n] as [T B, n], a view."""
    return array.reshape(-1, array.shape[2])
