"""Evaluates checkpoints: one of them, or each as it appears in a run that trains at the same time."""

import itertools
import logging
import os
import time
from collections.abc import Iterator

from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.family import Family
from solferino.models.core.runs import run_dir, status
from solferino.models.core.runs.run_dir import Run
from solferino.models.core.storage import checkpoints
from solferino.models.core.storage.checkpoints import Checkpoint
from solferino.models.core.training import asked, data, markov_report, runtime
from solferino.models.core.training.asked import Request
from solferino.models.core.training.data import Dataset

# The evaluation job gives up after this long without a checkpoint and a training run.
PATIENCE_S = 300.0
POLL_S = 2.0
_log = logging.getLogger(__name__)


def evaluate_once(family: Family, request: Request) -> None:
    """Evaluates a checkpoint, `request.checkpoint`, and prints the values. Raises SolferinoError if there is none."""
    run = run_dir.load(request.run_dir, family.spec)
    if not checkpoints.paths(run.train_dir):
        raise SolferinoError(f'There is no checkpoint in {run.train_dir} yet. Train first.')
    checkpoint = checkpoints.resolve(run.path, request.checkpoint)
    _evaluate(family, run, request, iter([checkpoint]), once=True)


def evaluate(family: Family, request: Request, patience_s: float = PATIENCE_S) -> None:
    """Evaluates each checkpoint of a training run as it appears, until training has ended.

    Raises:
      SolferinoError: no training run began within `patience_s`, or a file is wrong.
    """
    asked.require_held_out(family, request)  # reports what is missing before waiting
    asked.paths(request.eval_examples or request.examples, family.spec.records)
    run_dir.read(request.run_dir, family.spec)
    found = follow(request.run_dir, patience_s)
    first = next(found, None)
    if first is None:
        raise SolferinoError(
            f'No checkpoint appeared in {request.run_dir} for {patience_s:.0f} seconds. Start training with the same '
            '--run_dir.'
        )
    _evaluate(family, run_dir.load(request.run_dir, family.spec), request, itertools.chain([first], found), once=False)


def follow(directory: str, patience_s: float = PATIENCE_S) -> Iterator[Checkpoint]:
    """Yields the checkpoints of a run directory, also new ones; ends when training has ended and all were yielded."""
    train_dir = os.path.join(directory, 'train')
    seen, damaged = -1, set[str]()
    started = time.monotonic()
    while True:
        # Checked first, so that the last checkpoint is not missed.
        training = status.is_training(directory)
        there = checkpoints.paths(train_dir)
        damaged &= set(there.values())  # training that goes on sets them aside
        new = {step: path for step, path in there.items() if step > seen and path not in damaged}
        if not new:
            if not training and (seen >= 0 or time.monotonic() - started > patience_s):
                return
            if seen < 0 and not training and time.monotonic() - started < POLL_S:
                _log.info('Waiting for the first checkpoint in %s, up to %d seconds.', train_dir, patience_s)
            time.sleep(POLL_S)
        for step, path in new.items():
            try:
                checkpoint = checkpoints.load(path)
            except SolferinoError as error:
                if os.path.exists(path):  # not if it was deleted in favour of newer ones
                    _log.warning('%s', error)
                    damaged.add(path)
                continue
            seen = step
            yield checkpoint


def _evaluate(family: Family, run: Run, request: Request, found: Iterator[Checkpoint], once: bool) -> None:
    settings.keep(family.spec, request.given, run.config, run_dir.run_path(run.path))
    asked.require_held_out(family, request)
    held_out = asked.held_out(family, run, request.eval_examples or request.examples, request)
    runtime.set_up()
    from solferino.models.core.training import evaluation, monitor, steps

    model = steps.restored(family, run, None)
    # A single evaluation, maybe of a test set, does not choose the best checkpoint.
    train_dir = None if once or status.keeps_best(run.path) else run.train_dir
    table = _table(family, run, held_out)
    with monitor.Board(run.eval_dir, descriptions=model.descriptions) as board:
        evaluator = evaluation.Evaluator(model, held_out, board, train_dir, run.seed, is_thorough=once)
        for checkpoint in found:
            checkpoints.restore(model, checkpoint)
            values = evaluator.report(checkpoint)
            print(evaluation.describe(evaluator, checkpoint.path, values or {}, table), flush=True)


def _table(family: Family, run: Run, held_out: Dataset) -> markov_report.MarkovScore | None:
    """The score of a Markov model of the run's training examples; None if the examples are gone."""
    if not run.dataset.get('path'):
        return None
    try:
        training = data.load(family, run.config, run.dataset['path'])
    except SolferinoError as error:
        _log.info('No comparison with what usually follows what in the training examples: %s', error)
        return None
    if training.fingerprint != run.dataset.get('fingerprint'):
        _log.info('No comparison with what usually follows what: %s is not what it was.', training.pattern)
        return None
    return markov_report.score_markov(training, held_out)
