"""What solferino_export writes for web pages, run by npm's @magenta/music in Node: its probabilities are ours.

The package is installed into build/ from tests/browser/package-lock.json; see conftest.py.
"""

import dataclasses
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from note_seq import DrumTrack, Melody

from solferino.hparams import overrides
from solferino.models import load, registry
from solferino.models.core.events.event_forward import Forward, softmax
from solferino.models.loading import Model

HERE = Path(__file__).parent
# Of probabilities. The package computes in float32, as we do, in another order.
CLOSE = {'rtol': 0, 'atol': 1e-5}


def _random(family_name: str, config_name: str, hparams: str) -> Model:
    """A model that has learned nothing, whose weights are large enough to tell one event from another."""
    family = registry.get(family_name)
    config = family.spec.config(config_name)
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, hparams))
    rng = np.random.default_rng(5)
    weights = {
        name: rng.normal(0, 1.5 / np.sqrt(v.shape[0]), v.shape).astype(np.float32)
        for name, v in family.model(config, seed=0).named_weights().items()
    }
    return Model(family, config, weights, '', config_name, '')


def _notes(model: Model, classes: np.ndarray) -> dict[str, Any]:
    """Event classes as the quantized NoteSequence that a page would give."""
    notes: list[dict[str, int]] = []
    meanings = model.family.event_meanings(model.config)
    for step, number in enumerate(classes.tolist()):
        end = {'quantizedStartStep': step, 'quantizedEndStep': step + 1}
        if 'pitches' in meanings:
            notes += [
                {'pitch': p[0], **end, 'isDrum': True} for k, p in enumerate(meanings['pitches']) if number >> k & 1
            ]
        elif number >= 2:
            notes.append({'pitch': number - 2 + model.config.min_note, **end})
        elif number == 0 and notes and notes[-1]['quantizedEndStep'] == step:
            notes[-1]['quantizedEndStep'] = step + 1
    return {'notes': notes, 'totalQuantizedSteps': len(classes), 'stepsPerQuarter': model.config.steps_per_quarter}


def _probabilities(model: Model, classes: np.ndarray) -> np.ndarray:
    """Of the event after each of `classes`: [steps, classes]."""
    hparams, encoding = model.config.hparams, model.family.encoding(model.config)
    forward = Forward(model.weights, hparams.attn_length, hparams.residual_connections)
    logits, _ = forward.run(encoding.inputs(classes[None]), forward.initial_state(1))
    return softmax(logits[0])


def _ask(node_modules: Path, folder: Path, requests: list[dict[str, Any]], **environment: str) -> Any:
    with tempfile.TemporaryDirectory() as exchange:
        asked, answered = Path(exchange, 'requests.json'), Path(exchange, 'answers.json')
        asked.write_text(json.dumps(requests))
        node = subprocess.run(
            ['node', HERE / 'continue.js', folder, asked, answered],
            env=os.environ | {'NODE_PATH': str(node_modules)} | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if node.returncode:
            raise RuntimeError(node.stderr)
        return json.loads(answered.read_text())


def _compare(model: Model, classes: np.ndarray, node_modules: Path, tmp_path: Path, lengths: Iterable[int]) -> None:
    """Both see the first of `classes`, as many as each of `lengths`; then the package goes on alone."""
    model.family.export(model.weights, model.config, 'magentajs', tmp_path)
    prefixes = [classes[:length] for length in lengths]
    requests = [{**_notes(model, prefix), 'steps': 1} for prefix in prefixes]
    alone = 8
    answers = _ask(node_modules, tmp_path, [*requests, {**_notes(model, prefixes[-1]), 'steps': alone}])
    ours = _probabilities(model, classes)
    for prefix, answer in zip(prefixes, answers[:-1], strict=True):
        np.testing.assert_allclose(answer['probabilities'][0], ours[len(prefix) - 1], **CLOSE)
    theirs = np.array(answers[-1]['probabilities'])
    chosen = theirs.argmax(axis=1)
    known = np.concatenate([prefixes[-1], chosen]).astype(np.int32)
    np.testing.assert_allclose(theirs, _probabilities(model, known)[len(prefixes[-1]) - 1 : -1], **CLOSE)
    pitches = [note['pitch'] for note in _notes(model, chosen)['notes']]
    assert [note['pitch'] for note in answers[-1]['notes']] == pitches


@pytest.mark.parametrize(
    'family, config, hparams',
    [
        ('drums_rnn', 'one_drum', 'rnn_layer_sizes=[9,7]'),
        ('drums_rnn', 'drum_kit', 'attn_length=0,rnn_layer_sizes=[16,11,9]'),
        ('drums_rnn', 'drum_kit', 'attn_length=5,rnn_layer_sizes=[13]'),
        ('drums_rnn', 'drum_kit', ''),  # its own size: weights in several shards
        ('melody_rnn', 'basic_rnn', ''),
        ('melody_rnn', 'mono_rnn', 'rnn_layer_sizes=[12,8,7]'),
    ],
)
def test_random_weights(node_modules: Path, tmp_path: Path, family: str, config: str, hparams: str) -> None:
    model = _random(family, config, hparams)
    num_events = model.family.encoding(model.config).num_events
    rng = np.random.default_rng(1)
    # A melody begins with a note, and a note off follows one: others cannot be said with notes.
    classes = np.where(np.arange(20) % 3 == 0, rng.integers(2 % num_events, num_events, 20), 0).astype(np.int32)
    _compare(model, classes, node_modules, tmp_path, range(1, 20, 6))


@pytest.mark.parametrize('name', ['one_drum', 'drum_kit', 'basic_rnn_b1', 'mono_rnn_b1'])
@pytest.mark.parametrize('kind', ['primer', 'long'])
def test_weights_of_magenta(node_modules: Path, shared: Path, tmp_path: Path, name: str, kind: str) -> None:
    model = load(shared / f'golden/bundles/{name}.mag')
    facts = json.loads((shared / f'golden/outputs/logits_{name}.json').read_text())
    events = facts.get(f'{kind}_squashed_events') or [frozenset(event) for event in facts[f'{kind}_events']]
    track = Melody(events) if isinstance(events[0], int) else DrumTrack(events)
    classes = model.family.classes(track, model.config)
    _compare(model, classes, node_modules, tmp_path, range(1, len(classes), 9))


def test_music_rnn_alone_refuses_attention_in_the_first_layer(node_modules: Path, tmp_path: Path) -> None:
    """Better than music of a model without its attention."""
    model = _random('drums_rnn', 'drum_kit', 'attn_length=5,rnn_layer_sizes=[4]')
    model.family.export(model.weights, model.config, 'magentajs', tmp_path)
    with pytest.raises(RuntimeError, match='incorrect type'):
        _ask(node_modules, tmp_path, [], PLAIN_MUSIC_RNN='1')


def test_what_comes_after_dispose_attends_too(node_modules: Path, tmp_path: Path) -> None:
    model = _random('drums_rnn', 'drum_kit', 'attn_length=5,rnn_layer_sizes=[4]')
    model.family.export(model.weights, model.config, 'magentajs', tmp_path)
    classes = np.arange(9, dtype=np.int32)
    requests = [{**_notes(model, classes), 'steps': 1}] * 2
    first, second = _ask(node_modules, tmp_path, requests, DISPOSE='1')
    assert first == second
