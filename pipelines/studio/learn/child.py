"""Runs commands one after the other, whatever becomes of the studio that started it: see `children`.

    python -m solferino.pipelines.studio.learn.child FOLDER

The folder's `plan.json` says which, `state.json` tells how far they are. They share this process's group, so that a
Ctrl-C for the group reaches the one that runs; after that no other begins.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

PLAN, STATE = 'plan.json', 'state.json'
RUNNING, DONE, FAILED, STOPPED = 'running', 'done', 'failed', 'stopped'
# Exit codes of a command that a signal ended: as commands end, and as Python does while they are loaded.
_AS_ASKED = (0, 130, 143, -signal.SIGINT, -signal.SIGTERM)


def main() -> None:
    """Runs the plan of the folder."""
    folder = Path(sys.argv[1])
    plan = json.loads((folder / PLAN).read_text('utf-8'))
    if plan['memory_megabytes']:
        limit = plan['memory_megabytes'] << 20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)

    # The commands have their own ways to end; this process waits for them.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    began = time.time()
    code = 0
    for index, command in enumerate(plan['commands']):
        if stopped:
            break
        _tell(folder, RUNNING, index, began)
        shown = [command[0].removeprefix('solferino.bin.'), *command[1:]]
        print('$', ' '.join(shown), flush=True)
        code = subprocess.run([sys.executable, '-m', *_filled(command)], close_fds=False).returncode
        if code:
            break
    _tell(folder, STOPPED if stopped and code in _AS_ASKED else FAILED if code else DONE, index, began, code)


def _filled(command: list[str]) -> list[str]:
    """Without what names an empty file: a small collection may leave no music for evaluation."""
    paths = [argument.partition('=')[2] for argument in command]
    return [arg for arg, path in zip(command, paths, strict=True) if not (os.path.isfile(path) and _is_empty(path))]


def _is_empty(path: str) -> bool:
    return os.path.getsize(path) == 0


def _tell(folder: Path, state: str, index: int, began: float, code: int = 0) -> None:
    told: dict[str, Any] = {'state': state, 'command': index, 'began': began, 'code': code}
    temporary = folder / (STATE + '.new')
    temporary.write_text(json.dumps(told), 'utf-8')
    temporary.replace(folder / STATE)


if __name__ == '__main__':
    main()
