"""Runs Beam pipelines: in this process, in several, or where Beam's own flags say.

Beam's default, the DirectRunner, is not used: it first tries to download another runner, Prism. Its in-process part,
the FnApiRunner, is used directly.
"""

import builtins
import contextlib
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError
from solferino.models.core import heavy_imports
from solferino.pipelines.engine import engines, workers

logger = logging.getLogger(__name__)

_THIS_MACHINE = {'', 'directrunner', 'direct', 'fnapirunner', 'switchingdirectrunner'}
_RAISED = re.compile(r'^(?:RuntimeError: )?(?:\w+\.)*(\w+): ', re.MULTILINE)  # Beam wraps what it cannot rebuild
_PATIENCE_S = 30  # for an engine that ends a pipeline
_NUMBER = re.compile(r'\[Errno (\d+)\]')
_WHERE = re.compile(r' \[while running .*', re.DOTALL)


class Progress:
    """Shows on stderr how many of `total` things are done, while the `with` block runs.

    Each worker, in this process or another, calls `Steps(path).step`; the count is the size of the file. On a terminal
    it is a bar; otherwise a line every `interval` seconds, and none for shorter runs.
    """

    def __init__(self, path: str, total: int, unit: str, interval: float = 30):
        self._path, self._total, self._unit, self._interval = path, total, unit, interval
        self._ended = threading.Event()

    def __enter__(self) -> None:
        with open(self._path, 'wb'):
            pass
        watch = self._watch_bar if sys.stderr.isatty() else self._watch_lines
        self._thread = threading.Thread(target=watch, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _done(self) -> int:
        with contextlib.suppress(OSError):  # the folder has been deleted already
            return os.path.getsize(self._path)
        return 0

    def _watch_bar(self) -> None:
        import tqdm

        with tqdm.tqdm(total=self._total, unit=' ' + self._unit, dynamic_ncols=True, leave=False) as bar:
            ended = False
            while not ended:
                ended = self._ended.wait(0.2)
                bar.update(self._done() - bar.n)

    def _watch_lines(self) -> None:
        while not self._ended.wait(self._interval):
            print(f'{self._done()} of {self._total} {self._unit}', file=sys.stderr, flush=True)


class Steps:
    """Counts things as done for the Progress of `path`. A worker without access to the file counts nothing."""

    def __init__(self, path: str):
        self._handle: int | None = None
        with contextlib.suppress(OSError):
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND)

    def step(self) -> None:
        """Counts one."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.write(self._handle, b'.')  # appending one byte is atomic

    def close(self) -> None:
        """Ends counting."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def run(build: Callable[[Any], object], beam_args: Sequence[str] = (), num_workers: int = 1) -> None:
    """Builds a pipeline and runs it to its end.

    Args:
      build: adds the transforms to the `beam.Pipeline` that it is given.
      beam_args: Beam's own flags, such as '--runner=FlinkRunner'; without --runner it runs on this machine.
      num_workers: processes on this machine; not for other runners, whose own flags say how many.

    Raises:
      SolferinoError: the runner cannot be used, or the pipeline failed for a reason that the user can correct.
    """
    if num_workers < 1:
        raise SolferinoError(f'--num_workers is {num_workers}; it must be 1 or more.')
    with _quiet():
        from solferino.pipelines.engine.lean_beam import beam  # 1 s, and only now is it quiet

        options = beam.options.pipeline_options.PipelineOptions(list(beam_args))
        name = options.view_as(beam.options.pipeline_options.StandardOptions).runner or ''
        with _readable_errors(name), workers.watched() as own_workers:
            with heavy_imports.absent('IPython'):  # which Beam would ask for the number of the notebook's cell
                pipeline = _pipeline(options, num_workers, own_workers)
                build(pipeline)
            state = _finish(pipeline.run())
        if state != 'DONE':
            raise SolferinoError(f'The pipeline ended in state {state}. See the messages of its runner.')


