"""What tests of all folders share."""

import collections
import os
import signal
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says something of the machine, not of the code.
hypothesis.settings.register_profile('solferino', deadline=None)
hypothesis.settings.load_profile('solferino')

# What a shell starts in the background ignores Ctrl-C, and so would the commands that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


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
