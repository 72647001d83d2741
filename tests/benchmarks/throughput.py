"""Events a second in training, beside the same network as one would write it in plain Keras and TensorFlow.

    .venv/bin/python tests/benchmarks/throughput.py --frames=training_frames.tfrecord \\
        --note_states=training_note_states.tfrecord [--seconds=20] [--rounds=5]

`gru_attention` beside keras.layers.GRU and AdditiveAttention, trained by model.fit; a machine of rbm beside a compiled
loop of TensorFlow's operations. Both sides have the same sizes, the same optimizer and the same examples, those that
the create_dataset commands have written, in batches of the same size, and take turns, as the machine may do other work
beside. An event is a frame of piano_rnn or a step of rbm that is learned from.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import report

from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.training import data, runtime

ROOT = Path(__file__).parent.parent.parent
OURS, PLAIN = 'Solferino', 'plain Keras'
# Trains for a while: returns how many events.
Train = Callable[[float], int]


def main() -> None:
    """Measures, prints and writes bench/throughput.json and .md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--frames', type=Path, help='examples of piano_rnn, config gru_attention')
    parser.add_argument('--note_states', type=Path, help='examples of rbm, any config but rnn_rbm')
    parser.add_argument('--seconds', type=float, default=20.0, help='of each measurement')
    parser.add_argument('--rounds', type=int, default=5, help='measurements of each side')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for what is written')
    args = parser.parse_args()
    given = {'piano_rnn': args.frames, 'rbm': args.note_states}
    if not any(given.values()):
        parser.error('--frames or --note_states is required')
    for path in filter(None, given.values()):
        if not path.exists():
            parser.error(f'there is no {path}')
    runtime.set_up()
    machine = report.machine()
    results = []
    for family, path in given.items():
        if path:
            results.append(_measure(family, path, args.seconds, args.rounds))
            report.write(args.work / 'throughput', results, f'{_table(results)}\n\n{machine}')
    print(_table(results), machine, sep='\n\n')


def _measure(name: str, path: Path, seconds: float, rounds: int) -> dict[str, Any]:
    """Lets both sides take turns."""
    import throughput_plain
    from tensorflow.python.framework import config as tensorflow_config  # has no public switch back

    family = registry.get(name)
    config, _ = settings.dataset_config(family.spec, [str(path)]) or (family.spec.config(None), '')
    dataset = data.load(family, config, str(path))
    ours = _ours(dataset)
    tensorflow_config.disable_op_determinism()  # that ours repeats exactly is no cost of a tutorial's code
    sides = {OURS: ours, PLAIN: throughput_plain.SIDES[name](dataset)}
    switches = {OURS: tensorflow_config.enable_op_determinism, PLAIN: tensorflow_config.disable_op_determinism}
    for side, train in sides.items():
        switches[side]()
        train(1.0)  # compiles
    rates: dict[str, list[float]] = {side: [] for side in sides}
    costs: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, train in sides.items():
            switches[side]()
            wall, processor = time.perf_counter(), time.process_time()
            events = train(seconds)
            rates[side].append(events / (time.perf_counter() - wall))
            costs[side].append(1e6 * (time.process_time() - processor) / events)
    return {'config': config.name, 'examples': len(dataset), 'rates': rates, 'microseconds': costs}


def _ours(dataset: data.Dataset) -> Train:
    """The train step as the trainer calls it, on its batches."""
    from solferino.models.core.training import steps

    family, config = dataset.family, dataset.config
    model = family.model(config, seed=0)
    step = steps.compiled(model.train_step, family, config)
    batches = data.Batches(dataset, config.hparams.batch_size, seed=0)
    done = 0

    def train(seconds: float) -> int:
        nonlocal done
        events, end = 0.0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            events += step(batches.batch(done))['events'][0]
            done += 1
        return round(events)

    return train


def _table(results: list[dict[str, Any]]) -> str:
    rows = []
    for result in results:
        rates = {side: statistics.median(values) for side, values in result['rates'].items()}
        costs = {side: statistics.median(values) for side, values in result['microseconds'].items()}
        rows.append(
            [
                f'`{result["config"]}`, {result["examples"]:,} examples',
                *(report.number(rates[side]) for side in (OURS, PLAIN)),
                f'{report.number(rates[OURS] / rates[PLAIN])} times',
                *(report.number(costs[side]) for side in (OURS, PLAIN)),
            ]
        )
    header = ['', f'{OURS}, events/s', f'{PLAIN}, events/s', 'faster', f'{OURS}, µs of processor an event',
              f'{PLAIN}, µs of processor an event']  # fmt: skip
    return report.table(header, rows)


if __name__ == '__main__':
    main()