def _finish(result: Any) -> str:
    """Waits for the end of a pipeline, and returns its state. Ends it, where the user stops this command."""
    try:
        return result.wait_until_finish() or result.state
    except KeyboardInterrupt:
        print('\nStopping the pipeline on its engine. Once more does not wait for it.', file=sys.stderr)
        cancelling = threading.Thread(target=_cancel, args=[result], daemon=True)  # an engine may never answer
        cancelling.start()
        cancelling.join(_PATIENCE_S)
        raise


def _cancel(result: Any) -> None:
    from apache_beam.runners.runner import PipelineState

    with contextlib.suppress(Exception):  # the engine may be what is gone
        result.cancel()
        while not PipelineState.is_terminal(result.state):
            time.sleep(0.2)


def is_on_this_machine(beam_args: Sequence[str]) -> bool:
    """Whether Beam's flags ask for no other runner than this machine's own."""
    with _quiet():
        from solferino.pipelines.engine.lean_beam import beam

    options = beam.options.pipeline_options
    name = options.PipelineOptions(list(beam_args)).view_as(options.StandardOptions).runner or ''
    return name.lower() in _THIS_MACHINE


def _pipeline(options: Any, num_workers: int, own_workers: workers.Workers) -> Any:
    from solferino.pipelines.engine.lean_beam import beam

    name = options.view_as(beam.options.pipeline_options.StandardOptions).runner or ''
    if 'dask' in name.lower():
        raise SolferinoError(
            f'--runner={name} is refused: it writes empty files and reports success. '
            'Leave the flag out and use --num_workers, or take another runner.'
        )
    if name.lower() in _THIS_MACHINE:
        return beam.Pipeline(runner=_runner(options, num_workers, own_workers), options=options)
    if num_workers > 1:
        raise SolferinoError(
            f'--num_workers is for this machine; --runner={name} has flags of its own for its workers.'
        )
    engines.require(options)
    try:
        return beam.Pipeline(options=options)
    except (ImportError, ValueError) as error:  # an unknown name, or an extra that is not installed
        raise SolferinoError(f'--runner={name}: {error}') from error


def _runner(options: Any, num_workers: int, own_workers: workers.Workers) -> Any:
    """Returns the runner for this machine, which follows Beam's own flags such as --direct_num_workers."""
    from apache_beam.options.pipeline_options import DirectOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    direct = options.view_as(DirectOptions)
    if direct.direct_running_mode == 'multi_processing':  # Beam's way to ask for --num_workers
        direct.direct_running_mode = 'in_memory'
        num_workers = max(num_workers, direct.direct_num_workers or os.cpu_count() or 1)
    if num_workers == 1:
        return FnApiRunner()
    direct.direct_num_workers = num_workers
    from solferino.pipelines.engine import worker_handler

    return FnApiRunner(default_environment=worker_handler.environment(own_workers))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides Beam's messages, unless --log=DEBUG. Important ones are also exceptions."""
    if logger.isEnabledFor(logging.DEBUG):
        yield
        return
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _readable_errors(runner: str) -> Iterator[None]:
    """Turns what a runner raises for a worker's SolferinoError or OSError (a full disk) into a SolferinoError.

    Some runners raise the worker's own exception, others a RuntimeError that quotes its traceback.
    """
    try:
        yield
    except Exception as error:
        sentence = None if isinstance(error, SolferinoError) else engines.explain(error, runner)
        if sentence:
            raise SolferinoError(sentence) from error
        quoted = str(error) if isinstance(error, RuntimeError) else f'{type(error).__name__}: {error}'
        if re.search(r'^(RuntimeError: )?KeyboardInterrupt\b', quoted, re.MULTILINE):
            raise KeyboardInterrupt from None
        raised = list(_RAISED.finditer(quoted))
        kind, message = (raised[-1][1], _WHERE.sub('', quoted[raised[-1].end() :])) if raised else ('', '')
        if kind == 'SolferinoError' or kind in (ours.__name__ for ours in SolferinoError.__subclasses__()):
            raise SolferinoError(message) from error
        if issubclass(getattr(builtins, kind, object), OSError):
            number = _NUMBER.match(message)
            advice = system_errors.advice(OSError(int(number[1]), '')) if number else ''
            raise SolferinoError(f'Reading or writing failed: {message}. {advice}'.rstrip()) from error
        raise
