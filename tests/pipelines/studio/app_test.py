"""The studio over a real socket: what the page asks, and what it does not."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from note_seq import midi_io

from solferino.pipelines.studio import making, shared, work_folder
from solferino.pipelines.studio.computing import job_queue
from tests.pipelines.studio.conftest import WORKER, Served

Serve = Callable[..., Served]
BEAT = {
    'notes': [[36, 0.0, 0.125, 100, 0, True, 0], [38, 0.5, 0.625, 80, 0, True, 0], [36, 1.0, 1.125, 80, 0, True, 0]],
    'qpm': 120.0, 'seconds': 2.0,
}  # fmt: skip


def first_model(served: Served) -> Any:
    while (model := served.ask('GET', '/api/models').json['models'][0]).get('reading'):
        time.sleep(0.1)
    return model


def generated(served: Served, **request: Any) -> Any:
    """Asks for music; returns the pieces."""
    answer = served.ask('POST', '/api/generate', {'model': first_model(served)['id'], **request})
    assert answer.status == 202, answer.body
    last = served.finished(answer.json)[-1]
    assert last['state'] == 'done', last
    return last['result']


def test_from_a_drawn_beat_to_a_file(serve: Serve, bundle: Path, tmp_path: Path) -> None:
    served = serve(bundle)
    model = first_model(served)
    assert model['name'] == 'drums' and model['is_drums'] and model['takes_primer'] and 'error' not in model
    labels = {option['name']: option['label'] for option in model['options']}
    assert labels['num_bars'] == 'Length in bars' and 'seed' not in labels
    assert not any('--' in option['help'] for option in model['options'])

    options = {'num_bars': 2, 'seed': 7, 'temperature': 1.2}
    pieces = generated(served, primer=BEAT, num_outputs=2, options=options)
    assert len(pieces) == 2 and {piece['seed'] for piece in pieces} == {7}
    starts = {(note[0], note[1]) for note in pieces[0]['music']['notes']}
    assert {(36, 0.0), (38, 0.5), (36, 1.0)} <= starts  # what was drawn
    assert max(start for _, start in starts) > 1.2 and pieces[0]['primer_seconds'] > 1.0
    again = generated(served, primer=BEAT, num_outputs=2, options=options)
    assert [piece['music'] for piece in again] == [piece['music'] for piece in pieces]

    listed = served.ask('GET', '/api/pieces').json
    assert listed['total'] == 4 and {piece['id'] for piece in listed['pieces'][:2]} == {piece['id'] for piece in again}
    assert listed['pieces'][0] == again[0]
    assert len(served.ask('GET', '/api/pieces?first=3').json['pieces']) == 1
    assert len(served.ask('GET', '/api/pieces?first=-x').json['pieces']) == 4

    file = served.ask('GET', f'/api/pieces/{pieces[0]["id"]}.mid')
    assert file.headers['content-type'] == 'audio/midi' and 'attachment' in file.headers['content-disposition']
    (tmp_path / 'a.mid').write_bytes(file.body)
    notes = midi_io.midi_file_to_note_sequence(str(tmp_path / 'a.mid')).notes
    assert len(notes) == len(pieces[0]['music']['notes'])

    path = f'/api/pieces/{pieces[0]["id"]}'
    assert served.ask('POST', path, {'kept': True}).json['kept'] is True
    assert served.ask('GET', '/api/pieces').json['pieces'][2]['kept'] is True
    assert served.ask('DELETE', path).status == 204
    assert served.ask('POST', path, {'kept': True}).json == {'error': 'This piece is not there any more.'}
    assert served.ask('GET', '/api/pieces').json['total'] == 3
    assert not list(served.studio.work.scratch('').iterdir())


def test_a_file_of_a_piece_whose_midi_file_is_gone_is_made_of_its_notes(serve: Serve, bundle: Path) -> None:
    served = serve(bundle)
    piece = generated(served, primer=BEAT, num_outputs=1, options={'num_bars': 2})[0]
    (served.studio.work.path / 'pieces' / f'{piece["id"]}.mid').unlink()
    assert served.ask('GET', f'/api/pieces/{piece["id"]}.mid').body.startswith(b'MThd')


def test_sound_is_made_and_nothing_is_left_of_it(serve: Serve, bundle: Path) -> None:
    pytest.importorskip('libsonare')
    served = serve(bundle)
    piece = generated(served, primer=BEAT, num_outputs=1, options={'num_bars': 2})[0]
    assert served.ask('GET', f'/api/pieces/{piece["id"]}.wav').body.startswith(b'RIFF')
    assert 'no exe' in served.ask('GET', f'/api/pieces/{piece["id"]}.exe').json['error']
    time.sleep(0.1)
    assert not list(served.studio.work.scratch('').iterdir())
    assert served.ask('GET', '/api/soundfont').headers['cache-control'].startswith('private')


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'num_bars': 0}, '“Length in bars” 0 must be 1 or more.'),
        ({'temperature': 'hot'}, "“Temperature” must be a number, and not 'hot'."),
        ({'temperature': -1}, '“Temperature” -1 must be above 0.'),
        ({'num_bars': True}, '“Length in bars” must be a whole number'),
        ({'primer': 1}, "no option 'primer'"),
        ({'candidates': 10**9}, "no option 'candidates'"),
        ({'wrong': 1}, "no option 'wrong'"),
        ({'num_bars': 2, 'seconds': 3}, '“Length in bars” and “Length in seconds”: give one length'),
    ],
)
def test_options_that_cannot_be_are_refused_in_words_of_the_page(
    serve: Serve, bundle: Path, options: Any, said: str
) -> None:
    served = serve(bundle)
    job = served.ask('POST', '/api/generate', {'model': first_model(served)['id'], 'options': options}).json
    last = served.finished(job)[-1]
    assert last['state'] == 'failed' and said in last['error'] and '--' not in last['error']


def test_a_stretch_is_made_anew_and_all_else_stays(serve: Serve, bundle: Path) -> None:
    served = serve(bundle)
    assert first_model(served)['can_infill']
    piece = generated(served, num_outputs=1, options={'num_bars': 4, 'seed': 1})[0]
    asked = {
        'model': piece['model'], 'music': piece['music'], 'start': 2.0, 'end': 4.0, 'num_outputs': 2,
        'options': {'seed': 5, 'num_bars': 9},
    }  # fmt: skip
    made = served.finished(served.ask('POST', '/api/infill', asked).json)[-1]['result']

    def outside(piece: Any) -> Any:
        return [note for note in piece['music']['notes'] if not 1.9 < note[1] < 3.9]

    assert len(made) == 2 and all(outside(one) == outside(piece) for one in made)
    assert made[0]['music']['notes'] != made[1]['music']['notes']
    assert made[0]['stretch'] == [2.0, 4.0] and '--infill_seconds=2-4' in made[0]['command']
    last = served.finished(served.ask('POST', '/api/infill', asked | {'end': 20}).json)[-1]
    assert last['error'].startswith('What is made anew, 2 to 20 s, must be a part of the music')
    assert served.ask('POST', '/api/infill', asked | {'end': -1}).status == 400
    silent = asked | {'music': {'notes': []}}
    assert served.finished(served.ask('POST', '/api/infill', silent).json)[-1]['error'].endswith('.')


def test_a_damaged_bundle_is_listed_with_its_reason_and_is_looked_at_again_when_it_changes(
    serve: Serve, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / 'mine.mag'
    path.write_bytes(bundle.read_bytes()[:1000])
    served = serve(path)
    model = first_model(served)
    assert model['name'] == 'mine' and 'mine.mag' in model['error']
    path.write_bytes(bundle.read_bytes())
    assert first_model(served)['family'] == 'drums_rnn'
    path.unlink()
    assert 'error' in first_model(served)


def test_a_request_for_an_unknown_model_is_refused(serve: Serve) -> None:
    served = serve()
    assert served.ask('GET', '/api/models').json == {'models': []}
    for model in ('abc', '../drums'):
        answer = served.ask('POST', '/api/generate', {'model': model})
        assert answer.status == 400 and answer.json['error'].endswith('.')


def test_models_are_listed_while_one_is_read(serve: Serve, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, '_PATIENCE', 0.1)
    served = serve(bundle)
    assert served.ask('GET', '/api/models').json['models'][0]['reading'] is True
    assert first_model(served)['family'] == 'drums_rnn'


def test_models_that_were_told_of_are_known_at_the_next_start(
    serve: Serve, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_model(serve(bundle))
    memory = serve().studio.work.path.parent / 'studio0' / 'models.json'
    other = serve(bundle)
    other.studio.models = type(other.studio.models)([bundle], other.studio.work.path / 'models', memory)
    monkeypatch.delattr(other.studio.queue, '_command')  # nothing can be computed
    assert other.ask('GET', '/api/models').json['models'][0]['family'] == 'drums_rnn'


def test_a_file_is_read_and_a_damaged_one_refused(serve: Serve, tmp_path: Path) -> None:
    from solferino.models import write_midi
    from solferino.models.music.grooves.groove_library import style
    from solferino.models.music.grooves.groove_songs import song

    write_midi(song(style('rock')), tmp_path / 'a.mid')
    data = (tmp_path / 'a.mid').read_bytes()
    served = serve()
    music = served.ask('POST', '/api/uploads?name=A.MID', data).json
    assert len(music['notes']) > 20 and all(note[5] for note in music['notes'])
    chunks = iter([data[:100], data[100:]])
    assert served.ask('POST', '/api/uploads?name=a.mid', chunks, encode_chunked=True).json == music
    for name, body in (('a.mid', data[:50]), ('a.mid', b''), ('a.abc', data)):
        answer = served.ask('POST', f'/api/uploads?name={name}', body)
        assert answer.status == 400 and answer.json['error'].endswith('.'), answer.body
        assert str(tmp_path) not in answer.json['error']
    assert 'Music files end in .' in served.ask('POST', '/api/uploads?name=..%2f..%2fx', b'a').json['error']
    assert not list(served.studio.work.scratch('').iterdir())


def test_an_upload_that_never_ends_is_refused_and_leaves_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('solferino.pipelines.studio.guard.LARGEST_UPLOAD', 1 << 20)
    monkeypatch.setattr('solferino.pipelines.studio.guard.LINGERING', 0.5)
    served = serve()

    def endless() -> Iterator[bytes]:
        while True:
            yield b'x' * 65536

    try:
        answer = served.ask('POST', '/api/uploads?name=a.mid', endless(), encode_chunked=True)
        assert answer.status == 413 and 'larger than 1 MB' in answer.json['error']
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server has hung up
    time.sleep(0.1)
    assert not list(served.studio.work.scratch('').iterdir())


def test_an_upload_that_breaks_off_leaves_nothing(serve: Serve) -> None:
    served = serve()
    with served.connection() as connection:
        connection.putrequest('POST', '/api/uploads?name=a.mid')
        connection.putheader('Authorization', 'Bearer a-token')
        connection.putheader('Content-Length', '1000')
        connection.endheaders(b'MThd')
        _wait_until(lambda: any(served.studio.work.scratch('').iterdir()))
    _wait_until(lambda: not any(served.studio.work.scratch('').iterdir()))
    assert served.ask('GET', '/api/pieces').status == 200


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60  # the machine may be busy
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ('method', 'path', 'status'),
    [
        ('GET', '/api/nothing', 404),
        ('GET', '/api/generate', 404),
        ('PUT', '/api/models', 405),
        ('POST', '/', 405),
        ('GET', '/api/pieces/..%2f..%2fmodels.json', 404),
        ('GET', '/api/pieces/..%2f..%2fmodels.mid', 404),
        ('GET', '/api/pieces/%2e%2e%2fx.mid', 404),
        ('GET', '/api/pieces/a%00b.mid', 400),
        ('GET', '/api/pieces/A.B.mid', 400),
        ('DELETE', '/api/pieces/..', 400),
        ('DELETE', '/api/pieces/%2e%2e', 400),
        ('POST', '/api/pieces/a%5c..%5cb', 400),
        ('GET', '/..%2f..%2f..%2fetc%2fpasswd', 404),
        ('GET', '/../app.py', 404),
        ('GET', '//etc/passwd', 404),
        ('GET', '/%00', 404),
        ('GET', '/api/jobs/x', 400),
        ('GET', '/api/jobs/x/events', 400),
        ('DELETE', '/api/jobs/%ff', 400),
        ('TRACE', '/', 405),
    ],
)
def test_what_is_not_there_is_refused_in_a_sentence(serve: Serve, method: str, path: str, status: int) -> None:
    answer = serve().ask(method, path, {'kept': True} if method == 'POST' else None)
    assert answer.status == status, answer.body
    assert answer.json['error'].endswith('.')


def test_the_page_is_served_with_its_policy(serve: Serve) -> None:
    answer = serve().ask('GET', '/', headers={'Authorization': ''})
    assert answer.status == 200 and b'Solferino' in answer.body
    assert answer.headers['content-security-policy'].startswith("default-src 'none'")


def test_the_password_gives_the_token_and_guessing_is_slow(serve: Serve) -> None:
    served = serve(password='long enough')
    began = time.monotonic()
    for wrong in ('', 'long enougH', 'ü', '\ud800'):
        answer = served.ask('POST', '/api/login', {'password': wrong}, headers={'Authorization': ''})
        assert answer.status in (400, 403) and 'token' not in answer.json
    assert time.monotonic() - began >= 3
    assert served.ask('POST', '/api/login', {'password': 'long enough'}).json == {'token': 'a-token'}
    assert serve().ask('POST', '/api/login', {'password': ''}).status == 403  # where there is none


@pytest.mark.once
def test_many_guesses_at_once_are_no_faster(serve: Serve) -> None:
    served = serve(password='long enough')
    statuses: list[int] = []
    began = time.monotonic()

    def guess(password: str) -> None:
        statuses.append(served.ask('POST', '/api/login', {'password': password}).status)

    wrong = [threading.Thread(target=guess, args=(f'wrong {number}',)) for number in range(3)]
    for thread in wrong:
        thread.start()
    time.sleep(0.3)
    guess('long enough')
    assert statuses[-1] == 200 and time.monotonic() - began >= 2.9
    many = [threading.Thread(target=guess, args=(f'wrong {number}',)) for number in range(20)]
    for thread in many:
        thread.start()
    time.sleep(0.5)
    assert statuses.count(429) >= 11  # at once
    for thread in [*wrong, *many]:
        thread.join()


def test_a_full_queue_and_a_full_folder_are_told(serve: Serve, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve(bundle, limits=job_queue.Limits(waiting=0))
    id = first_model(served)['id']
    answer = served.ask('POST', '/api/generate', {'model': id})
    assert answer.status == 429 and 'Try again' in answer.json['error']
    assert not list(served.studio.work.scratch('').iterdir())  # many that are refused leave nothing
    full = serve(bundle, most=10)
    (full.studio.work.path / 'big').write_bytes(b'x' * 100)
    full.studio.work.recount()
    answer = full.ask('POST', '/api/generate', {'model': id})
    assert answer.status == 507 and 'Discard' in answer.json['error']
    monkeypatch.setattr(work_folder, '_LEAST_FREE', 1 << 60)
    assert 'disk is nearly full' in serve(bundle).ask('POST', '/api/generate', {'model': id}).json['error']


def test_a_job_that_goes_before_all_others_is_there_once(serve: Serve) -> None:
    served = serve(command=WORKER)  # it knows no such task
    queue, waiting = served.studio.queue, [0]
    add = queue.add

    async def counted(task: str, **more: Any) -> Any:
        waiting[0] += 1
        return await add('echo', value=task)

    queue.add = counted  # type: ignore[method-assign, assignment]
    threads = [threading.Thread(target=served.ask, args=('GET', '/api/instruments')) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waiting == [1]


def test_a_disk_that_is_full_is_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, 'No space left on device', 'x.json')

    served = serve()
    monkeypatch.setattr(served.studio.pieces, 'remove', full)
    answer = served.ask('DELETE', '/api/pieces/a')
    assert answer.status == 507 and 'No space left on device' in answer.json['error']


def test_a_defect_is_not_told_to_the_page(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError('a secret')

    served = serve()
    monkeypatch.setattr(served.studio.pieces, 'remove', broken)
    answer = served.ask('DELETE', '/api/pieces/a')
    assert answer.status == 500 and 'secret' not in answer.json['error']


def threads_hearing(served: Served, job: Any, number: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=served.finished, args=(job,), daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    return threads


def working(serve: Serve) -> tuple[Served, Any]:
    """A studio with a job that takes a minute, and what was told of the job."""
    import asyncio

    served = serve(command=WORKER)
    loop = served.studio.queue._runners[0].get_loop()
    job = asyncio.run_coroutine_threadsafe(served.studio.queue.add('sleep', seconds=60), loop).result()
    return served, job.told()


def test_the_server_ends_at_once_with_open_streams(serve: Serve) -> None:
    served, job = working(serve)
    threads = threads_hearing(served, job, 3)
    began = time.monotonic()
    served.end()
    assert time.monotonic() - began < 20  # by itself it would be for ever
    for thread in threads:
        thread.join(5)


def test_there_are_not_more_streams_than_there_may_be(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, 'MOST_STREAMS', 1)
    served, job = working(serve)
    path = f'/api/jobs/{job["id"]}/events'
    with served.connection() as connection:
        connection.request('GET', path, headers={'Authorization': 'Bearer a-token'})
        connection.getresponse().fp.readline()
        answer = served.ask('GET', path)
        assert answer.status == 429 and 'Too many pages' in answer.json['error']
    end = time.monotonic() + 10
    while served.studio.streams:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_stream_says_that_it_is_there_and_a_closed_page_leaves_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setattr(shared.stream, '__defaults__', (0.1,))
    served, job = working(serve)
    loop = served.studio.queue._runners[0].get_loop()

    async def number() -> int:
        return len(asyncio.all_tasks())

    def tasks() -> int:
        return asyncio.run_coroutine_threadsafe(number(), loop).result()

    before = tasks()
    for _ in range(5):
        with served.connection() as connection:
            connection.request('GET', f'/api/jobs/{job["id"]}/events', headers={'Authorization': 'Bearer a-token'})
            answer = connection.getresponse()
            assert answer.fp.readline()
            while b'still here' not in answer.fp.readline():
                pass
    deadline = time.monotonic() + 5
    while tasks() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert tasks() <= before
    assert served.ask('DELETE', f'/api/jobs/{job["id"]}').json['state'] == 'withdrawn'
