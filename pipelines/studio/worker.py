"""The process in which the studio computes: reads tasks from stdin, a line of JSON each, and writes answers likewise.

    python -m solferino.pipelines.studio.worker 4096

A model stays in memory from task to task, so that the second answer comes at once. A task that needs more megabytes
than it is told ends in an answer that says so, or ends the process, and nothing else.
"""

import contextlib
import json
import logging
import os
import re
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError

Tasks = Mapping[str, Callable[..., Any]]


def main(tasks: Tasks | None = None) -> None:
    """Answers until stdin ends; `tasks` by their names, those of the studio if they are not given."""
    limit = int(sys.argv[1]) << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # What libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)
    logging.basicConfig(level=logging.ERROR)
    with contextlib.suppress(BrokenPipeError):  # the studio is gone
        _answer_all(sys.stdin.buffer, answers, tasks)


def _answer_all(requests: IO[bytes], answers: IO[bytes], tasks: Tasks | None) -> None:
    from solferino.pipelines.studio import messages

    for line in requests:
        asked = json.loads(line)
        answer = _answer(asked['task'], asked['arguments'], tasks)
        answers.write(messages.write({**answer, 'megabytes': _megabytes()}) + b'\n')
        answers.flush()


def _answer(name: str, arguments: dict[str, Any], tasks: Tasks | None) -> dict[str, Any]:
    """{'result': ...}, or {'error': a sentence}."""
    from solferino.pipelines.studio import wording

    try:
        if tasks is None:
            from solferino.pipelines.studio.tasks import TASKS  # note_seq takes a second

            tasks = TASKS
        return {'result': tasks[name](**arguments)}
    except SolferinoError as error:
        return {'error': wording.for_the_page(str(error))}
    except Exception as error:
        said = system_errors.sentence(error)
        if said is None:
            logging.exception('a task of the studio failed')
            said = f'Something went wrong that should not ({type(error).__name__}). The terminal has more.'
        return {'error': wording.for_the_page(said)}


def _megabytes() -> float:
    """What this process holds on to, as the limit counts it."""
    try:
        found = re.search(r'^VmData:\s*(\d+) kB', Path('/proc/self/status').read_text(), re.MULTILINE)
    except OSError:  # a system without it
        found = None
    return int(found[1]) / 1024 if found else 0.0


if __name__ == '__main__':
    main()
