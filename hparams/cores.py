"""How many cores this process may use."""

import os


def num_cores() -> int:
    """The number of cores that this process may run on, where the system tells; else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
