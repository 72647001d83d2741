"""Know by its requests."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from solferino.pipelines.studio.computing import job_queue
from solferino.pipelines.studio.messages import Music, Note, Piece
from tests.pipelines.studio.conftest import WORKER, Served


def test_a_comparison_that_waits_holds_no_notes(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve(command=WORKER, limits=job_queue.Limits(seconds=1))
    studio = served.studio
    (tmp_path / 'a.mid').write_bytes(b'MThd')
    piece = Piece('a', 'a', 'model', Music([Note(60, 0.0, 1.0)] * 1000), 0, 1, made=time.time())
    studio.pieces.add([piece], [tmp_path / 'a.mid'])
    (tmp_path / 'known').mkdir()
    studio.references._named.append(tmp_path / 'known')
    [reference] = served.ask('GET', '/api/references').json['references']
    added: list[Any] = []
    add = studio.queue.add

    async def noted(task: str, **arguments: Any) -> Any:
        added.append(arguments)
        return await add('echo', value=1)

    studio.queue.add = noted  # type: ignore[method-assign, assignment]
    asked = {'reference': reference['id'], 'pieces': ['a'] * 200}
    assert served.ask('POST', '/api/judge', asked).status == 202
    [arguments] = added
    assert arguments['pieces'] == [str(studio.work.path / 'pieces' / 'a.json')]
    asked['pieces'] = ['a', 'gone']
    answer = served.ask('POST', '/api/judge', asked)
    assert answer.status == 400 and 'not there any more' in answer.json['error']
