"""Models for web pages: the files that MusicRNN of npm's @magenta/music 1.23 loads.

    config.json            what the model is: data converter, auxiliary inputs, length of the attention
    weights_manifest.json  names, shapes and order of the weights, as TensorFlow.js has them
    group1-shard1of2, ...  the weights, float32, little-endian, in shards that browsers can cache
    README.md              how to use them in a page
    attention.js           only for a model with attention, see there

MusicRNN runs LSTM layers whose input is the one-hot event, then a binary counter (its source: music_rnn/model.ts). It
has only the attention of Magenta's first models, around three layers as a whole. Magenta 2 and Solferino attend in the
first layer, below the others; no weights turn the one into the other. So a model with attention comes with
`attention.js`, which adds it to MusicRNN, and its config says that MusicRNN alone cannot run it.
"""

import importlib.resources
import json
import math
import pathlib
from typing import Any

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.models.core.export.browser_events import BrowserEvents
from solferino.models.core.family import Weights
from solferino.models.music.encodings.event_encodings import Encoding

PACKAGE = '@magenta/music@1.23.1'
_SHARD_BYTES = 4 << 20
_ATTENTION = 'attention.js'
# MusicRNN refuses a config of another type than its own name.
_TYPE, _ATTENTION_TYPE = 'MusicRNN', 'SolferinoAttentionRNN'


def write(weights: Weights, config: Any, encoding: Encoding, events: BrowserEvents, folder: pathlib.Path) -> None:
    """Writes a model into an empty folder. Raises SolferinoError that says why MusicRNN cannot run it."""
    if config.hparams.residual_connections:
        raise SolferinoError(
            '@magenta/music cannot run a model with residual_connections=true: it feeds each layer with the output of '
            'the layer before alone. Train without them for web pages, or take --format=savedmodel.'
        )
    attention = config.hparams.attn_length > 0
    spec: dict[str, Any] = {'type': _ATTENTION_TYPE if attention else _TYPE, 'dataConverter': events.converter}
    if encoding.counter_bits:
        spec['auxInputs'] = [{'type': 'BinaryCounter', 'args': {'numBits': encoding.counter_bits}}]
    if attention:
        spec['attentionLength'] = config.hparams.attn_length
        script = importlib.resources.files('solferino.models.core.export').joinpath(_ATTENTION).read_text('utf-8')
        (folder / _ATTENTION).write_text(script, 'utf-8')
    _write_weights(_variables(weights), folder)
    (folder / 'config.json').write_text(json.dumps(spec, indent=1) + '\n', 'utf-8')
    (folder / 'README.md').write_text(_readme(config, events, attention), 'utf-8')


def _variables(weights: Weights) -> dict[str, np.ndarray]:
    """The weights by Magenta's names; those of the attention, for `attention.js`, by ours.

    TensorFlow's basic_lstm_cell has the gates in the order input, cell, forget, output, both kernels in one matrix, and
    adds 1 to the forget gate.
    """
    variables = {'fully_connected/weights': weights['logits/kernel'], 'fully_connected/biases': weights['logits/bias']}
    layers = sum(name.endswith('/recurrent_kernel') for name in weights)
    for layer in range(layers):
        parts = [weights[f'lstm_{layer}/{part}'] for part in ('kernel', 'recurrent_kernel', 'bias')]
        i, f, g, o = np.split(np.vstack(parts), 4, axis=1)
        theirs = np.hstack([i, g, f, o])
        units = f.shape[1]
        theirs[-1, 2 * units : 3 * units] -= 1
        cell = f'rnn/multi_rnn_cell/cell_{layer}/basic_lstm_cell/'
        variables |= {cell + 'kernel': theirs[:-1], cell + 'bias': theirs[-1]}
    return variables | {name: value for name, value in sorted(weights.items()) if name.startswith('attention/')}


def _write_weights(variables: dict[str, np.ndarray], folder: pathlib.Path) -> None:
    data = b''.join(value.astype('<f4').tobytes() for value in variables.values())
    shards = math.ceil(len(data) / _SHARD_BYTES)
    paths = [f'group1-shard{number}of{shards}' for number in range(1, shards + 1)]
    for number, path in enumerate(paths):
        (folder / path).write_bytes(data[number * _SHARD_BYTES : (number + 1) * _SHARD_BYTES])
    described = [{'name': n, 'shape': list(v.shape), 'dtype': 'float32'} for n, v in variables.items()]
    manifest = json.dumps([{'paths': paths, 'weights': described}], indent=1)
    (folder / 'weights_manifest.json').write_text(manifest + '\n', 'utf-8')


def _readme(config: Any, events: BrowserEvents, attention: bool) -> str:
    script = f'<script src="web/{_ATTENTION}"></script>\n' if attention else ''
    model = '(solferino.withAttention(mm.MusicRNN))' if attention else 'mm.MusicRNN'
    note = _ATTENTION_NOTE if attention else ''
    return f"""\
# {config.description}

A model of Solferino ({config.name}) for web pages with the npm package {PACKAGE}. A page that continues
`primer.mid`, served over HTTP with this folder beside it as `web/`, and with the package's `dist/magentamusic.js`:

```html
<!doctype html>
<meta charset="utf-8">
<script src="magentamusic.js"></script>
{script}<button onclick="play()">Play</button>
<script>
  const model = new {model}('web');
  const player = new mm.Player();
  async function play() {{
    const primer = await mm.urlToNoteSequence('primer.mid');
    const start = mm.sequences.quantizeNoteSequence(primer, {config.steps_per_quarter});
    player.start(await model.continueSequence(start, 64, 1.0), 120);  // 64 steps, temperature, quarters a minute
  }}
</script>
```

Quantize to {config.steps_per_quarter} steps a quarter. {events.advice}
{note}"""


_ATTENTION_NOTE = f"""
This model attends to its own past in its first layer, which the package does not know: {_ATTENTION} teaches it.
MusicRNN alone refuses this folder.
"""
