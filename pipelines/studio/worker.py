"""The process in which the studio computes: reads tasks from stdin, a line of JSON each, and writes answers likewise.

    python -m solferino.pipelines.studio.worker --memory_megabytes=4096

A model stays in memory from task to task, so that the second answer comes at once. A task that needs more memory than
the limit ends in an answer that says so, or ends the process, and nothing else.
"""

import json
import logging
import os
import resource
import sys
from typing import IO, Any

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError


def main() -> None:
    """Answers until stdin ends."""
    limit = int(sys.argv[1]) << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # What libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)
    logging.basicConfig(level=logging.ERROR)
    _answer_all(sys.stdin.buffer, answers)


def _answer_all(requests: IO[bytes], answers: IO[bytes]) -> None:
    from solferino.pipelines.studio import messages

    for line in requests:
        asked = json.loads(line)
        answers.write(messages.write(_answer(asked['task'], asked['arguments'])) + b'\n')
        answers.flush()


def _answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """{'result': ...}, or {'error': a sentence}."""
    from solferino.pipelines.studio.tasks import TASKS

    try:
        return {'result': TASKS[name](**arguments)}
    except SolferinoError as error:
        return {'error': str(error)}
    except Exception as error:
        said = system_errors.sentence(error)
        if said is None:
            logging.exception('a task of the studio failed')
            said = f'Something went wrong that should not ({type(error).__name__}). The terminal has more.'
        return {'error': said}


if __name__ == '__main__':
    main()
