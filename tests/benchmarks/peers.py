"""Events a second in training, beside the same network in PyTorch (nn.LSTM) and in JAX, each on one core or a GPU.

    .venv/bin/python tests/benchmarks/peers.py --peers=torch_environment/bin/python [--seconds=15] [--rounds=3]
    .venv/bin/python tests/benchmarks/peers.py --peers=torch_environment/bin/python --device=gpu

`--peers` is the Python of an environment of its own with torch, or jax and optax, or all of them; what it lacks is
left out. All sides train on the same batches, random tracks of 256 events, with the config's sizes, dropout, clipping
and Adam, and take turns: those that wait stand still. Others than ours have their inputs as dense vectors made before,
as nn.LSTM takes them and Magenta's datasets hold them; ours makes its batch from stored tracks each time.

On a core seconds are of CPU, so that other work of the machine does not count. On a GPU there are plain Keras, bfloat16
and configs with attention as well, which only ours has, and the share of what the GPU does in large matrices.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import limits
import numpy as np
import report

from solferino.hparams import overrides
from solferino.models import registry
from solferino.models.core.training import data, runtime

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
# What is trained: a config, with its hyperparameters after a colon.
CONFIGS = ['drum_kit:attn_length=0', 'basic_rnn', 'lookback_rnn']
WITH_ATTENTION = ['drum_kit', 'attention_rnn']
OURS, PEERS = 'Solferino', {'PyTorch': 'peers_torch.py', 'JAX': 'peers_jax.py'}
KERAS = {'plain Keras': 'peers_keras.py'}
CPU, GPU = 'cpu', 'gpu'
_EDGE = 8192  # of the matrices by which the peak of a GPU is measured
EVENTS = 256  # that are predicted of a track
BATCHES = 4


def main() -> None:
    """Measures, prints and writes bench/peers.json and .md; bench/peers_gpu for a GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--peers', type=Path, required=True, help='Python of an environment with torch, or jax and optax'
    )
    parser.add_argument('--device', choices=[CPU, GPU], default=CPU)
    parser.add_argument('--configs', help='such as drum_kit:attn_length=0, with spaces')
    parser.add_argument('--precisions', help='float32, bfloat16 or both, with a comma')
    parser.add_argument('--hparams', default='', help='smaller models, to try the tool out')
    parser.add_argument('--seconds', type=float, default=15.0, help='of each measurement, at least one step')
    parser.add_argument('--rounds', type=int, default=3, help='measurements of each side')
    parser.add_argument('--core', type=int, default=max(os.sched_getaffinity(0)), help='on which all sides run')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for what is written')
    parser.add_argument(
        '--profile', type=Path, help="folder for TensorFlow's profiles of ours, which TensorBoard shows"
    )
    args = parser.parse_args()
    configs, precisions = CONFIGS, 'float32'
    if args.device == CPU:
        os.sched_setaffinity(0, {args.core})  # before anything counts the cores; the others inherit it
        os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
    else:
        configs, precisions = [*CONFIGS, *WITH_ATTENTION], 'float32,bfloat16'
        os.environ['XLA_PYTHON_CLIENT_PREALLOCATE'] = 'false'  # JAX would take the memory of all
    machine = report.machine()
    runtime.set_up()
    if args.device == GPU:
        machine = f'{_gpu()}; {machine}'
    results = []
    for config in args.configs.split() if args.configs else configs:
        for precision in (args.precisions or precisions).split(','):
            results.append(_measure(config, precision, args))
            name = 'peers' if args.device == CPU else 'peers_gpu'
            report.write(args.work / name, results, f'{_table(results)}\n\n{machine}')
    print(_table(results), machine, sep='\n\n')


def _gpu() -> str:
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices('GPU'):
        return str(tf.config.experimental.get_device_details(gpu).get('device_name', 'a GPU'))
    sys.exit('TensorFlow sees no GPU here. Set-up with TENSORFLOW=tensorflow, or leave --device out.')


