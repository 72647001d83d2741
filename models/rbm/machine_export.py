"""rbm for plain TensorFlow: the conditional probabilities that Gibbs sampling needs, and the free energy.

The equations are those of `equations.py`; for rnn_rbm with the biases of `rnn_rbm_recurrence.py`.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from solferino.models.core.export import saved_model
from solferino.models.core.export.saved_model import Function, State
from solferino.models.core.family import Weights
from solferino.models.rbm.note_states import NoteStates
from solferino.models.rbm.rnn_rbm_recurrence import CELL_WEIGHTS


class Machine:
    """One machine; or, with a `cell`, a machine for each frame, given the state of a recurrent network.

    Args:
      weights: by name, as listed in `rnn_rbm_recurrence.py`; without a cell the first three of them.
      cell: of the recurrent network, '' for none.
    """

    def __init__(self, weights: Weights, cell: str) -> None:
        self.variables = {name: tf.Variable(value, trainable=False, name=name) for name, value in weights.items()}
        self._cell = {'': None, 'tanh': self._tanh, 'gru': self._gru}[cell]
        self.units = len(weights['state_to_visible']) if cell else 0

    def initial_state(self, batch_size: tf.Tensor) -> State:
        """The state at the beginning of the music."""
        return {'state': tf.zeros([batch_size, self.units])}

    def step(self, inputs: tf.Tensor, state: State) -> State:
        """Returns the state after the frames [batch, V]."""
        assert self._cell
        w = {name.removeprefix(CELL_WEIGHTS): v for name, v in self.variables.items() if name.startswith(CELL_WEIGHTS)}
        return {'state': self._cell(inputs, state['state'], w)}

    def hidden(self, visible: tf.Tensor, state: State | None = None) -> tf.Tensor:
        """The probability [batch, H] that each hidden unit is on, given visible states [batch, V]."""
        return tf.sigmoid(visible @ self.variables['weights'] + self._bias('hidden', state))

    def visible(self, hidden: tf.Tensor, state: State | None = None) -> tf.Tensor:
        """The probability [batch, V] that each visible unit is on, given hidden states [batch, H]."""
        return tf.sigmoid(tf.matmul(hidden, self.variables['weights'], transpose_b=True) + self._bias('visible', state))

    def free_energy(self, visible: tf.Tensor, state: State | None = None) -> tf.Tensor:
        """Nats [batch]: minus the log-probability of visible states, but for a constant of each machine."""
        logits = visible @ self.variables['weights'] + self._bias('hidden', state)
        of_visible = tf.reduce_sum(visible * self._bias('visible', state), axis=1)
        return -of_visible - tf.reduce_sum(tf.nn.softplus(logits), axis=1)

    def _bias(self, layer: str, state: State | None) -> tf.Tensor:
        bias = tf.convert_to_tensor(self.variables[f'{layer}_bias'])
        return bias if state is None else bias + state['state'] @ self.variables[f'state_to_{layer}']

    @staticmethod
    def _tanh(frames: tf.Tensor, state: tf.Tensor, w: Mapping[str, tf.Variable]) -> tf.Tensor:
        return tf.tanh(frames @ w['kernel'] + state @ w['recurrent_kernel'] + w['bias'])

    @staticmethod
    def _gru(frames: tf.Tensor, state: tf.Tensor, w: Mapping[str, tf.Variable]) -> tf.Tensor:
        z, r, g = tf.split(frames @ w['kernel'] + w['bias'][0], 3, axis=1)
        c, d, e = tf.split(state @ w['recurrent_kernel'] + w['bias'][1], 3, axis=1)
        update = tf.sigmoid(z + c)
        return update * state + (1 - update) * tf.tanh(g + tf.sigmoid(r + d) * e)


class _Stateless:
    """A machine that is the same for all frames, as a program asks it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def hidden(self, visible: tf.Tensor) -> tf.Tensor:
        """See Machine."""
        return self._machine.hidden(visible)

    def visible(self, hidden: tf.Tensor) -> tf.Tensor:
        """See Machine."""
        return self._machine.visible(hidden)

    def free_energy(self, visible: tf.Tensor) -> tf.Tensor:
        """See Machine."""
        return self._machine.free_energy(visible)


def write(weights: Weights, config: Any, cell: str, folder: pathlib.Path) -> None:
    """Writes a model of the config into an empty folder; `cell` is that of the recurrent network, '' for none."""
    model, layout = Machine(weights, cell), NoteStates.of(config.extraction)
    visible, hidden = weights['weights'].shape
    state = (saved_model.state_spec({'state': (model.units,)}),) if cell else ()
    of_visible = tf.TensorSpec([None, visible], tf.float32, name='visible')
    of_hidden = tf.TensorSpec([None, hidden], tf.float32, name='hidden')
    # Without a recurrent network there is no state to be given.
    asked = model if cell else _Stateless(model)
    functions = {
        'hidden': Function(asked.hidden, (of_visible, *state), ('probabilities',)),
        'visible': Function(asked.visible, (of_hidden, *state), ('probabilities',)),
        'free_energy': Function(asked.free_energy, (of_visible, *state), ('free_energy',)),
    }
    usage = (
        'model = tf.saved_model.load(folder); Gibbs sampling: draw hidden of model.hidden(visible), draw visible of '
    )
    usage += 'model.visible(hidden), and so on'
    if cell:
        functions |= {
            'initial_state': saved_model.start(model.initial_state),
            'step': Function(model.step, (tf.TensorSpec([None, visible], tf.float32, name='inputs'), *state)),
        }
        usage = (
            'model = tf.saved_model.load(folder); state = model.initial_state(batch_size); for each frame Gibbs '
            'sampling: draw hidden of model.hidden(visible, state), draw visible of model.visible(hidden, state), and '
            'so on; then state = model.step(visible, state)'
        )
    description = {
        **saved_model.about(config),
        'usage': usage,
        'visible': {
            'shape': ['batch', visible],
            'dtype': 'float32',
            'steps': config.hparams.num_timesteps,
            'cells_of_a_step': layout.width,
            'meaning': 'step by step, 1 for each cell that is on; the cells of a step are the keys that sound, from '
            'the lowest pitch up, and then, where there are twice as many cells as pitches, those that are struck',
            'lowest_pitch': layout.lowest,
            'pitches': layout.pitches,
        },
        'hidden': {'shape': ['batch', hidden], 'dtype': 'float32', 'meaning': '1 for each hidden unit that is on'},
        'probabilities': 'what hidden and visible return: of each unit of the other layer, that it is on',
        'free_energy': 'nats; minus the natural log of the probability of visible, but for a constant',
        **({'state': {'state': ['batch', model.units]}} if cell else {}),
    }
    saved_model.save(model.variables, functions, description, folder)
