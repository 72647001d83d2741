"""What a case is, and how commands are typed in this process.

A child process that a command would start for music files is left out, so that nothing which it stands for can hide a
fault; training ends where its first step would begin.
"""

import contextlib
import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Protocol
from unittest import mock

import numpy as np

from solferino.bin import command
from solferino.hparams.errors import SolferinoError
from solferino.models.music.sound import playback, soundfonts, synthesis
from solferino.pipelines import parse_child, parsing

SOUNDFONT = Path(__file__).parent / 'seeds/tiny.sf2'  # a sine wave, and clicks for drums: it is read at once
_MOST_SECONDS = 120.0  # of music that is made to sound: the hour that users have takes minutes
_TAILS = 0.5, 1.0  # seconds in which sounds die away: users have up to a minute


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to try: `call` raises SolferinoError where it refuses."""

    title: str
    call: Callable[[], object]


class Subject(Protocol):
    """Something of which there are many cases."""

    @property
    def name(self) -> str:
        """For the table."""

    def whole(self) -> int:
        """How many cases there are without damage. They must be accepted, but a 'primer' need not."""

    def case(self, rng: Random | None, folder: Path, number: int = 0) -> Case:
        """Prepares a case in an empty folder; with no `rng`, the one without damage of that number."""


def typed(name: str, *arguments: str, folder: Path) -> None:
    """Does what a command does that is typed in `folder`. Raises SolferinoError where it says so.

    Of training only the batches are made, and pipelines are run in this process.
    """
    with (
        mock.patch.object(sys, 'argv', [name, *arguments]),
        mock.patch.object(parsing, 'Parser', _Parser),
        mock.patch('solferino.models.core.training.jobs._train', _make_batches),
        mock.patch('solferino.models.core.training.evaluating._evaluate'),
        mock.patch('solferino.pipelines.engine.runner._runner', _in_this_process),
        mock.patch('solferino.pipelines.engine.workers.begun', lambda *_: contextlib.nullcontext()),
        mock.patch.object(command, '_fail', _refuse),
        mock.patch.object(playback, 'opened', _no_device),
        mock.patch.object(synthesis, 'MOST_SECONDS', _MOST_SECONDS),
        mock.patch.object(synthesis, '_TAILS', _TAILS),
        mock.patch.object(soundfonts, 'default_path', lambda: SOUNDFONT),
        contextlib.chdir(folder),
    ):
        try:
            importlib.import_module(f'solferino.bin.{name}').console_entry_point()
        except SystemExit as end:
            if end.code:
                raise AssertionError(f'exit code {end.code}') from end


def _make_batches(session: Any, *_: object) -> None:
    """Stands for training."""
    for begin in range(0, len(session.dataset), 8):
        session.dataset.batch(np.arange(begin, min(begin + 8, len(session.dataset))))


def _in_this_process(*_: object) -> Any:
    """Stands for the choice of a runner for several processes."""
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    return FnApiRunner()


def _no_device() -> contextlib.AbstractContextManager[Any]:
    """Stands for a machine without sound."""
    raise playback.NoDeviceError('none')


def _refuse(message: str) -> None:
    if not message.strip() or 'Traceback' in message:
        raise AssertionError(f'says {message!r}')
    raise SolferinoError(message)


class _Parser:
    """Stands for parsing.Parser, without a process of its own."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> '_Parser':
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def parse_all(self, requests: Iterable[parsing.Request]) -> Iterator[list[Any]]:
        return map(self.parse, requests)

    def parse(self, request: parsing.Request) -> list[Any]:
        return parse_child._read(request, parsing.Limits(), False)

    def parse_file(self, path: str | os.PathLike[str]) -> list[Any]:
        return read_music(path)

    def parse_midi(self, path: str | os.PathLike[str]) -> Any:
        return read_music(path)[0]


def read_music(path: str | os.PathLike[str]) -> list[Any]:
    """What the child process of the commands answers for a file."""
    name = os.fsencode(path)
    known = name if parsing.ending(name) in parsing.KINDS else name + b'.mid'
    return parse_child._read(parsing.Request(name, known, 'fuzz'), parsing.Limits(), False)
