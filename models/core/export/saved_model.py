"""SavedModels: models for programs with TensorFlow and without Solferino. This module has the event network's.

    model = tf.saved_model.load('exported')
    state = model.initial_state(1)
    logits, state = model.step(inputs, state)

`inputs` is float32 [batch, input_size]; `model.json` describes its parts and the meaning of the logits. The signatures
`initial_state` and `step` are for other languages; in them each part of the state is a tensor.
"""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging
from tensorflow.core.protobuf import fingerprint_pb2

from solferino.models.core.family import Weights
from solferino.models.music.encodings.event_encodings import Encoding

State = dict[str, tf.Tensor]


class Step:
    """One step of the event network, with the equations of `event_forward.py`.

    Args:
      weights: by name, as listed there.
      input_size: of an input vector.
      attn_length: memory slots of the attention.
      residual_connections: whether each layer's input is added to its output.
    """

    def __init__(self, weights: Weights, input_size: int, attn_length: int, residual_connections: bool) -> None:
        self.variables = {name: tf.Variable(value, trainable=False, name=name) for name, value in weights.items()}
        self._residual = residual_connections
        self._num_layers = sum(name.endswith('/recurrent_kernel') for name in weights)
        units = [weights[f'lstm_{i}/recurrent_kernel'].shape[0] for i in range(self._num_layers)]
        # The state, by name, without the batch dimension.
        self.state_shapes: dict[str, tuple[int, ...]] = {}
        for i, size in enumerate(units):
            self.state_shapes |= {f'hidden_{i}': (size,), f'cell_{i}': (size,)}
        if attn_length:
            memory = (attn_length, units[0])
            self.state_shapes |= {'context': (units[0],), 'memory': memory, 'keys': memory}
        self.step_spec = tf.TensorSpec([None, input_size], tf.float32, name='inputs')
        self.state_spec = state_spec(self.state_shapes)

    def initial_state(self, batch_size: tf.Tensor) -> State:
        """Zeros."""
        return {name: tf.zeros([batch_size, *shape]) for name, shape in self.state_shapes.items()}

    def step(self, inputs: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Returns the logits [batch, classes] after `inputs` [batch, input_size], and the state after it."""
        w, x = self.variables, inputs
        after: State = {}
        for i in range(self._num_layers):
            if f'projection_{i}/kernel' in w:
                x = x @ w[f'projection_{i}/kernel'] + w[f'projection_{i}/bias']
            attention = i == 0 and 'memory' in state
            seen = self._with_context(x, state['context']) if attention else x
            gates = seen @ w[f'lstm_{i}/kernel'] + state[f'hidden_{i}'] @ w[f'lstm_{i}/recurrent_kernel']
            i_gate, f_gate, new, o_gate = tf.split(gates + w[f'lstm_{i}/bias'], 4, axis=1)
            cell = state[f'cell_{i}'] * tf.sigmoid(f_gate) + tf.sigmoid(i_gate) * tf.tanh(new)
            hidden = output = tf.sigmoid(o_gate) * tf.tanh(cell)
            after |= {f'hidden_{i}': hidden, f'cell_{i}': cell}
            if attention:
                output, attended = self._attend(hidden, cell, state)
                after |= attended
            x = output + x if self._residual else output
        return x @ w['logits/kernel'] + w['logits/bias'], after

    def _with_context(self, x: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        w = self.variables
        return x @ w['attention/input_kernel'] + context @ w['attention/context_kernel'] + w['attention/input_bias']

    def _attend(self, hidden: tf.Tensor, cell: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Returns the layer's output and the new state of the attention."""
        w = self.variables
        query = tf.concat([cell, hidden], 1) @ w['attention/query_kernel'] + w['attention/query_bias']
        scores = tf.linalg.matvec(tf.tanh(state['keys'] + query[:, None]), w['attention/score'])
        context = tf.linalg.matvec(state['memory'], tf.nn.softmax(scores), transpose_a=True)
        output = tf.concat([hidden, context], 1) @ w['attention/output_kernel'] + w['attention/output_bias']
        memory = tf.concat([state['memory'][:, 1:], output[:, None]], axis=1)
        keys = tf.concat([state['keys'][:, 1:], (output @ w['attention/memory_kernel'])[:, None]], axis=1)
        return output, {'context': context, 'memory': memory, 'keys': keys}


@dataclasses.dataclass(frozen=True)
class Function:
    """A function of an exported model.

    Attributes:
      run: takes tensors and dictionaries of tensors, and returns one of these or a tuple of them.
      takes: their specs, in order; each tensor has a name.
      gives: the names of the returned tensors that are not in dictionaries, in order.
    """

    run: Callable[..., Any]
    takes: tuple[Any, ...]
    gives: tuple[str, ...] = ()

    def concrete(self) -> Any:
        """The function for Python programs."""
        return tf.function(self.run).get_concrete_function(*self.takes)

    def signature(self) -> Any:
        """The function for other languages: all arguments and results are tensors by name."""

        def flat(**tensors: tf.Tensor) -> State:
            result = self.run(*(_like(spec, tensors) for spec in self.takes))
            named: State = {}
            names = iter(self.gives)
            for part in result if isinstance(result, tuple) else (result,):
                named |= part if isinstance(part, dict) else {next(names): part}
            return named

        specs: dict[str, tf.TensorSpec] = {}
        for spec in self.takes:
            specs |= spec if isinstance(spec, dict) else {spec.name: spec}
        return tf.function(flat).get_concrete_function(**specs)


def _like(spec: Any, tensors: State) -> Any:
    """The tensors that a spec, or a dictionary of specs, names."""
    return {name: tensors[name] for name in spec} if isinstance(spec, dict) else tensors[spec.name]


def state_spec(shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The specs of a state, by name, from shapes without the batch dimension; float32 where `dtypes` has no other."""
    dtypes = dtypes or {}
    return {name: tf.TensorSpec([None, *shape], dtypes.get(name, tf.float32), name) for name, shape in shapes.items()}


def start(run: Callable[[tf.Tensor], State]) -> Function:
    """The function that returns the initial state for a batch size."""
    return Function(run, (tf.TensorSpec([], tf.int32, name='batch_size'),))


def save(
    variables: Mapping[str, tf.Variable],
    functions: Mapping[str, Function],
    description: Mapping[str, Any],
    folder: pathlib.Path,
) -> None:
    """Writes a model into an empty folder: the SavedModel, and `model.json` with its description."""
    exported = tf.Module()
    exported.weights = list(variables.values())  # else TensorFlow does not save them
    for name, function in functions.items():
        setattr(exported, name, function.concrete())
    signatures = {name: function.signature() for name, function in functions.items()}
    with _quietly():
        tf.saved_model.save(exported, str(folder), signatures=signatures)
    _name_by_contents(folder / 'fingerprint.pb')
    lines = [f'{json.dumps(name)}: {json.dumps(value)}' for name, value in description.items()]
    (folder / 'model.json').write_text('{\n' + ',\n'.join(lines) + '\n}\n', 'utf-8')


def _name_by_contents(fingerprint: pathlib.Path) -> None:
    """Replaces TensorFlow's random identifier of the SavedModel by one that depends on its contents alone."""
    proto = fingerprint_pb2.FingerprintDef.FromString(fingerprint.read_bytes())
    contents = (proto.saved_model_checksum, proto.graph_def_program_hash, proto.checkpoint_hash)
    proto.uuid = '-'.join(map(str, contents))
    fingerprint.write_bytes(proto.SerializeToString(deterministic=True))


def write(
    weights: Weights, config: Any, encoding: Encoding, event_meanings: Mapping[str, Any], folder: pathlib.Path
) -> None:
    """Writes an event network into an empty folder."""
    hparams = config.hparams
    model = Step(weights, encoding.input_size, hparams.attn_length, hparams.residual_connections)
    functions = {
        'step': Function(model.step, (model.step_spec, model.state_spec), ('logits',)),
        'initial_state': start(model.initial_state),
    }
    save(model.variables, functions, _description(model, config, encoding, event_meanings), folder)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without TensorFlow's messages about names and shards, which do not concern a user."""
    level = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(level)


def about(config: Any) -> dict[str, Any]:
    """What every description begins with."""
    return {
        'config': config.name,
        'description': config.description,
        'steps_per_quarter': config.steps_per_quarter,
    }


def _description(model: Step, config: Any, encoding: Encoding, event_meanings: Mapping[str, Any]) -> dict[str, Any]:
    labels = np.arange(encoding.num_events)
    return {
        **about(config),
        'usage': 'model = tf.saved_model.load(folder); state = model.initial_state(batch_size); '
        'logits, state = model.step(inputs, state)',
        'inputs': {
            'shape': ['batch', encoding.input_size],
            'dtype': 'float32',
            'parts': [{'size': size, 'meaning': meaning} for size, meaning in encoding.parts()],
        },
        'state': {name: ['batch', *shape] for name, shape in model.state_shapes.items()},
        'logits': {
            'shape': ['batch', encoding.num_classes],
            'meaning': 'softmax(logits)[k] is the probability that the next event is the event class that entry k of '
            'classes names; after these come the repeats, each of the event that many steps before the next',
            'classes': encoding.events_of_labels(encoding.start(1), labels).tolist(),
            'repeats': list(encoding.lookbacks),
        },
        'event_classes': dict(event_meanings),
    }
