"""The restricted Boltzmann machine's equations in NumPy, in double precision: the reference of the tests.

Binary visible units v and hidden units h have the energy E(v, h) = -b.v - c.h - v.W.h, and p(v, h) = exp(-E(v, h)) / Z
(Smolensky 1986; Hinton 2002, "Training products of experts by minimizing contrastive divergence"). Summing h out leaves
the free energy F(v) = -b.v - sum_j softplus(c_j + (v.W)_j), with p(v) = exp(-F(v)) / Z.

V visible units, H hidden units, R rows: the states of R machines side by side. Biases [V] and [H] are shared by all
rows; [R, V] and [R, H] give each row its own.
"""

import numpy as np

# Units of the smaller layer that `exact_log_partition` can enumerate: 2**20 states.
MOST_ENUMERATED = 20
_LOW_BITS = 8  # states are enumerated in blocks of 2**8


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(0.0, x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow."""
    return np.exp(-softplus(-np.asarray(x, np.float64)))


def free_energy(
    visible: np.ndarray, weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray
) -> np.ndarray:
    """F(v) in nats, float64 [R], of visible states [R, V]; weights are [V, H]."""
    visible, weights = np.asarray(visible, np.float64), np.asarray(weights, np.float64)
    return -(visible * visible_bias).sum(axis=-1) - softplus(visible @ weights + hidden_bias).sum(axis=-1)


def exact_log_partition(weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray) -> float:
    """log Z in nats of one machine, by enumerating the states of its smaller layer.

    Raises:
      ValueError: the smaller layer has more than MOST_ENUMERATED units.
    """
    weights = np.asarray(weights, np.float64)
    small, large = np.asarray(hidden_bias, np.float64), np.asarray(visible_bias, np.float64)
    if len(small) > len(large):  # the energy is symmetric in the layers
        small, large, weights = large, small, weights.T
    if len(small) > MOST_ENUMERATED:
        raise ValueError(f'{len(small)} units have too many states to be enumerated')
    low = min(_LOW_BITS, len(small))
    low_states, high_states = states(low), states(len(small) - low)
    low_logits, high_logits = low_states @ weights.T[:low] + large, high_states @ weights.T[low:]
    low_terms, high_terms = low_states @ small[:low], high_states @ small[low:]
    blocks = [
        np.logaddexp.reduce(low_terms + term + softplus(low_logits + high).sum(axis=1))
        for term, high in zip(high_terms, high_logits, strict=True)
    ]
    return float(np.logaddexp.reduce(blocks))


def states(units: int) -> np.ndarray:
    """All states of that many binary units, float64 [2**units, units]."""
    return (np.arange(1 << units)[:, None] >> np.arange(units) & 1).astype(np.float64)
