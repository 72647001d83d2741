"""Starts the other processes of a training on this machine: one for each GPU, or as many as are asked for."""

import contextlib
import glob
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from solferino.hparams.errors import SolferinoError
from solferino.models.core.layers import replicas

_PATIENCE_S = 30.0  # for all processes that should have ended


def num_gpus() -> int:
    """How many NVIDIA GPUs this process may use, without asking their driver."""
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    if visible is not None:
        return len([name for name in visible.split(',') if name and name != '-1'])
    return len(glob.glob('/dev/nvidia[0-9]*'))


@contextlib.contextmanager
def others(count: int) -> Iterator[replicas.Cluster | None]:
    """Within the block `count - 1` more processes run this process's command, and this one is the first of them.

    Each has its share of the cores, and a GPU of its own if there are enough. They end with the block. Where TF_CONFIG
    is set they have been started already. The block is given the cluster that they are, or None for one process.

    Raises SolferinoError if one of them ended with an error before.
    """
    if count == 1 or os.environ.get(replicas.VARIABLE):
        yield replicas.of_environment()
        return
    addresses = [f'127.0.0.1:{port}' for port in _free_ports(count)]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else []
    gpus = _gpus(count)
    started: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
    before = os.environ.copy()
    try:
        for index in range(1, count):
            said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed below
            process = subprocess.Popen(
                [sys.executable, *sys.orig_argv[1:]],
                env=_of_this_program(before) | _environment(addresses, index, gpus),
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
            started.append((process, said))
            _keep_to(cores[index::count], process.pid)
        os.environ.update(_environment(addresses, 0, gpus))
        _keep_to(cores[0::count], 0)
        met = False

        def whole() -> bool:
            nonlocal met
            met = True
            return all(process.poll() is None for process, _ in started)

        yield replicas.Cluster(tuple(addresses), 0, rejoins=False, whole=whole)
        if met:  # else there was nothing to train, and they wait in vain
            _require_ended_well(started)
    except replicas.LostError:
        _require_ended_well(started)  # which says why
        raise
    finally:
        for process, said in started:
            process.kill()
            process.wait()
            said.close()
        os.environ.clear()
        os.environ.update(before)
        _keep_to(cores, 0)


def _of_this_program(environment: dict[str, str]) -> dict[str, str]:
    """The environment that this program was started in, as the same one finds its modules: see `bin.surroundings`."""
    return {name: value for name, value in environment.items() if name != 'PYTHONSAFEPATH' or sys.flags.safe_path}


def _environment(addresses: list[str], index: int, gpus: list[str]) -> dict[str, str]:
    task = {'type': 'worker', 'index': index}
    stated = {'cluster': {'worker': addresses}, 'task': task, 'parent': os.getpid()}
    own = {replicas.VARIABLE: json.dumps(stated)}
    return own | ({'CUDA_VISIBLE_DEVICES': gpus[index]} if gpus else {})


def _gpus(count: int) -> list[str]:
    """The names of the GPUs, one for each process; none if there are too few."""
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    names = visible.split(',') if visible is not None else [str(number) for number in range(num_gpus())]
    return names if 1 < count <= num_gpus() else []


def _keep_to(cores: list[int], pid: int) -> None:
    if cores:
        with contextlib.suppress(OSError):  # it has ended already, which is told later
            os.sched_setaffinity(pid, cores)


def _require_ended_well(started: list[tuple[subprocess.Popen[bytes], IO[bytes]]]) -> None:
    ended_first = sorted(enumerate(started, start=1), key=lambda one: one[1][0].poll() is None)
    end = time.monotonic() + _PATIENCE_S
    for number, (process, said) in ended_first:
        try:
            code = process.wait(max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            continue  # it is killed, and has done its part
        if code not in (0, 130, 143):
            said.seek(0)
            lines = said.read().decode('utf-8', 'replace').strip().splitlines()
            why = lines[-1].removeprefix('error: ') if lines else f'exit code {code}'
            raise SolferinoError(f'Process {number} of {len(started) + 1} ended: {why}')


def _free_ports(count: int) -> list[int]:
    """Finds ports below those that systems give to whoever asks for any: seconds pass until these are taken."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(('127.0.0.1', port))
            found += [port] * (port not in found)
    return found
