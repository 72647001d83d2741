"""Trains and evaluates one model on one data set of the piano-roll benchmark, in a process of its own.

`pianoroll.py` runs this, and makes a table of what it writes.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pianoroll_data import DATA_SETS, TEST, TRAIN, VALID, DataSet
from pianoroll_settings import SETTINGS, Settings, hurried

from solferino.hparams import cores
from solferino.models.core.storage import files
from solferino.models.core.training import runtime

# Steps of validation data that a rough result is content with.
_ROUGH_STEPS = 4000


def main() -> None:
    """Writes a JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--model', required=True)
    parser.add_argument('--data_set', required=True)
    parser.add_argument('--seconds', type=float, help='of training, at most')
    parser.add_argument('--quick', action='store_true', help='a rough result, on a part of the validation data alone')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--output', type=Path, required=True)
    args = parser.parse_args()
    runtime.set_up()
    settings = SETTINGS[args.model, args.data_set]
    if args.seconds:
        seconds = args.seconds if args.quick else min(args.seconds, settings.schedule.seconds)
        settings = dataclasses.replace(settings, schedule=dataclasses.replace(settings.schedule, seconds=seconds))
    if args.quick:
        settings = hurried(settings)
    result = run(args.model, DATA_SETS[args.data_set], args.data, settings, args.seed, args.quick)
    files.atomic_write(str(args.output), json.dumps(result, indent=1) + '\n')


def run(model: str, data_set: DataSet, folder: Path, settings: Settings, seed: int, quick: bool) -> dict[str, Any]:
    """Trains a model, and returns all that is to be told of it."""
    import pianoroll_entrants
    import pianoroll_training

    begun, load, started = datetime.datetime.now(), os.getloadavg()[0], time.monotonic()
    training, validation = data_set.read(folder, TRAIN), data_set.read(folder, VALID)
    entrant = pianoroll_entrants.entrant(model, settings.hparams, training)
    if quick:
        validation = some(validation, _ROUGH_STEPS)
    print(f'{model} on {data_set.title}: {settings}', flush=True)
    trained = pianoroll_training.train(
        entrant, training, validation, settings.schedule, seed, lambda line: print(line, flush=True)
    )
    weights = pianoroll_training.copied(trained.model)
    evaluated = entrant if quick else pianoroll_entrants.entrant(model, settings.hparams, training, settings.evaluation)
    best = evaluated.family.model(evaluated.config, seed)
    pianoroll_training.restore(best, weights)
    scores = {VALID: pianoroll_training.evaluate(best, evaluated.whole(validation))}
    print(f'{VALID}: {scores[VALID]}', flush=True)
    if not quick:
        scores[TEST] = final(evaluated, best, data_set, folder)
        print(f'{TEST}: {scores[TEST]}', flush=True)
    return {
        'model': model,
        'data_set': data_set.name,
        'settings': dataclasses.asdict(settings),
        'hparams': dataclasses.asdict(entrant.config.hparams),
        'seed': seed,
        'quick': quick,
        'weights': sum(v.size for v in weights.values()),
        'scores': {split: dataclasses.asdict(score) for split, score in scores.items()},
        'epochs': trained.curve[-1].epochs,
        'best': dataclasses.asdict(trained.best),
        'ended': trained.ended,
        'training_seconds': trained.seconds,
        'seconds': time.monotonic() - started,
        'processor_seconds': time.process_time(),
        'curve': [dataclasses.asdict(v) for v in trained.curve],
        'begun': f'{begun:%Y-%m-%d %H:%M}',
        'machine': f'{cores.num_cores()} of {os.cpu_count()} cores, {_cpu()}, {platform.system()}',
        'load': load,
    }


def final(entrant: Any, model: Any, data_set: DataSet, folder: Path) -> Any:
    """Predicts the test data. Nothing else reads them, and nothing is chosen by what this returns."""
    import pianoroll_training

    return pianoroll_training.evaluate(model, entrant.whole(data_set.read(folder, TEST)))


def some(rolls: Sequence[np.ndarray], steps: int) -> list[np.ndarray]:
    """Whole sequences from all over `rolls`, about so many steps, at least one sequence."""
    share = min(1.0, steps / sum(map(len, rolls)))
    number = max(1, round(share * len(rolls)))
    return [rolls[i] for i in np.linspace(0, len(rolls) - 1, number).astype(int)]


def _cpu() -> str:
    """What the CPU calls itself, as far as the system tells."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
        return next(line.split(':', 1)[1].strip() for line in lines if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == '__main__':
    main()
