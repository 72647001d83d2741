"""Gibbs sampling: chains that alternate between the two layers, all of them in one batch, compiled, on all cores."""

import dataclasses
from collections.abc import Sequence
from concurrent import futures

import numpy as np

from solferino.models.core.event_sampling import one_thread
from solferino.models.core.family import Weights
from solferino.models.core.gru import ROWS_AT_ONCE
from solferino.models.core.processors import num_cores
from solferino.models.rbm import fused

_HIGHEST = 1e30  # inverse temperature, beyond which products leave float32


@dataclasses.dataclass(frozen=True)
class Machine:
    """A restricted Boltzmann machine's weights [V, H], visible bias [V] and hidden bias [H], float32.

    Or machines that share their weights, one for each chain: visible biases [chains, V] and hidden biases [chains, H].
    """

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray

    @classmethod
    def of(cls, weights: Weights) -> 'Machine':
        """Of a model's weights by name."""
        names = ('weights', 'visible_bias', 'hidden_bias')
        return cls(*(np.ascontiguousarray(weights[name], np.float32) for name in names))

    def of_chains(self, rows: np.ndarray) -> 'Machine':
        """The machine that all chains have, or those of the chains `rows`."""
        if self.visible_bias.ndim == 1:
            return self
        return Machine(self.weights, self.visible_bias[rows], self.hidden_bias[rows])


def sample(
    machine: Machine,
    start: np.ndarray,
    steps: int,
    *,
    held: np.ndarray | None = None,
    temperature: float = 1.0,
    mean_field: bool = False,
    seed: Sequence[int] = (0,),
    threads: int | None = None,
) -> np.ndarray:
    """Runs a chain of `steps` steps from each visible state; returns the states where they end, bool [chains, V].

    Args:
      machine: what to sample from.
      start: bool [chains, V].
      steps: each draws the hidden and then the visible units; at least one.
      held: bool [chains, V] or [V]: units that keep their state of `start` throughout.
      temperature: divides energies.
      mean_field: in the last step a visible unit is not drawn; it is on where its probability is above one half.
      seed: of the random numbers; a chain's are a function of it and of the chain's number alone.
      threads: all cores if None.
    """
    chains = len(start)
    # The last chain again, until the number of rows is a multiple.
    rows = np.minimum(np.arange(-(-chains // ROWS_AT_ONCE) * ROWS_AT_ONCE), chains - 1).reshape(-1, ROWS_AT_ONCE)
    slices = np.array_split(rows, min(threads or num_cores(), len(rows)))
    held = np.broadcast_to(np.zeros(1, bool) if held is None else held, start.shape)
    scale = np.float32(min(1 / temperature, _HIGHEST))

    def run(part: np.ndarray) -> np.ndarray:
        part = part.reshape(-1)
        words = np.stack([_words(machine, [*seed, k]) for k in part.tolist()])
        return _run(machine.of_chains(part), start[part], held[part], steps, scale, mean_field, words)

    with one_thread(), futures.ThreadPoolExecutor(len(slices)) as pool:
        return np.concatenate(list(pool.map(run, slices)))[:chains]


def _words(machine: Machine, seed: list[int]) -> np.ndarray:
    """The states of one chain's generators; see `fused`."""
    return np.random.default_rng(seed).integers(1, 1 << 32, sum(machine.weights.shape), np.uint32)


def _run(
    machine: Machine,
    start: np.ndarray,
    held: np.ndarray,
    steps: int,
    scale: np.float32,
    mean_field: bool,
    words: np.ndarray,
) -> np.ndarray:
    units = machine.weights.shape[0]
    visible_words, hidden_words = (np.ascontiguousarray(part) for part in (words[:, :units], words[:, units:]))
    transposed = np.ascontiguousarray(machine.weights.T)
    visible_bias, hidden_bias = np.atleast_2d(machine.visible_bias), np.atleast_2d(machine.hidden_bias)
    which = np.arange(len(start), dtype=np.int32) % len(visible_bias)  # all have the same biases, or each its own
    visible = start.astype(np.float32)
    hidden = np.empty((len(start), machine.weights.shape[1]), np.float32)
    visible_sums, hidden_sums = np.empty_like(visible), np.empty_like(hidden)
    holds = bool(held.any())
    for _ in range(steps):
        np.matmul(visible, machine.weights, out=hidden_sums)
        fused.draw(hidden_sums, hidden_bias, which, scale, hidden_words, hidden)
        np.matmul(hidden, transposed, out=visible_sums)
        fused.draw(visible_sums, visible_bias, which, scale, visible_words, visible)
        if holds:
            np.copyto(visible, start, where=held)
    if mean_field:
        visible = (visible_sums + visible_bias > 0).astype(np.float32)
        np.copyto(visible, start, where=held)
    return visible > 0
