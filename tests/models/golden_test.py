"""Magenta's trained bundles load, and give Magenta's numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from note_seq import DrumTrack, Melody

from solferino.models import load
from solferino.models.core.events.event_forward import Forward
from solferino.models.loading import Model

NAMES = (
    'one_drum',
    'drum_kit',
    'basic_rnn_b1',
    'mono_rnn_b1',
    'lookback_rnn_b1',
    'attention_rnn',
    'attention_rnn_b1',
)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(name: str, shared: Path) -> Model:
    return load(shared / f'golden/bundles/{name}.mag')


def _track(model: Model, events: list) -> DrumTrack | Melody:
    steps = {'steps_per_quarter': model.config.steps_per_quarter}
    if model.family.spec.name == 'drums_rnn':
        return DrumTrack([frozenset(event) for event in events], **steps)
    return Melody(events, **steps)


def test_the_file_tells_the_hparams(name: str, model: Model) -> None:
    assert model.config.name == model.generator_id == name.removesuffix('_b1')
    assert model.generator_description == model.config.description
    assert model.description == 'batch 1' if name.endswith('_b1') else f'ref {name}' in model.description
    default = model.family.spec.configs[model.config.name].hparams
    assert model.config.hparams.rnn_layer_sizes == (32, 32) != default.rnn_layer_sizes
    assert model.config.hparams.attn_length == default.attn_length  # it was trained with the default
    assert model.config.hparams.residual_connections is False


@pytest.mark.parametrize('kind', ['primer', 'long'])
def test_logits_and_log_likelihood(name: str, model: Model, shared: Path, kind: str) -> None:
    facts = json.loads((shared / f'golden/outputs/logits_{name}.json').read_text())
    arrays = np.load(shared / f'golden/outputs/logits_{name}.npz')
    track = _track(model, facts[f'{kind}_events'])
    encoding = model.family.encoding(model.config)
    classes = model.family.classes(track, model.config)
    forward = Forward(model.weights, model.config.hparams.attn_length, False)
    logits, _ = forward.run(encoding.inputs(classes[None]), forward.initial_state(1))
    np.testing.assert_allclose(logits[0], arrays[f'{kind}_logits'], atol=2e-5)
    assert model.log_likelihood(track) == pytest.approx(facts[f'{kind}_log_likelihood'], abs=1e-3)


def test_the_trained_network_gives_them_too(name: str, model: Model, shared: Path) -> None:
    import tensorflow as tf

    arrays = np.load(shared / f'golden/outputs/logits_{name}.npz')
    facts = json.loads((shared / f'golden/outputs/logits_{name}.json').read_text())
    classes = model.family.classes(_track(model, facts['long_events']), model.config)
    inputs = model.family.encoding(model.config).inputs(classes[None])
    network = model.family.model(model.config, seed=0)
    for weight, variable in network.named_weights().items():
        variable.assign(model.weights[weight])
    time_first = [tf.constant(np.swapaxes(part, 0, 1)) for part in inputs]
    logits = network.logits(*time_first, training=False)
    np.testing.assert_allclose(logits[:, 0], arrays['long_logits'], atol=2e-5)


def test_almost_greedy_generation(name: str, model: Model, shared: Path) -> None:
    seeded = json.loads((shared / 'golden/outputs/seeded_generation.json').read_text())
    (expected,) = (
        events
        for key, events in seeded.items()
        # The graph of batch size 1 has the same weights as the other.
        if key.removesuffix('|seed=0,temperature=0.001,beam=1,branch=1,spi=1') in (name, f'{name}_b1')
    )
    (output,) = model.generate(_track(model, expected[:1]), num_steps=len(expected), temperature=0.001)
    wanted = _track(model, expected).to_sequence(qpm=120)
    notes, wanted_notes = (
        sorted((n.pitch, n.start_time, n.end_time) for n in sequence.notes) for sequence in (output, wanted)
    )
    assert notes == wanted_notes
