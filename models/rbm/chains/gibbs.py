"""Gibbs sampling: chains that alternate between the two layers, in one batch, by compiled kernels, on all cores."""

import dataclasses
from collections.abc import Sequence
from concurrent import futures

import numpy as np

from solferino.hparams.cores import num_cores
from solferino.models.core.cpu.row_matmul import arrange, matmul_blocks
from solferino.models.core.cpu.thread_pool import in_slices, one_thread
from solferino.models.core.family import Weights
from solferino.models.rbm.chains import chain_kernels

_ROWS = 128  # chains in a block of a thread in training: few enough for its caches, enough for fast matmuls
_ONE, _HIGHEST = np.float32(1), 1e30  # inverse temperature; beyond the highest, scaled values leave float32


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

    def of_chains(self, rows: np.ndarray | slice) -> 'Machine':
        """The machine that all chains share, or those of the chains `rows`."""
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
      held: bool [chains, V] or [V]; units that keep their state of `start`.
      temperature: divides energies.
      mean_field: the last step does not draw visible units; they are on where their probability is above one half.
      seed: of the random numbers. Those of a chain depend on the seed and on the chain's number alone.
      threads: all cores if None.
    """
    rows, where = arrange(np.arange(len(start)))
    slices = np.array_split(rows, min(threads or num_cores(), len(rows)))
    held = np.broadcast_to(np.zeros(1, bool) if held is None else held, start.shape)
    scale = np.float32(min(1 / temperature, _HIGHEST))

    def run(part: np.ndarray) -> np.ndarray:
        part = part.reshape(-1)
        visible_words, hidden_words = zip(*(_words(machine, 1, [*seed, k]) for k in part.tolist()), strict=True)
        words = np.concatenate(visible_words), np.concatenate(hidden_words)
        chains = _Chains(machine.of_chains(part), *words, scale)
        return _run(chains, start[part], held[part], steps, mean_field)

    with one_thread(), futures.ThreadPoolExecutor(len(slices)) as pool:
        return np.concatenate(list(pool.map(run, slices)))[where]


def sample_from_hidden(
    hidden: np.ndarray,
    weights: np.ndarray,
    visible_bias: np.ndarray,
    hidden_bias: np.ndarray,
    seed: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`sample` for training: chains begin and end with hidden states.

    Args:
      hidden: float32 [R, H]; the states that the chains begin with.
      weights, visible_bias, hidden_bias: float32, as in `Machine`.
      seed: int64 [2]; of the random numbers.
      steps: each draws the visible and then the hidden units; at least one.

    Returns:
      The last visible states [R, V] and hidden states [R, H], float32 zeros and ones, and v.W [R, H].
    """
    machine = Machine(weights, visible_bias, hidden_bias)
    visible, last, preactivations = (
        np.empty((len(hidden), size), np.float32) for size in (*weights.shape, weights.shape[1])
    )
    visible_words, hidden_words = _words(machine, len(hidden), seed.view(np.uint64).tolist())

    def run(part: slice) -> None:
        for start in range(part.start, part.stop, _ROWS):
            rows = slice(start, min(start + _ROWS, part.stop))
            chains = _Chains(machine.of_chains(rows), visible_words[rows], hidden_words[rows])
            chains.hidden[:] = hidden[rows]
            for _ in range(steps):
                chains.draw_visible()
                chains.draw_hidden()
            visible[rows], last[rows], preactivations[rows] = (
                chains.visible,
                chains.hidden,
                chains.hidden_preactivations,
            )

    in_slices(len(hidden), run)
    return visible, last, preactivations


def _words(machine: Machine, chains: int, seed: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The generators' states of both layers, [chains, V] and [chains, H]; see `chain_kernels.py`."""
    rng = np.random.default_rng(seed)

    def words(units: int) -> np.ndarray:
        drawn = rng.integers(0, 1 << 64, -(-chains * units // 2), np.uint64).view(np.uint32)  # the faster way
        return np.maximum(drawn[: chains * units], 1).reshape(chains, units)

    visible, hidden = machine.weights.shape
    return words(visible), words(hidden)


class _Chains:
    """The chains of one thread: the states of both layers, of which each is drawn given the other.

    Args:
      machine: of all chains, or one for each.
      visible_words, hidden_words: see `_words`.
      scale: inverse temperature.

    Attributes:
      visible, hidden: float32 [chains, V] and [chains, H]; not filled.
      visible_preactivations, hidden_preactivations: [chains, V] and [chains, H]; without the biases, of the last draws.
    """

    def __init__(
        self, machine: Machine, visible_words: np.ndarray, hidden_words: np.ndarray, scale: np.float32 = _ONE
    ) -> None:
        self._weights, self._transposed = machine.weights, np.ascontiguousarray(machine.weights.T)
        self._visible_words, self._hidden_words = visible_words, hidden_words  # advanced in place
        self.visible_bias, self._hidden_bias = np.atleast_2d(machine.visible_bias), np.atleast_2d(machine.hidden_bias)
        # All chains share their biases, or each has its own.
        self._which = np.arange(len(visible_words), dtype=np.int32) % len(self.visible_bias)
        self._scale = scale
        self.visible, self.visible_preactivations = np.empty((2, *visible_words.shape), np.float32)
        self.hidden, self.hidden_preactivations = np.empty((2, *hidden_words.shape), np.float32)

    def draw_hidden(self) -> None:
        matmul_blocks(self.visible, self._weights, self.hidden_preactivations)
        chain_kernels.draw(
            self.hidden_preactivations, self._hidden_bias, self._which, self._scale, self._hidden_words, self.hidden
        )

    def draw_visible(self) -> None:
        matmul_blocks(self.hidden, self._transposed, self.visible_preactivations)
        chain_kernels.draw(
            self.visible_preactivations, self.visible_bias, self._which, self._scale, self._visible_words, self.visible
        )


def _run(chains: _Chains, start: np.ndarray, held: np.ndarray, steps: int, mean_field: bool) -> np.ndarray:
    chains.visible[:] = start
    holds = bool(held.any())
    for _ in range(steps):
        chains.draw_hidden()
        chains.draw_visible()
        if holds:
            np.copyto(chains.visible, start, where=held)
    if mean_field:
        visible = chains.visible_preactivations + chains.visible_bias > 0
        np.copyto(visible, start, where=held)
        return visible
    return chains.visible > 0
