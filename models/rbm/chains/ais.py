"""The log partition function by annealed importance sampling (Neal 2001, "Annealed importance sampling"; Salakhutdinov
and Murray 2008, "On the quantitative analysis of deep belief networks").

Chains start at a base-rate machine, whose units are independent and whose partition function is known. They go through
machines between this one and the one in question, p_k(v) with the inverse temperature beta_k from 0 to 1:

    log p*_k(v) = (1 - beta_k) a.v + beta_k b.v + sum_j softplus((1 - beta_k) d_j + beta_k (c_j + (v.W)_j))

with the base-rate machine's biases a and d. The mean of the chains' weights, prod_k p*_k(v_k) / p*_{k-1}(v_k), is an
unbiased estimate of the ratio of the two partition functions. Its logarithm is too low on average (Jensen), so that
the model looks better than it is: less with more temperatures or chains; `LogPartition.bias` estimates by how much.
"""

import dataclasses
import itertools
from concurrent import futures

import numpy as np

from solferino.hparams.cores import num_cores
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.rbm.chains import chain_kernels
from solferino.models.rbm.equations import MOST_ENUMERATED, exact_log_partition, softplus

# Chains that share a seed; and bytes of a slice's arrays, which should fit a core's cache.
_TOGETHER = 32
_CACHE = 1 << 19
# Units of all states together up to which log Z is exact; connections that a chain visits, otherwise.
_ENUMERATION, _CHAIN = 1 << 27, 10**9
_DEVIATIONS = 3  # of the confidence interval, as Salakhutdinov and Murray give it


@dataclasses.dataclass(frozen=True)
class LogPartition:
    """log Z of one or several machines, in nats.

    Attributes:
      value: float64 [rows]; log of the mean of the chains' weights.
      error: float64 [rows]; relative standard error of that mean, which is the error of `value`; 0 where it is exact.
      bias: float64 [rows]; by how much `value` is too low on average, by the jackknife (Quenouille 1956, "Notes on bias
        in estimation"): the mean decrease of the value without one of the chains, times the number of the others.
    """

    value: np.ndarray
    error: np.ndarray
    bias: np.ndarray

    @property
    def low(self) -> np.ndarray:
        """Lower end of the confidence interval: three standard errors."""
        return self.value - _DEVIATIONS * self.error

    @property
    def high(self) -> np.ndarray:
        """Upper end of the confidence interval."""
        return self.value + _DEVIATIONS * self.error


