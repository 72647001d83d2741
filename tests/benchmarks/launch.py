"""Runs a command and tells what it took: launch.py FILE_DESCRIPTOR COMMAND...

A process of its own with nothing else in it, since Linux counts to a process's peak memory what its parent held when it
started it. Writes to the file descriptor: seconds, seconds of CPU, peak memory in the kernel's unit, exit code.
"""

import os
import subprocess
import sys
import time


def main() -> None:
    """Runs the command."""
    started = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    told = f'{seconds} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}'
    os.write(int(sys.argv[1]), told.encode())


if __name__ == '__main__':
    main()
