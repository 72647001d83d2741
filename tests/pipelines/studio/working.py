"""A worker of the studio whose tasks are for tests: what they do goes wrong on purpose."""

import os
import sys
import time
from typing import Any

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import worker

_held = []


def echo(value: Any) -> Any:
    print('a library prints')
    return value


def process() -> int:
    return os.getpid()


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def hold(megabytes: int) -> int:
    _held.append(bytearray(megabytes << 20))
    return os.getpid()


def die() -> None:
    os._exit(1)


def refuse() -> None:
    raise SolferinoError('--num_bars=0 must be 1 or more.')


def fail() -> None:
    raise RuntimeError('a defect')


def shout() -> str:
    return 'x' * (70 << 20)


if __name__ == '__main__':
    worker.main({task.__name__: task for task in (echo, process, sleep, hold, die, refuse, fail, shout)})
    sys.exit()
