"""Learn by its requests: from files that are dropped to a model that is in Make."""

import json
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from solferino.pipelines.studio.learn import children, dropped

pytestmark = pytest.mark.once

Serve = Callable[..., Any]


def events(served: Any, path: str) -> list[Any]:
    """All that is told until it has ended."""
    body = served.ask('GET', path).body.decode()
    return [json.loads(event[6:]) for event in body.split('\n\n') if event.startswith('data: ')]


def collect(served: Any, files: dict[str, bytes], name: str = 'Mine') -> str:
    """Makes a collection of files; returns its id."""
    made = served.ask('POST', '/api/collections', {'name': name})
    assert made.status == 201
    for file, data in files.items():
        path = f'/api/collections/{made.json["id"]}/files?name={urllib.parse.quote(file)}'
        assert served.ask('POST', path, data).status == 201
    return made.json['id']


def test_from_dropped_files_to_a_model_in_make(serve: Serve, shared: Path) -> None:
    served = serve()
    drums = sorted((shared / 'data' / 'drums').rglob('*.mid'))[:12]
    id = collect(served, {f'grooves/{path.name}': path.read_bytes() for path in drums}, 'Grooves of mine')
    assert served.ask('POST', f'/api/collections/{id}/read', {}).status == 202
    read = events(served, f'/api/collections/{id}/events')
    assert read[-1]['state'] == 'done' and read[-1]['converted']['files'] == 12
    known = served.ask('GET', '/api/references').json['references']
    assert [one['name'] for one in known] == ['Grooves of mine']

    asked = {'collection': id, 'family': 'drums_rnn', 'config': 'one_drum', 'num_steps': 30}
    begun = served.ask('POST', '/api/trainings', asked)
    assert begun.status == 202 and begun.json['state'] == 'running'
    training = f'/api/trainings/{begun.json["id"]}'
    told = events(served, f'{training}/events')
    assert told[-1]['state'] == 'done', served.ask('GET', f'{training}/log').json['log']
    assert told[-1]['step'] == 30 and [one['state'] for one in told[:-1]] == ['running'] * (len(told) - 1)
    assert '$ drums_rnn_train' in served.ask('GET', f'{training}/log').json['log']
    assert served.ask('GET', f'{training}/samples/7').status == 400
    for step in told[-1]['samples']:
        assert served.ask('GET', f'{training}/samples/{step}').json['notes']

    saved = served.ask('POST', f'{training}/save', {'name': 'My drums', 'description': 'Of twelve files.'})
    assert saved.status == 201 and saved.json == {'name': 'My drums'}
    [model] = served.ask('GET', '/api/models').json['models']
    assert (model['name'], model['config'], model['description']) == ('My drums', 'one_drum', 'Of twelve files.')
    again = served.ask('POST', f'{training}/save', {'name': 'My drums'})
    assert again.status == 400 and 'already' in again.json['error']

    overview = served.ask('GET', '/api/learning').json
    assert '.mid' in overview['kinds'] and overview['collections'][0]['id'] == id
    assert [one['id'] for one in overview['trainings']] == [begun.json['id']]
    assert served.ask('DELETE', training).status == 204
    assert served.ask('DELETE', f'/api/collections/{id}').status == 204
    assert served.ask('GET', f'{training}/events').status == 400
    assert served.ask('GET', '/api/learning').json['trainings'] == []


def test_a_run_directory_that_was_named_is_shown_heard_and_saved(
    serve: Serve, tmp_path: Path, make_run: Callable[[Path], None]
) -> None:
    make_run(tmp_path / 'my run')
    served = serve(tmp_path / 'my run')
    [one] = served.ask('GET', '/api/learning').json['trainings']
    assert (one['run'], one['state'], one['can_go_on'], one['can_discard']) == ('my run', 'done', False, False)
    path = f'/api/trainings/{one["id"]}'
    [told] = events(served, f'{path}/events')
    assert told['curves']['training'] == [[10, 3.0], [20, 2.0]] and told['checkpoints'] == 1
    end = time.monotonic() + 60
    while not (steps := events(served, f'{path}/events')[0]['samples']):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert steps == [20] and 'notes' in served.ask('GET', f'{path}/samples/20').json
    assert served.ask('POST', f'{path}/save', {'name': 'Run'}).status == 201
    for method, what in (('POST', '/stop'), ('POST', '/go_on'), ('DELETE', '')):  # the command line's is its own
        assert served.ask(method, path + what, {}).status == 400
    assert (tmp_path / 'my run').is_dir()


@pytest.fixture
def make_run(bundle: Path) -> Callable[[Path], None]:
    """Makes a run directory of an untrained model."""
    from solferino.models import loading
    from solferino.models.core.runs import run_dir, status
    from solferino.models.core.runs.run_dir import Run
    from solferino.models.core.storage import checkpoints
    from solferino.models.core.storage.checkpoints import Checkpoint
    from solferino.models.core.training.monitor import Board

    def making(path: Path) -> None:
        model = loading.load(str(bundle))
        run = Run(str(path), model.config, 0)
        run_dir.write(run, model.family.spec)
        metadata = run_dir.checkpoint_metadata(run, model.family.spec)
        checkpoints.save(run.train_dir, Checkpoint(20, dict(model.weights), {}, metadata))
        with Board(run.train_dir) as board:
            board.scalars(10, {'loss': 3.0})
            board.scalars(20, {'loss': 2.0})
        status.Status(str(path), 20, False).update(state=status.FINISHED, step=20)

    return making


