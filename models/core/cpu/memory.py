"""How much memory is free: asked before a large allocation, for which the system would kill the process silently."""

import contextlib
import resource
from pathlib import Path

from solferino.hparams.errors import SolferinoError

_MEMINFO = Path('/proc/meminfo')
_CGROUP = Path('/sys/fs/cgroup')
# Files in which a control group says its limit and its use, in versions 2 and 1.
_LIMITS = (
    ('memory.max', 'memory.current', 'memory.stat'),
    ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes', 'memory/memory.stat'),
)
_CACHE = ('inactive_file', 'total_inactive_file')  # caches of files, which the system frees first
_GB = 1e9


def available() -> int | None:
    """Bytes that this process could still have; None where the system does not tell.

    The least of what the machine, its control group (a container) and `ulimit -v` leave.
    """
    found = [size for size in (_of_machine(), *_of_groups(), _of_limit()) if size is not None]
    return min(found) if found else None


def require(needed: float, what: str, remedy: str) -> None:
    """Raises SolferinoError if there is less memory than `needed` bytes for `what`; `remedy` is what to do then."""
    left = available()
    if left is not None and needed > left:
        raise SolferinoError(
            f'{what} needs about {_gigabytes(needed)} of memory, and {_gigabytes(left)} are free. {remedy}'
        )


def _gigabytes(size: float) -> str:
    return f'{size / _GB:,.0f} GB' if size >= 10 * _GB else f'{size / _GB:.3g} GB'


def _of_machine() -> int | None:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = _MEMINFO.read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith('MemAvailable:')).split()[1])
    return None


def _of_groups() -> list[int]:
    found = []
    for limit, usage, stat in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # without a limit the file says max, or is missing
            used = int((_CGROUP / usage).read_text())
            rows = (row.split() for row in (_CGROUP / stat).read_text().splitlines())
            cached = max([int(row[1]) for row in rows if row[0] in _CACHE], default=0)
            found.append(int((_CGROUP / limit).read_text()) - used + cached)
    return found


def _of_limit() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return None
    with contextlib.suppress(OSError, ValueError):
        return soft - int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    return soft
