"""What tests of all folders share."""

import collections
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# How long an example takes says something of the machine, not of the code.
hypothesis.settings.register_profile('solferino', deadline=None)
hypothesis.settings.load_profile('solferino')

# What a shell starts in the background ignores Ctrl-C, and so would the commands that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

# Folders whose tests start browsers and many commands: what they show does not depend on the version of Python.
_ONCE = 'benchmarks', 'browser', 'fuzz', 'kills'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks all tests of the slow folders."""
    for item in items:
        if set(item.path.relative_to(ROOT / 'tests').parts) & set(_ONCE):
            item.add_marker(pytest.mark.once)


@pytest.fixture(scope='session')
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope='session')
def shared() -> Path:
    """The folder beside the project with real music (data/) and with what Magenta makes of it (golden/).

    Tests that use it are skipped where it is missing, except in CI: what CI does not run, nobody runs.
    """
    folder = ROOT.parent / 'shared'
    _require(folder / 'golden', 'the folder ../shared, with golden/ and data/ in it, is not beside the project')
    return folder


@pytest.fixture(scope='session')
def field(shared: Path) -> Path:
    """The folder of small files as people have them, one feature each."""
    _require(shared / 'field', 'the folder ../shared/field is not beside the project')
    return shared / 'field'


def _require(folder: Path, missing: str) -> None:
    if not folder.is_dir():
        if os.environ.get('CI') == 'true':
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many tests were skipped, and why: the letters s among two thousand dots say nothing."""
    reasons = collections.Counter(report.longrepr[2] for report in terminalreporter.stats.get('skipped', []))
    for reason, number in reasons.most_common():
        tests = 'test was' if number == 1 else 'tests were'
        terminalreporter.write_line(f'{number} {tests} skipped: {reason.removeprefix("Skipped: ")}')


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, set[bytes]]:
    """What was drawn from, with each row of random numbers: logits, or sums of a machine's units."""
    # Only now: most tests need none of this.
    import threadpoolctl

    from solferino.models.core.cpu import row_matmul
    from solferino.models.core.events import event_sampling
    from solferino.models.musegan import generator
    from solferino.models.piano_rnn.nade import nade_sampling
    from solferino.models.rbm.chains import chain_kernels

    found: dict[bytes, set[bytes]] = {}

    def record(module: Any, numbers: int) -> None:
        """Of a module's `draw`, whose first argument is what is drawn from; another one holds the random numbers."""
        draw: Callable[..., Any] = module.draw

        def recorded(*args: Any) -> Any:
            for key, value in zip(args[numbers], args[0], strict=True):
                found.setdefault(key.tobytes(), set()).add(value.tobytes())
            return draw(*args)

        monkeypatch.setattr(module, 'draw', recorded)

    record(event_sampling, 1)
    record(nade_sampling, 1)
    record(chain_kernels, 4)
    forward = generator.forward

    def recorded(weights: Any, made: Any, hparams: Any) -> Any:
        logits = forward(weights, made, hparams)
        for key, value in zip(made.style, logits, strict=True):
            found.setdefault(key.tobytes(), set()).add(value.tobytes())
        return logits

    monkeypatch.setattr(generator, 'forward', recorded)
    alike = row_matmul._rounds_blocks_alike

    def tried(*args: Any) -> bool:
        """What was tried with one thread of BLAS says nothing of several."""
        assert {pool['num_threads'] for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas'} == {1}
        return alike(*args)

    monkeypatch.setattr(row_matmul, '_rounds_blocks_alike', tried)
    return found


@pytest.fixture
def two_replicas() -> list[Any]:
    """Two processes that train together, as threads: each sum waits for the other's."""
    import numpy as np
    import tensorflow as tf

    from solferino.models.core.layers.replicas import Connected

    meeting, sums = threading.Barrier(2), {}

    class Threads(Connected):
        def __init__(self, index: int):
            self.index, self.count, self._tf, self._asked = index, 2, tf, 0

        def sum(self, tensor: Any) -> Any:
            """The number of a sum tells which of the other's belongs to it."""
            number, self._asked = self._asked, self._asked + 1

            def meet(own: np.ndarray) -> np.ndarray:
                sums[number, self.index] = own
                meeting.wait(60)
                total = sums[number, 0] + sums[number, 1]
                meeting.wait(60)  # before the next step overwrites them
                return total

            return tf.constant(meet(tensor.numpy()))

    return [Threads(0), Threads(1)]
