"""Magenta's trained event models as ours: the variables of its checkpoints under the names of `event_forward.py`.

A model of drums_rnn or melody_rnn is a stack of TensorFlow 1's cells (magenta/models/shared/events_rnn_graph.py):

    rnn/multi_rnn_cell/cell_<i>/[input_projection_wrapper/][attention_cell_wrapper/]basic_lstm_cell/{kernel,bias}
    fully_connected/{weights,biases}

with input projections where there are residual connections, and attention in cell 0. Gates come in the order input,
cell, forget, output, and the 1 that is added to the forget gate is not stored. Layer sizes are in the shapes; how far
the attention looks back is in the metagraph alone, in the shape of its state. No graph is ever executed.
"""

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.models.core.magenta import tf_checkpoint, tf_table
from solferino.models.core.magenta.tf_proto import blob, blobs, number, text
from solferino.models.core.storage import checkpoints, tensors

_CELL = 'rnn/multi_rnn_cell/cell_{}/'
_PROJECTION = 'input_projection_wrapper/'
_ATTENTION = 'attention_cell_wrapper/'
_STATE = 'AttentionCellWrapperZeroState/'
_PARTS = re.compile(r'\.(index|meta|data-\d+-of-\d+)$')
_NAME = re.compile(r'model\.ckpt-(\d+)(\.index|\.meta)?$')
_NEWEST = re.compile(r'^model_checkpoint_path: "(?:.*/)?([^/"]+)"', re.MULTILINE)
_MAX_META_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model of Magenta.

    Attributes:
      weights: by the names of `event_forward.py`.
      hparams: those of EventRnnHparams that it tells: rnn_layer_sizes, attn_length, residual_connections.
    """

    weights: dict[str, np.ndarray]
    hparams: dict[str, Any]


def convert(variables: Mapping[str, np.ndarray], metagraph: bytes) -> Trained:
    """Returns the model of a checkpoint's variables and its serialized MetaGraphDef.

    Raises:
      ValueError: it is another model, its weights are not finite, or the two do not belong together; the message
        begins with "it".
    """
    try:
        weights = _weights(variables)
    except KeyError as error:
        raise ValueError(f'it is of another kind of model: it has no variable {error.args[0]}') from None
    except (IndexError, ValueError):
        raise ValueError('it is of another kind of model: its variables have other shapes') from None
    try:
        tensors.require_finite(weights)
    except ValueError as error:
        raise ValueError(f'it {error}') from None
    layers = sum(name.endswith('/recurrent_kernel') for name in weights)
    units = [len(weights[f'lstm_{i}/recurrent_kernel']) for i in range(layers)]
    hparams = {
        'rnn_layer_sizes': units,
        'attn_length': _attn_length(metagraph, units[0]) if 'attention/score' in weights else 0,
        'residual_connections': 'projection_0/kernel' in weights,
    }
    return Trained(weights, hparams)


def find(path: str) -> str | None:
    """Returns the prefix of the checkpoint of Magenta that `path` means, None if it means none.

    Args:
      path: a run directory, its train/ (the checkpoint that its `checkpoint` file names, or the newest), a prefix such
        as train/model.ckpt-1000, or a file of that prefix. Where there are checkpoints of ours, they are meant.
    """
    path = os.path.expanduser(path)
    for directory in (os.path.join(path, 'train'), path):
        if os.path.isdir(directory):
            return None if checkpoints.paths(directory) else _newest(directory)
    prefix = _PARTS.sub('', path)
    return prefix if _is_checkpoint(prefix) else None


def step(prefix: str) -> int | None:
    """The training step that the name of a checkpoint tells, None if it tells none."""
    match = _NAME.search(prefix)
    return int(match[1]) if match else None


def read(prefix: str) -> Trained:
    """Reads a checkpoint that `find` found, with the `.meta` beside it. Raises SolferinoError that names it."""
    try:
        return convert(tf_checkpoint.read(prefix), _metagraph(prefix + '.meta'))
    except ValueError as error:
        raise SolferinoError(f'Checkpoint {prefix} cannot be used: {error}.') from None
    except OSError as error:
        raise SolferinoError(f'Checkpoint {prefix}: {error.filename} cannot be read: {error.strerror}.') from error


def _weights(v: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    weights = {'logits/kernel': v['fully_connected/weights'], 'logits/bias': v['fully_connected/biases']}
    layer = 0
    while not layer or any(name.startswith(_CELL.format(layer)) for name in v):
        cell = _CELL.format(layer)
        if cell + _PROJECTION + 'kernel' in v:
            cell += _PROJECTION
            weights |= {f'projection_{layer}/{name}': v[cell + name] for name in ('kernel', 'bias')}
        if cell + _ATTENTION + 'kernel' in v:
            cell += _ATTENTION
            weights |= _attention(v, cell)
        weights |= {f'lstm_{layer}/{name}': array for name, array in _lstm(v, cell + 'basic_lstm_cell/').items()}
        layer += 1
    return {name: np.array(array, np.float32) for name, array in weights.items()}


def _attention(v: Mapping[str, np.ndarray], cell: str) -> dict[str, np.ndarray]:
    kernel = v[cell + 'kernel']
    size = kernel.shape[1]
    return {
        'attention/input_kernel': kernel[:size],
        'attention/context_kernel': kernel[size:],
        'attention/input_bias': v[cell + 'bias'],
        'attention/query_kernel': v[cell + 'attention/kernel'],
        'attention/query_bias': v[cell + 'attention/bias'],
        'attention/memory_kernel': v[cell + 'attention/attn_w'][0, 0],
        'attention/score': v[cell + 'attention/attn_v'],
        'attention/output_kernel': v[cell + 'attn_output_projection/kernel'],
        'attention/output_bias': v[cell + 'attn_output_projection/bias'],
    }


def _lstm(v: Mapping[str, np.ndarray], cell: str) -> dict[str, np.ndarray]:
    kernel, bias = v[cell + 'kernel'], v[cell + 'bias']
    units = kernel.shape[1] // 4
    i, j, f, o = np.split(np.vstack([kernel, bias]), 4, axis=1)
    f[-1] += 1
    ours = np.hstack([i, f, j, o])
    return {'kernel': ours[: -units - 1], 'recurrent_kernel': ours[-units - 1 : -1], 'bias': ours[-1]}


def _attn_length(metagraph: bytes, units: int) -> int:
    """The state of the attention is flat: [batch, attn_length * units], beside others of [batch, units]."""
    sizes = [shape[-1] for shape in _state_shapes(memoryview(metagraph)) if len(shape) == 2]
    length, rest = divmod(max(sizes, default=0), max(units, 1))
    if not length or rest:
        raise ValueError('it does not come with its own graph, which tells how far its attention looks back')
    return length


def _state_shapes(metagraph: memoryview) -> Iterator[list[int]]:
    """Yields the shapes of the attention's initial state: MetaGraphDef.graph_def.node.attr['_output_shapes']."""
    for node in blobs(blob(metagraph, 2), 1):
        if _STATE in text(node, 1):
            for attribute in blobs(node, 5):
                if text(attribute, 1) == '_output_shapes':
                    for shape in blobs(blob(blob(attribute, 2), 1), 7):
                        yield [number(dim, 1) for dim in blobs(shape, 2)]


def _metagraph(path: str) -> bytes:
    if not os.path.isfile(path):
        return b''  # a model without attention does without
    if os.path.getsize(path) > _MAX_META_BYTES:
        raise ValueError('the graph beside it is larger than any')
    with open(path, 'rb') as file:
        return file.read()


def _newest(directory: str) -> str | None:
    prefixes = {}
    for name in os.listdir(directory):
        match = _NAME.match(name)
        prefix = os.path.join(directory, _PARTS.sub('', name))
        if match and _is_checkpoint(prefix):
            prefixes[int(match[1])] = prefix
    named = os.path.join(directory, 'checkpoint')
    if os.path.isfile(named):
        with open(named, encoding='utf-8', errors='replace') as file:
            match = _NEWEST.search(file.read(1 << 16))
        prefix = os.path.join(directory, match[1]) if match else ''
        if prefix and _is_checkpoint(prefix):
            return prefix
    return prefixes[max(prefixes)] if prefixes else None


def _is_checkpoint(prefix: str) -> bool:
    return os.path.isfile(prefix + tf_checkpoint.INDEX) or (os.path.isfile(prefix) and tf_table.is_table(prefix))
