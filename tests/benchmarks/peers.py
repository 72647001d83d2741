"""Events a second in training, beside the same network in PyTorch (nn.LSTM) and in JAX, each on one core alone.

    .venv/bin/python tests/benchmarks/peers.py --peers=torch_environment/bin/python [--seconds=15] [--rounds=3]

`--peers` is the Python of an environment of its own with torch, or jax and optax, or all of them; what it lacks is
left out. All sides train on the same batches, random tracks of 256 events, with the config's sizes, dropout, clipping
and Adam, and take turns: those that wait stand still. Seconds are of CPU, so that other work of the machine does not
count. PyTorch and JAX have their inputs as dense vectors made before, as nn.LSTM takes them and Magenta's datasets hold
them; ours makes its batch from stored tracks each time.
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

import numpy as np
import report

from solferino.hparams import overrides
from solferino.models import registry
from solferino.models.core.training import data, runtime

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
CONFIGS = {'drum_kit': 'attn_length=0', 'basic_rnn': '', 'lookback_rnn': ''}
OURS, PEERS = 'Solferino', {'PyTorch': 'peers_torch.py', 'JAX': 'peers_jax.py'}
EVENTS = 256  # that are predicted of a track
BATCHES = 4


def main() -> None:
    """Measures, prints and writes bench/peers.json and .md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--peers', type=Path, required=True, help='Python of an environment with torch, or jax and optax'
    )
    parser.add_argument('--configs', default=','.join(CONFIGS), help='with commas')
    parser.add_argument('--hparams', default='', help='smaller models, to try the tool out')
    parser.add_argument('--seconds', type=float, default=15.0, help='of CPU of each measurement, at least one step')
    parser.add_argument('--rounds', type=int, default=3, help='measurements of each side')
    parser.add_argument('--core', type=int, default=max(os.sched_getaffinity(0)), help='on which all sides run')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for what is written')
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.core})  # before anything counts the cores; the others inherit it
    os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
    machine = report.machine()
    runtime.set_up()
    results = []
    for name in args.configs.split(','):
        results.append(_measure(name, args))
        report.write(args.work / 'peers', results, f'{_table(results)}\n\n{machine}')
    print(_table(results), machine, sep='\n\n')


def _measure(name: str, args: Any) -> dict[str, Any]:
    """Lets the sides take turns."""
    family: Any = registry.family_of_config(name)
    config = family.spec.configs[name]
    hparams = ','.join(text for text in (CONFIGS.get(name, ''), args.hparams) if text)
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, hparams))
    batches = data.Batches(_dataset(family, config), config.hparams.batch_size, seed=0)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        material = Path(folder) / 'batches.npz'
        np.savez(material, **_for_peers(family, config, batches))
        sides: dict[str, Callable[[float], float]] = {OURS: _ours(family, config, batches)}
        sides |= {side: peer for side, script in PEERS.items() if (peer := _peer(stack, args.peers, script, material))}
        if len(sides) == 1:
            sys.exit(f'{args.peers} has neither torch nor jax and optax.')
        for train in sides.values():
            train(0.0)  # compiles
        rates: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(args.rounds):
            for side, train in sides.items():
                rates[side].append(train(args.seconds))
    return {'config': name, 'hparams': overrides.as_dict(config.hparams), 'rates': rates}


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


def _ours(family: Any, config: Any, batches: data.Batches) -> Callable[[float], float]:
    """The train step as the trainer calls it."""
    import time

    from solferino.models.core.training import steps

    model = family.model(config, seed=0)
    step = steps.compiled(model.train_step, family, config)
    done = 0

    def train(seconds: float) -> float:
        nonlocal done
        events, began = 0.0, time.process_time()
        while not events or time.process_time() - began < seconds:
            events += step(batches.batch(done))['events'][0]
            done += 1
        return events / (time.process_time() - began)

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
    rows = []
    for result in results:
        rates = {side: statistics.median(values) for side, values in result['rates'].items()}
        shown = [report.number(rates[side]) if side in rates else '' for side in (OURS, *PEERS)]
        faster = [f'{rates[OURS] / rates[side]:.2f} times' if side in rates else '' for side in PEERS]
        rows.append([f'`{result["config"]}`', *shown, *faster])
    header = ['', *(f'{side}, events/s' for side in (OURS, *PEERS)), *(f'faster than {side}' for side in PEERS)]
    return report.table(header, rows)


if __name__ == '__main__':
    main()