KIT = {'collection': 'ID', 'family': 'drums_rnn', 'config': 'drum_kit'}


@pytest.mark.parametrize(
    ('method', 'path', 'body', 'said'),
    [
        ('POST', '/api/collections', {'name': '../x'}, 'A name begins with'),
        ('POST', '/api/collections', {'name': ''}, 'A name begins with'),
        ('POST', '/api/collections', {}, 'name'),
        ('POST', '/api/collections', {'name': 'x', 'more': 1}, 'more'),
        ('POST', '/api/collections/aa/read', {}, 'not there'),
        ('POST', '/api/collections/ID/read', {}, 'no music'),
        ('POST', '/api/collections/ID/read', {'options': {'drums_rnn': {'Flag-file': 1}}}, 'not understood'),
        ('POST', '/api/collections/ID/files?name=..%2Fx.mid', b'x', 'no name of a file'),
        ('POST', '/api/collections/ID/files?name=%2Fetc%2Fx.mid', b'x', 'no name of a file'),
        ('POST', '/api/collections/ID/files', b'x', 'no name of a file'),
        ('POST', '/api/collections/ID/files?name=x.py', b'x', 'no music that is read'),
        ('GET', '/api/collections/../events', None, ''),
        ('POST', '/api/trainings', KIT | {'family': 'os'}, 'no model family'),
        ('POST', '/api/trainings', KIT | {'family': '../x'}, 'not understood'),
        ('POST', '/api/trainings', KIT | {'num_steps': -1}, 'steps'),
        ('POST', '/api/trainings', KIT | {'num_steps': 5}, 'no music'),
        ('POST', '/api/trainings/aa/stop', {}, 'not there'),
        ('POST', '/api/trainings/aa/go_on', {'num_steps': 'x'}, 'not understood'),
        ('POST', '/api/trainings/aa/save', {'name': 'x'}, 'not there'),
        ('GET', '/api/trainings/aa/samples/1', None, 'not there'),
        ('GET', '/api/trainings/aa/samples/' + '9' * 5000, None, 'not there'),
        ('DELETE', '/api/trainings/aa', None, 'not there'),
    ],
)  # fmt: skip
def test_wrong_requests_have_words(serve: Serve, method: str, path: str, body: Any, said: str) -> None:
    served = serve()
    id = collect(served, {})
    if isinstance(body, dict):
        body = {name: id if value == 'ID' else value for name, value in body.items()}
    answer = served.ask(method, path.replace('ID', id), body)
    assert answer.status in (400, 404), answer.body
    assert said in answer.json['error'], answer.body
    assert str(served.studio.work_dir) not in answer.json['error']


def test_an_upload_that_breaks_off_leaves_nothing(serve: Serve) -> None:
    served = serve()
    id = collect(served, {})
    with served.connection() as connection:
        connection.putrequest('POST', f'/api/collections/{id}/files?name=a.mid')
        connection.putheader('Authorization', 'Bearer a-token')
        connection.putheader('Content-Length', '1000')
        connection.endheaders()
        connection.send(b'MThd')
        time.sleep(0.3)
    folder = served.studio.work_dir / 'collections' / id
    end = time.monotonic() + 20
    while [path for path in folder.rglob('*') if path.is_file() and path.name not in ('collection.json', 'lock')]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert served.ask('GET', '/api/learning').json['collections'][0]['files'] == 0


def test_one_that_is_larger_than_a_collection_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('solferino.pipelines.studio.guard.LARGEST_COLLECTED', 1 << 20)
    monkeypatch.setattr('solferino.pipelines.studio.guard.LINGERING', 0.5)
    served = serve()
    id = collect(served, {})

    def endless() -> Iterator[bytes]:
        while True:
            yield b'x' * 65536

    try:
        answer = served.ask('POST', f'/api/collections/{id}/files?name=a.zip', endless(), encode_chunked=True)
        assert answer.status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server has hung up
    assert served.ask('POST', f'/api/collections/{id}/read', b'x' * ((1 << 20) + 1)).status == 413


def test_a_full_work_folder_takes_no_more(serve: Serve) -> None:
    served = serve(most=0)
    assert served.ask('POST', '/api/collections', {'name': 'Mine'}).status == 507


def test_a_few_collections_are_read_at_a_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped, 'AT_ONCE', 1)
    served = serve()
    first, second = (collect(served, {'a.mid': b'no music'}) for _ in range(2))
    assert served.ask('POST', f'/api/collections/{first}/read', {}).status == 202
    answer = served.ask('POST', f'/api/collections/{second}/read', {})
    assert answer.status == 429 and 'Try again' in answer.json['error']
    events(served, f'/api/collections/{first}/events')
    assert served.ask('POST', f'/api/collections/{second}/read', {}).status == 202
    events(served, f'/api/collections/{second}/events')


def test_what_is_read_is_told_at_once_and_its_end_too(serve: Serve) -> None:
    served = serve()
    id = collect(served, {'a.mid': b'no music'})
    served.ask('POST', f'/api/collections/{id}/read', {})
    told = events(served, f'/api/collections/{id}/events')
    assert told[0]['state'] == children.RUNNING and told[-1]['state'] == children.FAILED
    assert 'no music in it that can be read' in told[-1]['error']