def log_partition(
    weights: np.ndarray,
    visible_bias: np.ndarray,
    hidden_bias: np.ndarray,
    *,
    base_bias: np.ndarray | None = None,
    base_hidden_bias: np.ndarray | None = None,
    steps: int = 1000,
    chains: int = 100,
    seed: int = 0,
    threads: int | None = None,
) -> LogPartition:
    """Estimates log Z of machines that share their weights, `chains` chains for each, on all cores.

    Args:
      weights: [V, H].
      visible_bias: [rows, V], or [V] for one machine.
      hidden_bias: [rows, H], or [H].
      base_bias: of the base-rate machine, [rows, V] or [V]: best the log-odds of each unit in the data; `visible_bias`
        if None.
      base_hidden_bias: of the base-rate machine, [rows, H] or [H]; zeros if None.
      steps: temperatures between the two machines; 100 or more.
      chains: at least two, for the standard error.
      seed: of the chains. A machine's estimate does not depend on `threads`, which is all cores if None.
    """
    weights = np.ascontiguousarray(weights, np.float32)
    bias, hidden = (np.atleast_2d(np.asarray(x, np.float32)) for x in (visible_bias, hidden_bias))
    rows = max(len(bias), len(hidden))
    base = bias if base_bias is None else np.asarray(base_bias, np.float32)
    base_hidden = np.zeros_like(hidden) if base_hidden_bias is None else np.asarray(base_hidden_bias, np.float32)
    bias, base = (np.ascontiguousarray(np.broadcast_to(x, (rows, weights.shape[0]))) for x in (bias, base))
    hidden, base_hidden = (
        np.ascontiguousarray(np.broadcast_to(x, (rows, weights.shape[1]))) for x in (hidden, base_hidden)
    )
    machine = _Machine(weights, np.ascontiguousarray(weights.T), bias, hidden, base, base_hidden)
    groups = [
        _Group(row, number, min(_TOGETHER, chains - first))
        for row in range(rows)
        for number, first in enumerate(range(0, chains, _TOGETHER))
    ]
    at_once = max(1, _CACHE // (12 * sum(weights.shape) * min(_TOGETHER, chains)))
    slices = [groups[i : i + at_once] for i in range(0, len(groups), at_once)]
    betas = np.linspace(0, 1, steps + 1, dtype=np.float32)
    with one_thread(), futures.ThreadPoolExecutor(threads or num_cores()) as pool:
        done = list(pool.map(lambda part: _anneal(machine, part, betas, seed), slices))
    known = sum(softplus(x.astype(np.float64)).sum(axis=1) for x in (base, base_hidden))
    return of_chains(np.concatenate(done).reshape(rows, chains), known)


def of_chains(log_weights: np.ndarray, known: np.ndarray) -> LogPartition:
    """log Z from the log weights [rows, chains] of at least two chains; `known` [rows] is the base machine's log Z."""
    chains = log_weights.shape[1]
    top = log_weights.max(axis=1, keepdims=True)
    scaled = np.exp(log_weights - top)
    mean = scaled.mean(axis=1)
    others = (scaled.sum(axis=1, keepdims=True) - scaled) / (chains - 1)
    # Without the heaviest chain the rest may underflow.
    lost = np.log(mean) - np.log(np.maximum(others, np.finfo(np.float64).tiny)).mean(axis=1)
    error = scaled.std(axis=1, ddof=1) / np.sqrt(chains) / mean
    return LogPartition(known + top[:, 0] + np.log(mean), error, (chains - 1) * lost)


def frame_log_partitions(
    weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, *, steps: int, chains: int, seed: int
) -> LogPartition:
    """`log_partition` of many machines [rows]: the base machine has the same biases and no weights.

    The biases know the music before, and leave all modes open. A mean field of the whole machine is nearer to it, but
    to one mode: chains that begin there miss the others, and agree on too low a value.
    """
    return log_partition(
        weights, visible_bias, hidden_bias, base_hidden_bias=hidden_bias, steps=steps, chains=chains, seed=seed
    )


def best_log_partition(
    weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, base_bias: np.ndarray | None = None
) -> LogPartition:
    """log Z of one machine in seconds: exact where enumerating its states is fast, else an estimate.

    The smaller the machine, the more temperatures there are.
    """
    small, large = sorted(weights.shape)
    if small <= MOST_ENUMERATED and large << small <= _ENUMERATION:
        value = exact_log_partition(weights, visible_bias, hidden_bias)
        return LogPartition(np.array([value]), np.zeros(1), np.zeros(1))
    steps = min(max(_CHAIN // (small * large), 1000), 20000)
    return log_partition(weights, visible_bias, hidden_bias, base_bias=base_bias, steps=steps)


@dataclasses.dataclass(frozen=True)
class _Machine:
    """Machines that share their weights, [V, H] and [H, V], with the biases of each."""

    weights: np.ndarray
    transposed: np.ndarray
    bias: np.ndarray
    hidden: np.ndarray
    base: np.ndarray
    base_hidden: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Group:
    """Some chains of a machine, which draw from the same seed."""

    row: int
    number: int
    chains: int


def _anneal(machine: _Machine, groups: list[_Group], betas: np.ndarray, seed: int) -> np.ndarray:
    """Returns the log weights of the chains of some groups, float64 [chains]."""
    visible_units, hidden_units = machine.weights.shape
    which = np.repeat([g.row for g in groups], [g.chains for g in groups]).astype(np.int32)
    words = [
        np.random.default_rng([seed, g.row, g.number]).integers(
            1, 1 << 32, (g.chains, visible_units + hidden_units), np.uint32
        )
        for g in groups
    ]
    joined = np.concatenate(words)
    visible_words, hidden_words = (
        np.ascontiguousarray(part) for part in (joined[:, :visible_units], joined[:, visible_units:])
    )
    visible, visible_preactivations = np.zeros((2, len(which), visible_units), np.float32)
    hidden, hidden_preactivations = np.zeros((2, len(which), hidden_units), np.float32)
    gains, log_weights = np.zeros((2, len(which)))
    args, hidden_args = (machine.bias, machine.base, which), (machine.hidden, machine.base_hidden, which)
    chain_kernels.anneal_visible(visible_preactivations, *args, betas[0], visible_words, visible, gains)
    for before, now in itertools.pairwise(betas):
        np.matmul(visible, machine.weights, out=hidden_preactivations)
        log_weights += np.float64(now - before) * gains
        chain_kernels.anneal_hidden(hidden_preactivations, *hidden_args, before, now, hidden_words, hidden, log_weights)
        np.matmul(hidden, machine.transposed, out=visible_preactivations)
        chain_kernels.anneal_visible(visible_preactivations, *args, now, visible_words, visible, gains)
    return log_weights
