"""The peers are given the batches that ours trains on, and a missing one is left out."""

import contextlib
import dataclasses
import sys
from pathlib import Path

import numpy as np
import peers
import pytest

from solferino.hparams import overrides
from solferino.models import registry
from solferino.models.core.training import data
from solferino.models.music.encodings.event_encodings import to_dense


@pytest.mark.parametrize('name', [config.partition(':')[0] for config in peers.CONFIGS])
def test_peers_are_given_the_same_batches(name, monkeypatch):
    monkeypatch.setattr(peers, 'EVENTS', 12)
    family = registry.family_of_config(name)
    config = family.spec.configs[name]
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, 'batch_size=3,attn_length=0'))
    dataset = peers._dataset(family, config)
    batches = data.Batches(dataset, 3, seed=0)
    given = peers._for_peers(family, config, batches)
    assert given['inputs'].shape[:3] == (peers.BATCHES, 3, 12)
    for number in range(peers.BATCHES):
        for row, which in enumerate(batches.indices(number)):
            inputs, labels = to_dense(family.encoding(config), dataset.examples[which]['events'])
            np.testing.assert_array_equal(given['inputs'][number, row], inputs)
            np.testing.assert_array_equal(given['labels'][number, row], labels)
    assert given['classes'] == family.encoding(config).num_classes
    assert given['rnn_layer_sizes'] == config.hparams.rnn_layer_sizes


def test_a_peer_answers_and_a_missing_one_is_left_out(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(peers, 'HERE', tmp_path)
    (tmp_path / 'good.py').write_text(
        "print('ready', flush=True)\nfor line in open(0): print(2 * float(line), flush=True)\n"
    )
    (tmp_path / 'lacking.py').write_text('import there_is_none\n')
    (tmp_path / 'bad.py').write_text('1 / 0\n')
    python = Path(sys.executable)
    with contextlib.ExitStack() as stack:
        assert peers._peer(stack, python, 'good.py', tmp_path)(1.5) == 3.0
        assert peers._peer(stack, python, 'lacking.py', tmp_path) is None
        with pytest.raises(SystemExit, match='ZeroDivisionError'):
            peers._peer(stack, python, 'bad.py', tmp_path)


@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_plain_keras_trains(tmp_path: Path, precision):
    rng = np.random.default_rng(0)
    known = {'inputs': rng.random((2, 3, 5, 4), np.float32), 'labels': rng.integers(6, size=(2, 3, 5)), 'classes': 6}
    known |= {'rnn_layer_sizes': [7, 8], 'dropout_keep_prob': 0.5, 'clip_norm': 1.0, 'learning_rate': 0.01}
    np.savez(tmp_path / 'batches.npz', device='gpu', precision=precision, **known)  # its clock; there need be none
    with contextlib.ExitStack() as stack:
        train = peers._peer(stack, Path(sys.executable), 'peers_keras.py', tmp_path / 'batches.npz')
        assert train(0.0) > 0


def test_the_table_has_what_was_measured():
    found = {'config': 'basic_rnn', 'precision': 'float32'}
    text = peers._table([found | {'rates': {peers.OURS: [300.0, 310.0, 305.0], 'JAX': [100.0, 100.0, 99.0]}}])
    assert '| `basic_rnn` | float32 | 305 | 100 | 3.05 times |' in text
    of_gpu = {'rates': {peers.OURS: [300.0], 'plain Keras': [100.0]}, 'share': 0.123}
    text = peers._table([found | of_gpu, found | {'rates': {peers.OURS: [50.0]}, 'share': 0.01}])
    assert '| `basic_rnn` | float32 | 300 | 100 | 3.00 times | 12.3% |' in text
    assert '| `basic_rnn` | float32 | 50.0 |  |  | 1.0% |' in text
