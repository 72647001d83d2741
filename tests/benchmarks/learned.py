"""Evaluates checkpoints of a training, ours or Magenta's, in one way: what learning.py calls for each run.

learned.py FAMILY CONFIG RUN_DIR FILES STEP... prints a JSON list: for each step and each of the files, which stand with
commas, the sum of the losses of all events in nats, without dropout, and the number of the events.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from solferino.models import registry
from solferino.models.core.magenta import magenta_models
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import data, runtime


def main() -> None:
    """Prints the losses."""
    name, config_name, run_dir, files = sys.argv[1:5]
    steps = [int(step) for step in sys.argv[5:]]
    runtime.set_up()
    from solferino.models.core.training.steps import compiled

    family = registry.get(name)
    config = family.spec.configs[config_name]
    weights, hparams = zip(*(_weights(os.path.join(run_dir, 'train'), step) for step in steps), strict=True)
    plain = {'averaging': 0.0} | hparams[0]  # what is stored are the weights that generate
    config = dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, **plain))
    datasets = [data.load(family, config, file) for file in files.split(',')]
    model = family.model(config, 0)
    test_step = compiled(model.test_step, family, config)
    losses = []
    for stored in weights:
        checkpoints.assign(model.named_weights(), stored, 'weights', run_dir)
        losses.append([_loss(test_step, dataset) for dataset in datasets])
    print(json.dumps(losses))


def _weights(train_dir: str, step: int) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """The weights of a checkpoint, and the hyperparameters that tell the network's shape."""
    prefix = str(Path(train_dir) / f'model.ckpt-{step}')
    if magenta_models.find(prefix):
        trained = magenta_models.read(prefix)
        return trained.weights, trained.hparams
    checkpoint = checkpoints.load(checkpoints.paths(train_dir)[step])
    shape = ('rnn_layer_sizes', 'attn_length', 'residual_connections')
    return dict(checkpoint.weights), {key: checkpoint.metadata['hparams'][key] for key in shape}


def _loss(test_step: Any, dataset: data.Dataset) -> tuple[float, float]:
    batches = data.evaluation_order(dataset, 64, np.arange(len(dataset)))
    losses = np.array([test_step(dataset.batch(indices))['loss'] for indices in batches], np.float64)
    return tuple(losses.sum(axis=0).tolist())


if __name__ == '__main__':
    main()
