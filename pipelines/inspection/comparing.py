"""Runs side by side: what differs in their settings, and what they have reached."""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import Any

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.runs import curves, run_dir
from solferino.models.core.training import diagnosis
from solferino.models.core.training.diagnosis import Diagnosis
from solferino.models.music.metrics import tables
from solferino.pipelines.inspection import datasets

_LONGEST = 40  # characters of a setting


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """What is compared of a run.

    Attributes:
      path: its directory.
      settings: by name, as text: its family, its config, hyperparameters and extraction.
      steps: trained so far.
      training, held_out: the loss at the end; None where there is none.
      best, best_step: the lowest held-out loss.
      diagnosis: what the curves say.
    """

    path: str
    settings: Mapping[str, str]
    steps: int
    training: float | None
    held_out: float | None
    best: float | None
    best_step: int | None
    diagnosis: Diagnosis


def read(path: str) -> RunSummary:
    """Returns the summary of a run directory. Raises SolferinoError if it is none."""
    path = os.path.expanduser(path)
    record = settings.read_json(run_dir.run_path(path)) if os.path.isdir(path) else None
    if record is None:
        raise SolferinoError(f'{path} is no run directory. Several names are compared, and must all be of runs.')
    family, _ = datasets.config_of(record, run_dir.run_path(path))
    run = run_dir.load(path, family.spec)
    found = curves.read(path)
    losses = found.get('loss', {})
    steps, values = losses.get(curves.EVALUATION, ((), ()))
    _, trained = losses.get(curves.TRAINING, ((), ()))
    least = min(range(len(values)), key=lambda k: values[k]) if values else None
    chosen: dict[str, Any] = {'family': family.spec.name, 'config': run.config.name, 'seed': run.seed}
    chosen |= overrides.as_dict(run.config.hparams) | overrides.as_dict(run.config.extraction)
    return RunSummary(
        path,
        {name: ' '.join(str(value).split())[:_LONGEST] for name, value in chosen.items()},
        max((int(curve[0][-1]) for curve in losses.values()), default=0),
        trained[-1] if trained else None,
        values[-1] if values else None,
        None if least is None else values[least],
        None if least is None else int(steps[least]),
        diagnosis.of_run(found, family.spec.compares_losses),
    )


def table(runs: Iterable[RunSummary]) -> str:
    """Returns a column for each run: its losses, and those settings in which they differ."""
    runs = list(runs)
    rows = [
        ['', *(run.path for run in runs)],
        ['steps', *(f'{run.steps:,}' for run in runs)],
        ['training loss', *(_number(run.training) for run in runs)],
        ['held-out loss', *(_number(run.held_out) for run in runs)],
        ['lowest', *(_number(run.best) for run in runs)],
        ['at step', *('-' if run.best_step is None else f'{run.best_step:,}' for run in runs)],
        ['diagnosis', *(run.diagnosis.kind for run in runs)],
    ]
    names = dict.fromkeys(name for run in runs for name in run.settings)
    for name in names:
        values = [run.settings.get(name, '-') for run in runs]
        if len(set(values)) > 1:
            rows.append([name, *values])
    lines = [tables.aligned(rows), '', *(f'{run.path}: {run.diagnosis.text}' for run in runs)]
    return '\n'.join(lines)


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.4g}'
