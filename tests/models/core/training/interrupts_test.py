"""What is said to who presses Ctrl-C."""

import os
import signal

import pytest

from solferino.models.core.training import interrupts


@pytest.mark.parametrize('after', [None, 'the music of this temperature; the model is saved'])
def test_a_signal_is_answered_with_what_is_true(after: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    with interrupts.graceful() as stop:
        if after:
            stop.after = after
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wanted and stop.number == signal.SIGINT
    assert capfd.readouterr().err == f'\nStopping after {after or "this step"}. Once more stops at once.\n'
