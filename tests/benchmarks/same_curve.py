"""Trains one network in three ways from the same weights on the same batches, and compares the losses.

    .venv/bin/python tests/benchmarks/same_curve.py --examples=TRAINING.tfrecord [--config=drum_kit] [--steps=150]

The ways: as on a CPU (`layer_recurrence.py`), in TensorFlow's own operations as on a GPU, and as on a CPU with
`precision=bfloat16`. Dropout drops the same units in all three. Rounding makes the curves part in time: how far it
alone takes them is shown by TensorFlow's own with the weights moved by a ten-millionth.
"""

import argparse
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import report
from matplotlib.figure import Figure

from solferino.hparams import overrides
from solferino.models import registry
from solferino.models.core.training import data, runtime

HERE = Path(__file__).parent
PROCESSOR, TENSORFLOW, MOVED, BFLOAT16 = 'processor', "TensorFlow's operations", 'the same, moved by 1e-7', 'bfloat16'
MOVE = 1e-7


def main() -> None:
    """Trains, prints and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--examples', required=True, help='TFRecord file that a create_dataset command wrote')
    parser.add_argument('--family', default='drums_rnn')
    parser.add_argument('--config', default='drum_kit')
    parser.add_argument('--hparams', default='rnn_layer_sizes=[128,128],batch_size=16,learning_rate=0.005')
    parser.add_argument('--steps', type=int, default=150)
    parser.add_argument('--picture', type=Path, default=HERE / 'curves/same-curve.png')
    args = parser.parse_args()
    runtime.set_up()
    losses, seconds = {}, {}
    for way in (PROCESSOR, TENSORFLOW, MOVED, BFLOAT16):
        started = time.perf_counter()
        losses[way] = np.array(list(_train(args, way)))
        seconds[way] = (time.perf_counter() - started) / args.steps
        print(f'{way}: {seconds[way]:.2f} s a step', flush=True)
    print(_table(losses, seconds))
    _draw(losses, args)


def _train(args: Any, way: str) -> Iterator[float]:
    """Yields the loss of each step."""
    from solferino.models.core.layers import recurrent_ops
    from solferino.models.core.training import steps

    family = registry.get(args.family)
    config = family.spec.configs[args.config]
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, args.hparams))
    if way == BFLOAT16:
        config = dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, precision='bfloat16'))
    batches = data.Batches(data.load(family, config, args.examples), config.hparams.batch_size, seed=0)
    dropout = recurrent_ops.dropout

    def same_dropout(*args: Any) -> Any:
        with mock.patch.object(recurrent_ops, 'on_cpu', lambda: True):
            return dropout(*args)

    with (
        mock.patch.object(recurrent_ops, 'dropout', same_dropout),
        mock.patch.object(recurrent_ops, 'on_cpu', lambda: way in (PROCESSOR, BFLOAT16)),
    ):
        model = family.model(config, seed=0)
        if way == MOVED:
            rng = np.random.default_rng(0)
            for weight in model.named_weights().values():
                weight.assign(weight.numpy() * (1 + MOVE * rng.standard_normal(weight.shape)).astype(np.float32))
        step = steps.compiled(model.train_step, family, config)
        for number in range(args.steps):
            total, weight = step(batches.batch(number))['loss']
            yield total / weight


def _table(losses: dict[str, np.ndarray], seconds: dict[str, float]) -> str:
    """The loss by ten steps' means, and how far each is from TensorFlow's."""
    number = len(losses[TENSORFLOW])
    places = [slice(end - 10, end) for end in sorted({10, number // 3, 2 * number // 3, number})]
    header = ['', *(f'steps {p.start + 1} to {p.stop}' for p in places), 'mean difference', 's a step']
    rows = [
        [
            way,
            *(f'{values[p].mean():.4f}' for p in places),
            f'{np.abs(values - losses[TENSORFLOW]).mean():.5f}',
            f'{seconds[way]:.2f}',
        ]
        for way, values in losses.items()
    ]
    return report.table(header, rows)


def _draw(losses: dict[str, np.ndarray], args: Any) -> None:
    figure = Figure(figsize=(7, 6), dpi=100, layout='constrained')
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    for way, values in losses.items():
        steps = np.arange(1, len(values) + 1)
        above.plot(steps, values, label=way, alpha=0.7)
        if way != TENSORFLOW:
            below.semilogy(steps, np.maximum(np.abs(values - losses[TENSORFLOW]), 1e-9), label=way, alpha=0.7)
    above.set(title=f'{args.config}: {args.hparams}', ylabel='loss in nats per step of time')
    below.set(xlabel='training step', ylabel=f'distance from\n{TENSORFLOW}')
    for axes in (above, below):
        axes.grid(alpha=0.3)
        axes.legend(fontsize='small')
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.picture)


if __name__ == '__main__':
    main()
