"""With the weights of Magenta's trained bundles, our network gives Magenta's numbers.

Reading such bundles is not yet a feature; here TensorFlow's own checkpoint reader takes the variables out.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from note_seq import DrumTrack
from note_seq.protobuf import generator_pb2

from solferino.hparams import overrides
from solferino.models import registry
from solferino.models.core.forward import Forward
from solferino.models.loading import Model

ATTENTION_CELL = 'attention_cell_wrapper/'


def _variables(bundle: Path, tmp_path: Path) -> dict[str, np.ndarray]:
    import tensorflow as tf

    proto = generator_pb2.GeneratorBundle.FromString(bundle.read_bytes())
    (tmp_path / 'model.ckpt').write_bytes(proto.checkpoint_file[0])
    reader = tf.train.load_checkpoint(str(tmp_path / 'model.ckpt'))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def _weights(v: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Magenta's variables under our names; its gates come in the order i, j, f, o, and its forget bias lacks 1."""
    weights = {'logits/kernel': v['fully_connected/weights'], 'logits/bias': v['fully_connected/biases']}
    for layer in range(2):
        cell = f'rnn/multi_rnn_cell/cell_{layer}/'
        if cell + ATTENTION_CELL + 'kernel' in v:
            cell += ATTENTION_CELL
            kernel = v[cell + 'kernel']
            size = kernel.shape[1]
            weights |= {
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
        kernel, bias = v[cell + 'basic_lstm_cell/kernel'], v[cell + 'basic_lstm_cell/bias']
        units = kernel.shape[1] // 4
        i, j, f, o = np.split(np.vstack([kernel, bias]), 4, axis=1)
        f[-1] += 1
        ours = np.hstack([i, f, j, o])
        weights |= {
            f'lstm_{layer}/kernel': ours[: -units - 1],
            f'lstm_{layer}/recurrent_kernel': ours[-units - 1 : -1],
            f'lstm_{layer}/bias': ours[-1],
        }
    return weights


@pytest.fixture(params=['one_drum', 'drum_kit'])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(name: str, shared: Path, tmp_path: Path) -> Model:
    family = registry.get('drums_rnn')
    config = family.spec.config(name)
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, 'rnn_layer_sizes=[32,32]'))
    weights = _weights(_variables(shared / f'golden/bundles/{name}.mag', tmp_path))
    return Model(family, config, weights, name, name, '')


@pytest.mark.parametrize('kind', ['primer', 'long'])
def test_logits_and_log_likelihood(name: str, model: Model, shared: Path, kind: str) -> None:
    facts = json.loads((shared / f'golden/outputs/logits_{name}.json').read_text())
    arrays = np.load(shared / f'golden/outputs/logits_{name}.npz')
    track = DrumTrack([frozenset(event) for event in facts[f'{kind}_events']])
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
    classes = model.family.classes([frozenset(event) for event in facts['long_events']], model.config)
    inputs = model.family.encoding(model.config).inputs(classes[None])
    network = model.family.model(model.config, seed=0)
    for weight, variable in network.named_weights().items():
        variable.assign(model.weights[weight])
    logits = network.logits(tf.constant(inputs.ones), tf.constant(inputs.dense), training=False)
    np.testing.assert_allclose(logits[0], arrays['long_logits'], atol=2e-5)


def test_almost_greedy_generation(name: str, model: Model, shared: Path) -> None:
    seeded = json.loads((shared / 'golden/outputs/seeded_generation.json').read_text())
    expected = seeded[f'{name}|seed=0,temperature=0.001,beam=1,branch=1,spi=1']
    (output,) = model.generate(DrumTrack([frozenset([36])]), num_steps=len(expected), temperature=0.001)
    step = 60 / 120 / model.config.steps_per_quarter
    played: list[set[int]] = [set() for _ in expected]
    for note in output.notes:
        played[round(note.start_time / step)].add(note.pitch)
    assert played == [set(event) for event in expected]