def _measure(stated: str, precision: str, args: Any) -> dict[str, Any]:
    """Lets the sides take turns."""
    name, _, given = stated.partition(':')
    family: Any = registry.family_of_config(name)
    config = family.spec.configs[name]
    hparams = ','.join(filter(None, [given, f'precision={precision}', args.hparams]))
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, hparams))
    scripts = {} if config.hparams.attn_length else PEERS if args.device == CPU else PEERS | KERAS
    if precision != 'float32':
        scripts = {side: script for side, script in scripts.items() if side != 'JAX'}
    batches = data.Batches(_dataset(family, config), config.hparams.batch_size, seed=0)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        material = Path(folder) / 'batches.npz'
        np.savez(
            material,
            device=args.device,
            precision=precision,
            **(_for_peers(family, config, batches) if scripts else {}),
        )
        sides: dict[str, Callable[[float], float]] = {OURS: _ours(family, config, batches, args.device)}
        for side, script in scripts.items():
            python = Path(sys.executable) if side in KERAS else args.peers
            if peer := _peer(stack, python, script, material):
                sides[side] = peer
        if scripts and len(sides) == 1:
            sys.exit(f'{args.peers} has neither torch nor jax and optax.')
        for train in sides.values():
            train(0.0)  # compiles
        if args.profile:
            import tensorflow as tf

            with tf.profiler.experimental.Profile(str(args.profile / f'{stated} {precision}')):
                sides[OURS](0.0)
        rates: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(args.rounds):
            for side, train in sides.items():
                rates[side].append(train(args.seconds))
    found = {'config': stated, 'precision': precision, 'hparams': overrides.as_dict(config.hparams), 'rates': rates}
    if args.device == GPU:
        flop = limits.TRAINING * limits.flop_per_event(config.hparams, family.encoding(config).num_classes)
        peak = limits.tensorflow(precision, _EDGE)
        found |= {'GFLOP/s of large matrices': peak, 'share': flop * statistics.median(rates[OURS]) / 1e9 / peak}
    return found


def _dataset(family: Any, config: Any) -> data.Dataset:
    rng = np.random.default_rng(0)
    number = BATCHES * config.hparams.batch_size
    tracks = rng.integers(family.encoding(config).num_events, size=(number, EVENTS + 1)).astype(np.int32)
    return data.Dataset(
        family, config, '', [{'events': track} for track in tracks], np.full(number, EVENTS, np.int32), ''
    )


def _for_peers(family: Any, config: Any, batches: data.Batches) -> dict[str, Any]:
    """Batches as dense vectors, and what else the network of a peer must know."""
    encoding, found = family.encoding(config), [batches.batch(number) for number in range(BATCHES)]
    inputs = np.zeros((BATCHES, len(found[0]['labels']), EVENTS, encoding.input_size), np.float32)
    for dense, batch in zip(inputs, found, strict=True):
        np.put_along_axis(dense, batch['ones'].astype(np.int64), 1, axis=2)
        dense[:, :, encoding.sparse_size :] = batch['dense']
    named = dataclasses.asdict(config.hparams)
    known = ('rnn_layer_sizes', 'dropout_keep_prob', 'clip_norm', 'learning_rate')
    return {
        'inputs': inputs,
        'labels': np.stack([batch['labels'] for batch in found]),
        'classes': encoding.num_classes,
        **{name: named[name] for name in known},
    }


def _ours(family: Any, config: Any, batches: data.Batches, device: str) -> Callable[[float], float]:
    """The train step as the trainer calls it."""
    import time

    from solferino.models.core.training import steps

    model = family.model(config, seed=0)
    step = steps.compiled(model.train_step, family, config)
    clock = time.process_time if device == CPU else time.perf_counter
    done = 0

    def train(seconds: float) -> float:
        nonlocal done
        events, began = 0.0, clock()
        while not events or clock() - began < seconds:
            events += step(batches.batch(done))['events'][0]
            done += 1
        return events / (clock() - began)

    return train


def _peer(stack: contextlib.ExitStack, python: Path, script: str, material: Path) -> Callable[[float], float] | None:
    """A process that trains when it is asked to, until the stack is closed; None if its packages are missing."""
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    process = subprocess.Popen(
        [str(python), str(HERE / script), str(material)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    stack.callback(process.kill)
    assert process.stdin and process.stdout and process.stderr
    stdin, stdout = process.stdin, process.stdout
    if stdout.readline() != 'ready\n':
        said = process.stderr.read()
        if 'ModuleNotFoundError' in said:
            return None
        sys.exit(f'{script} failed:\n{said}')

    def train(seconds: float) -> float:
        stdin.write(f'{seconds}\n')
        stdin.flush()
        return float(json.loads(stdout.readline()))

    return train


def _table(results: list[dict[str, Any]]) -> str:
    peers = [side for side in (*PEERS, *KERAS) if any(side in result['rates'] for result in results)]
    shares = any('share' in result for result in results)
    rows = []
    for result in results:
        rates = {side: statistics.median(values) for side, values in result['rates'].items()}
        shown = [report.number(rates[side]) if side in rates else '' for side in (OURS, *peers)]
        faster = [f'{rates[OURS] / rates[side]:.2f} times' if side in rates else '' for side in peers]
        share = [f'{result["share"]:.1%}' if 'share' in result else ''] * shares
        rows.append([f'`{result["config"]}`', result['precision'], *shown, *faster, *share])
    header = [
        '',
        'precision',
        *(f'{side}, events/s' for side in (OURS, *peers)),
        *(f'faster than {side}' for side in peers),
    ]
    return report.table([*header, *['share of peak'] * shares], rows)


if __name__ == '__main__':
    main()
