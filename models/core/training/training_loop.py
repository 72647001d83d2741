"""The training loop, for every family."""

import concurrent.futures
import contextlib
import dataclasses
import logging
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from solferino.hparams.errors import SolferinoError
from solferino.models.core.layers.trainable import Trainable
from solferino.models.core.runs.status import FINISHED, INTERRUPTED, Status
from solferino.models.core.storage import checkpoints
from solferino.models.core.storage.checkpoints import Checkpoint
from solferino.models.core.training import monitor
from solferino.models.core.training.data import Batches
from solferino.models.core.training.evaluation import Evaluator
from solferino.models.core.training.steps import Step

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Options:
    """How long to train and how often to report.

    Attributes:
      num_steps: training ends at this step; 0 for no end.
      summary_frequency: steps from summary to summary.
      num_checkpoints: how many to keep; 0 for all.
      checkpoint_seconds: from checkpoint to checkpoint.
      eval_frequency: steps from evaluation to evaluation; 0 evaluates at each checkpoint.
    """

    num_steps: int = 0
    summary_frequency: int = 10
    num_checkpoints: int = 10
    checkpoint_seconds: float = 60.0
    eval_frequency: int = 0


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The metrics on held-out examples, by TensorBoard name, and the step whose weights they are of."""

    step: int
    values: dict[str, float]


@dataclasses.dataclass
class Trainer:
    """Trains a model.

    Attributes:
      model: a Trainable, in the state to resume from.
      train_step: its train step, compiled.
      batches: the training examples.
      options: how long to train, and how often to report.
      directory: of the checkpoints.
      metadata: stored in the checkpoints.
      board: TensorBoard's train directory.
      status: this run's entry.
      evaluator: evaluates on held-out examples; None for no evaluation.
      stop: whether the user wants to end.
      unevaluated: the checkpoint to resume from, if it may have to be evaluated yet.
    """

    model: Trainable
    train_step: Step
    batches: Batches
    options: Options
    directory: str
    metadata: dict[str, Any]
    board: monitor.Board
    status: Status
    evaluator: Evaluator | None
    stop: Callable[[], bool]
    unevaluated: Checkpoint | None = None

    def __post_init__(self) -> None:
        self._step = int(self.model.optimizer.iterations.numpy())
        self._saved: Checkpoint | None = None
        self._saved_at = time.monotonic()
        self._evaluated: int | None = self._step
        self._best: Evaluation | None = None
        self._start_interval()

    def run(self) -> Evaluation | None:
        """Trains until `num_steps` is reached or the user stops; a checkpoint is saved at the end.

        Returns:
          The evaluation with the lowest loss in this call; None if there was none.

        Raises:
          SolferinoError: the loss or a weight is not finite, or a file cannot be written. If that is TensorBoard's, a
            checkpoint is saved first.
        """
        try:
            self._run()
        except monitor.UnwritableError:
            self._save_if_new()
            raise
        self.status.update(state=FINISHED if self._done() else INTERRUPTED, step=self._step)
        return self._best

    def _run(self) -> None:
        if not self._step:
            self._save()
        elif self.unevaluated:
            checkpoints.prune(self.directory, self.options.num_checkpoints)
            self._saved, self._evaluated = self.unevaluated, None
            if not self.options.eval_frequency or self._evaluation_due():
                self._evaluate()
        self._saved_at = time.monotonic()
        with self._progress() as bar, concurrent.futures.ThreadPoolExecutor(1) as ahead:
            next_batch = ahead.submit(self.batches.batch, self._step)
            while not self._done() and not self.stop():
                started = time.perf_counter()
                batch = next_batch.result()
                next_batch = ahead.submit(self.batches.batch, self._step + 1)
                self._train_on(batch)
                self._busy += time.perf_counter() - started
                bar.update(1)
                if self._step % self.options.summary_frequency == 0:
                    self._summarize(bar)
                self._save_if_due()
            self._save_if_new(owes=self._done())
            if self._done():
                self._evaluate()

    def _done(self) -> bool:
        return 0 < self.options.num_steps <= self._step

    def _train_on(self, batch: dict[str, np.ndarray]) -> None:
        metrics = self.train_step(batch)
        self._step += 1
        self.status.note(self._step)
        for name in ('loss', 'gradient_norm'):
            total = metrics[name][0]
            if not math.isfinite(total):
                raise self._diverged(f'The {name.replace("_", " ")} became {total} at step {self._step}')
        self._meter.add(metrics)

    def _start_interval(self) -> None:
        self._meter = monitor.Meter()
        self._interval_start = self._step
        self._busy = 0.0

    def _summarize(self, bar: Any) -> None:
        values = self._meter.means()
        values |= self.model.derived(values)
        seconds = max(self._busy, 1e-9)
        speed = self._meter.total(monitor.EVENTS) / seconds
        values['events_per_second'] = speed
        values['global_step/sec'] = (self._step - self._interval_start) / seconds
        values['learning_rate'] = float(self.model.optimizer.learning_rate.numpy())
        self.board.scalars(self._step, values)
        bar.set_postfix({'loss': f'{values["loss"]:.4f}', 'events/s': f'{speed:,.0f}'}, refresh=False)
        if bar.disable:
            _log.info('Step %d: loss %.4f, %s events/s', self._step, values['loss'], f'{speed:,.0f}')
        self._start_interval()

    def _evaluation_due(self) -> bool:
        frequency = self.options.eval_frequency
        return bool(self.evaluator and frequency and self._step % frequency == 0)

    def _save_if_due(self) -> None:
        evaluate = self._evaluation_due()
        if evaluate or time.monotonic() - self._saved_at >= self.options.checkpoint_seconds:
            evaluate = evaluate or not self.options.eval_frequency
            self._save(owes=evaluate)
            if evaluate:
                self._evaluate()
            self._saved_at = time.monotonic()

    def _save_if_new(self, owes: bool = False) -> None:
        if not self._saved or self._step != self._saved.step:
            self._save(owes)

    def _save(self, owes: bool = False) -> None:
        """Saves a checkpoint; notes whether it is to be evaluated, for one who goes on where that was not done."""
        self.status.require_own()
        self._saved = None  # frees its memory before the next one needs as much
        checkpoint = checkpoints.capture(self.model, self.metadata)
        for name, array in checkpoint.weights.items():
            if not np.isfinite(array).all():
                raise self._diverged(f'The weights {name} are not finite at step {self._step}')
        checkpoints.save(self.directory, checkpoint)
        checkpoints.prune(self.directory, self.options.num_checkpoints)
        self.status.update(step=self._step, owes=owes and self.evaluator is not None)
        self._saved = checkpoint

    def _evaluate(self) -> None:
        if self.evaluator and self._saved and self._evaluated != self._step:
            values = self.evaluator.report(self._saved)
            if values is None:
                return  # the user has stopped it
            if not (self._best and self._best.values['loss'] <= values['loss']):
                self._best = Evaluation(self._step, values)
            self._evaluated = self._step
            self.status.update(owes=self._done())  # at the end the best one may have to be corrected

    def _diverged(self, what: str) -> SolferinoError:
        kept = checkpoints.paths(self.directory)
        hparams = self.metadata['hparams']
        now = ', '.join(f'{name} {hparams[name]}' for name in ('learning_rate', 'clip_norm') if name in hparams)
        return SolferinoError(
            f'{what}. The last good checkpoint is {list(kept.values())[-1] if kept else "none"}. Try a lower '
            f'learning_rate or clip_norm in --hparams ({now}) with a new --run_dir.'
        )

    @contextlib.contextmanager
    def _progress(self) -> Iterator[Any]:
        """A progress bar on a terminal; elsewhere there is a line for each summary."""
        terminal = sys.stderr.isatty()
        size = shutil.get_terminal_size()  # tqdm shows nothing on a terminal that does not know its size
        bar = tqdm.tqdm(
            total=self.options.num_steps or None,
            initial=self._step,
            unit='step',
            disable=not terminal,
            ncols=size.columns,
            nrows=size.lines,
        )
        with bar, logging_redirect_tqdm() if terminal else contextlib.nullcontext():
            yield bar
