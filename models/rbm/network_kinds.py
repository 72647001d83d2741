"""The two kinds of network of rbm, chosen by the hyperparameters of the config.

Only `of` tells them apart: one machine for all windows, which are independent (`Windows`), or a machine for each frame,
given all frames before it (`Frames`). A note-state matrix is bool [steps, width].
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solferino.hparams.networks.rnn_rbm import RnnRbmHparams
from solferino.hparams.rbm import RbmConfig, RbmGeneration, RbmHparams
from solferino.models.core.family import Weights
from solferino.models.rbm import equations, generating, rnn_generating, rnn_rbm_recurrence
from solferino.models.rbm.chains import ais
from solferino.models.rbm.chains.gibbs import Machine
from solferino.models.rbm.generating import Given
from solferino.models.rbm.note_states import NoteStates
from solferino.models.rbm.rnn_rbm_recurrence import Recurrence


class Network(abc.ABC):
    """What the family asks of each kind.

    Attributes:
      keeps_primer: whether the music begins with its primer; if not, only the Gibbs chain does.
    """

    keeps_primer: bool

    @abc.abstractmethod
    def weight_shapes(self, hparams: Any, visible: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the weights by name, of a machine of so many visible units."""

    @abc.abstractmethod
    def model(self, hparams: Any, visible_bias: np.ndarray, seed: int) -> Any:
        """Returns a new Trainable (this imports TensorFlow); `visible_bias` [V] is that of a machine of means alone."""

    @abc.abstractmethod
    def cell(self, hparams: Any) -> str:
        """The cell of its recurrent network, one of `rnn_rbm_recurrence.CELLS`; '' if there is none."""

    @abc.abstractmethod
    def generate(
        self,
        weights: Weights,
        config: RbmConfig,
        primers: Sequence[Given | None],
        clamped: Given | None,
        options: RbmGeneration,
    ) -> np.ndarray:
        """Returns a matrix for each primer, bool [primers, steps, width].

        Raises:
          SolferinoError: music or options that it cannot follow.
        """

    @abc.abstractmethod
    def machines(self, weights: Weights, config: RbmConfig, matrix: np.ndarray) -> tuple[np.ndarray, Machine]:
        """The visible states [R, V] of a matrix, and the machine of all rows or of each row."""

    @abc.abstractmethod
    def log_partition(self, machine: Machine, visible_bias: np.ndarray, hparams: Any) -> np.ndarray:
        """log Z [R] or [1] of what `machines` returned; the random numbers are always the same."""

    def log_likelihood(
        self, weights: Weights, config: RbmConfig, matrix: np.ndarray, visible_bias: np.ndarray
    ) -> float:
        """Natural log of a matrix's probability, its first step included."""
        states, machine = self.machines(weights, config, matrix)
        free_energy = equations.free_energy(states, machine.weights, machine.visible_bias, machine.hidden_bias)
        return float(-(free_energy + self.log_partition(machine, visible_bias, config.hparams)).sum())

    def activity(self, weights: Weights, config: RbmConfig, matrix: np.ndarray) -> np.ndarray:
        """The mean probability [H] of each hidden unit to be on over a matrix."""
        states, machine = self.machines(weights, config, matrix)
        return equations.sigmoid(states @ machine.weights + machine.hidden_bias).mean(axis=0)


class Windows(Network):
    """One machine for all windows."""

    keeps_primer = False

    def weight_shapes(self, hparams: RbmHparams, visible: int) -> dict[str, tuple[int, ...]]:
        """See Network."""
        hidden = hparams.hidden_units
        return {'weights': (visible, hidden), 'visible_bias': (visible,), 'hidden_bias': (hidden,)}

    def model(self, hparams: RbmHparams, visible_bias: np.ndarray, seed: int) -> Any:
        """See Network."""
        from solferino.models.rbm.rbm_model import Rbm  # imports TensorFlow

        return Rbm(hparams, visible_bias, seed)

    def cell(self, hparams: RbmHparams) -> str:
        """See Network."""
        return ''

    def generate(
        self,
        weights: Weights,
        config: RbmConfig,
        primers: Sequence[Given | None],
        clamped: Given | None,
        options: RbmGeneration,
    ) -> np.ndarray:
        """See Network."""
        layout, window = NoteStates.of(config.extraction), config.hparams.num_timesteps
        return generating.generate(Machine.of(weights), layout, window, primers, clamped, options)

    def machines(self, weights: Weights, config: RbmConfig, matrix: np.ndarray) -> tuple[np.ndarray, Machine]:
        """See Network: the last window is filled with silence."""
        window = config.hparams.num_timesteps
        filled = np.pad(matrix, ((0, -len(matrix) % window), (0, 0)))
        return filled.reshape(-1, window * matrix.shape[1]), Machine.of(weights)

    def log_partition(self, machine: Machine, visible_bias: np.ndarray, hparams: RbmHparams) -> np.ndarray:
        """See Network."""
        return ais.best_log_partition(machine.weights, machine.visible_bias, machine.hidden_bias, visible_bias).value


class Frames(Network):
    """A machine for each step, whose biases are those that a recurrent network gives it."""

    keeps_primer = True

    def weight_shapes(self, hparams: RnnRbmHparams, visible: int) -> dict[str, tuple[int, ...]]:
        """See Network."""
        return rnn_rbm_recurrence.weight_shapes(hparams.cell, visible, hparams.hidden_units, hparams.rnn_units)

    def model(self, hparams: RnnRbmHparams, visible_bias: np.ndarray, seed: int) -> Any:
        """See Network."""
        from solferino.models.rbm.rnn_rbm import RnnRbm  # imports TensorFlow

        return RnnRbm(hparams, visible_bias, seed)

    def cell(self, hparams: RnnRbmHparams) -> str:
        """See Network."""
        return hparams.cell

    def generate(
        self,
        weights: Weights,
        config: RbmConfig,
        primers: Sequence[Given | None],
        clamped: Given | None,
        options: RbmGeneration,
    ) -> np.ndarray:
        """See Network."""
        network = Recurrence(weights, config.hparams.cell)
        return rnn_generating.generate(network, NoteStates.of(config.extraction), primers, clamped, options)

    def machines(self, weights: Weights, config: RbmConfig, matrix: np.ndarray) -> tuple[np.ndarray, Machine]:
        """See Network."""
        network = Recurrence(weights, config.hparams.cell)
        return matrix, Machine(network.weights, *network.all_biases(matrix))

    def log_partition(self, machine: Machine, visible_bias: np.ndarray, hparams: RnnRbmHparams) -> np.ndarray:
        """See Network."""
        z = ais.frame_log_partitions(
            machine.weights,
            machine.visible_bias,
            machine.hidden_bias,
            steps=hparams.ais_steps,
            chains=hparams.ais_chains,
            seed=0,
        )
        return z.value + z.bias


_NETWORKS: Mapping[type, Network] = {RbmHparams: Windows(), RnnRbmHparams: Frames()}


def of(config: RbmConfig) -> Network:
    """The kind of network that a config has."""
    return _NETWORKS[type(config.hparams)]
