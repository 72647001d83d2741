"""Every config: Magenta's datasets train as they are, and a run that begins with its bundle begins with its loss."""

from pathlib import Path

import numpy as np
import pytest

from solferino.bin import command, train
from solferino.models import load, registry
from solferino.models.core.events import event_sampling
from solferino.models.core.events.event_forward import Forward
from solferino.models.core.runs import run_dir
from solferino.models.core.storage import checkpoints, records, sequence_examples
from solferino.models.core.training import data

CASES = {
    'one_drum': 'one_drum',
    'drum_kit': 'drum_kit',
    'basic_rnn': 'basic_rnn_b1',
    'mono_rnn': 'mono_rnn_b1',
    'lookback_rnn': 'lookback_rnn_b1',
    'attention_rnn': 'attention_rnn',
}
EXAMPLES = 8


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def dense(name: str, shared: Path, tmp_path: Path) -> Path:
    """Magenta's TFRecord of the config, or what is in it, written again."""
    folder = shared / 'golden/datasets' / name
    files = list(folder.glob('*.tfrecord'))
    if files:
        return files[0]
    arrays = np.load(folder / 'decoded.npz')
    path = tmp_path / 'dense.tfrecord'
    with records.Writer(str(path)) as writer:
        for number in range(len(arrays.files) // 2):
            inputs, labels = (arrays[f'{kind}_{number:03}'] for kind in ('inputs', 'labels'))
            writer.write(sequence_examples.serialize_dense(sequence_examples.DenseExample(inputs, labels)))
    return path


def test_dense_examples_are_read_and_come_back(name: str, dense: Path, shared: Path) -> None:
    family = registry.family_of_config(name)
    config = family.spec.configs[name]
    dataset = data.load(family, config, str(dense))
    arrays = np.load(shared / 'golden/datasets' / name / 'decoded.npz')
    assert len(dataset) == len(arrays.files) // 2 >= 49
    for number, example in enumerate(dataset.examples):
        inputs, labels = family.to_dense(example, config)
        np.testing.assert_array_equal(inputs, arrays[f'inputs_{number:03}'])
        np.testing.assert_array_equal(labels, arrays[f'labels_{number:03}'])


def test_training_begins_with_the_loss_of_the_bundle(name: str, dense: Path, shared: Path, tmp_path: Path) -> None:
    family = registry.family_of_config(name)
    examples = tmp_path / 'few.tfrecord'
    with records.Writer(str(examples)) as writer:
        for number, record in enumerate(records.read(str(dense))):
            if number < EXAMPLES:
                writer.write(record)
    bundle = shared / f'golden/bundles/{CASES[name]}.mag'
    flags = [
        f'--run_dir={tmp_path}/run',
        f'--sequence_example_file={examples}',
        f'--warm_start_bundle_file={bundle}',
        '--hparams=batch_size=4',
        '--num_training_steps=2',
    ]
    spec = family.spec
    command.run('', lambda fv: train.define(fv, spec), lambda fv: train.main(fv, spec), ['x', *flags])

    model = load(bundle)
    run = run_dir.load(str(tmp_path / 'run'), spec)
    assert run.config.hparams.rnn_layer_sizes == (32, 32)
    assert run.config.hparams.attn_length == model.config.hparams.attn_length
    dataset = data.load(family, run.config, str(examples))
    forward = Forward(model.weights, model.config.hparams.attn_length, False)
    encoding = family.encoding(model.config)
    scores = [event_sampling.log_likelihood(forward, encoding, e['events']) for e in dataset.examples]
    first = checkpoints.load(checkpoints.paths(f'{tmp_path}/run/train')[0])
    trainable = family.model(run.config, 0)
    checkpoints.restore(trainable, first)
    total, weight = trainable.test_step(dataset.batch(np.arange(len(dataset))))['loss']
    assert float(weight) == dataset.lengths.sum()
    assert float(total) == pytest.approx(-sum(scores), rel=1e-5)
