"""A SavedModel runs in a process that has TensorFlow and not Solferino, and gives our logits."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solferino.hparams import overrides
from solferino.models import registry
from solferino.models.core.events.event_forward import Forward
from solferino.models.music.encodings.event_encodings import to_dense

CASES = [(family, config) for family in ('drums_rnn', 'melody_rnn') for config in registry.get(family).spec.configs]
SIZES = 'rnn_layer_sizes=[7,6]'

# Runs every model once by its functions and once by its signatures, with plain TensorFlow.
STRANGER = """
import sys
sys.modules['solferino'] = None  # importing it is an error
import numpy as np
import tensorflow as tf

for folder in sys.argv[1:]:
    inputs = np.load(folder + '/inputs.npy')  # [batch, steps, input_size]
    model = tf.saved_model.load(folder)
    start, step = model.signatures['initial_state'], model.signatures['step']
    state, flat = model.initial_state(len(inputs)), start(batch_size=tf.constant(len(inputs)))
    by_functions, by_signatures = [], []
    for t in range(inputs.shape[1]):
        logits, state = model.step(inputs[:, t], state)
        by_functions.append(logits)
        flat = step(inputs=tf.constant(inputs[:, t]), **flat)
        by_signatures.append(flat.pop('logits'))
    np.save(folder + '/logits.npy', np.stack([by_functions, by_signatures]).swapaxes(1, 2))
"""


def _model(family: str, name: str, hparams: str) -> tuple[Any, Any, dict[str, np.ndarray]]:
    known = registry.get(family)
    config = known.spec.config(name)
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, hparams))
    rng = np.random.default_rng(2)
    variables = known.model(config, seed=0).named_weights()
    return known, config, {n: rng.normal(0, 0.4, v.shape).astype(np.float32) for n, v in variables.items()}


def test_logits_are_ours(tmp_path: Path) -> None:
    folders, expected = [], []
    hparams = [SIZES] * len(CASES)
    cases = [*CASES, ('melody_rnn', 'lookback_rnn'), ('drums_rnn', 'drum_kit')]
    hparams += [SIZES + ',residual_connections=true', SIZES + ',residual_connections=true,attn_length=4']
    for number, ((family_name, config_name), overridden) in enumerate(zip(cases, hparams, strict=True)):
        family, config, weights = _model(family_name, config_name, overridden)
        folder = tmp_path / str(number)
        folder.mkdir()
        family.export(weights, config, 'savedmodel', folder)
        encoding = family.encoding(config)
        events = np.random.default_rng(3).integers(0, encoding.num_events, (2, 41)).astype(np.int32)
        np.save(folder / 'inputs.npy', np.stack([to_dense(encoding, track)[0] for track in events]))
        forward = Forward(weights, config.hparams.attn_length, config.hparams.residual_connections)
        folders.append(folder)
        expected.append(forward.run(encoding.inputs(events[:, :-1]), forward.initial_state(2))[0])
    subprocess.run([sys.executable, '-c', STRANGER, *folders], check=True, capture_output=True)
    for folder, logits in zip(folders, expected, strict=True):
        for found in np.load(folder / 'logits.npy'):
            np.testing.assert_allclose(found, logits, atol=1e-5)


@pytest.mark.parametrize('case', CASES, ids=lambda case: case[1])
def test_the_description_is_of_the_arrays(case: tuple[str, str], tmp_path: Path) -> None:
    family, config, weights = _model(*case, SIZES)
    family.export(weights, config, 'savedmodel', tmp_path)
    told = json.loads((tmp_path / 'model.json').read_text())
    encoding = family.encoding(config)
    assert sum(part['size'] for part in told['inputs']['parts']) == told['inputs']['shape'][1] == encoding.input_size
    classes, repeats = told['logits']['classes'], told['logits']['repeats']
    assert sorted(classes) == list(range(encoding.num_events))
    assert len(classes) + len(repeats) == told['logits']['shape'][1] == encoding.num_classes
    assert told['steps_per_quarter'] == config.steps_per_quarter
    # No path of the machine that wrote it is in it.
    assert not any(str(tmp_path).encode() in path.read_bytes() for path in tmp_path.rglob('*') if path.is_file())
