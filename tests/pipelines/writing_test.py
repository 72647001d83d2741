"""What pipelines read and write: whole, sorted, the same for any number of workers; and errors that can be read."""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.pipelines import report, writing
from solferino.pipelines.engine import runner, work
from solferino.pipelines.engine.lean_beam import beam
from solferino.pipelines.engine.record_files import RecordFiles
from solferino.pipelines.engine.staging import Staging
from solferino.pipelines.reading import Source
from solferino.pipelines.report import Tally


def write(path, payloads):
    with records.Writer(str(path)) as writer:
        for payload in payloads:
            writer.write(payload)


def keyed(payload):
    number = int(payload)
    return ('odd' if number % 2 else 'even', f'{number % 100:02}', payload)


def counted(payload):
    return ('high' if int(payload) > 950 else 'low', int(payload), payload.decode())


class Numbers:
    """Sorts and counts numbers."""

    def setup(self):
        pass

    def teardown(self):
        pass

    def process(self, payloads, results):
        for payload in payloads:
            results.write(*keyed(payload))
            results.count(*counted(payload))
            results.step()


SHARDS = {'odd': 3, 'even': 1, 'none': 1}


def run(source, output, num_workers=1, task=None, beam_args=(), describe=None):
    """Sorts and counts the numbers of a file; returns the tallies."""
    with Staging(str(output)) as staging:
        done = work.run(
            task or Numbers(), RecordFiles(source), staging, 'numbers', beam_args, num_workers, SHARDS, describe
        )
        for destination, name in (('odd', f'{output}@3.tfrecord'), ('even', f'{output}.tfrecord')):
            done.assemble(destination, name)
        done.assemble('none', f'{output}-none.tfrecord')
        staging.commit()
    return done.tallies


@pytest.fixture
def source(tmp_path):
    write(tmp_path / 'in.tfrecord', (str(n).encode() for n in range(1000)))
    return str(tmp_path / 'in.tfrecord')


def test_outputs_are_sorted_and_do_not_depend_on_the_workers(tmp_path, source):
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
        tallies = run(source, tmp_path / str(workers) / 'out', workers)
        assert tallies == {
            'high': Tally(sum(range(951, 1000)), ('951', '952', '953')),
            'low': Tally(sum(range(951)), ('0', '1', '10')),
        }
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / workers).iterdir()} for workers in '12')
    assert one == two
    assert one.keys() == {'out.tfrecord', 'out-none.tfrecord', *(f'out-0000{i}-of-00003.tfrecord' for i in range(3))}
    even = [keyed(payload)[1:] for payload in records.read(str(tmp_path / '1' / 'out.tfrecord'))]
    assert len(even) == 500 and even == sorted(even)
    shards = [list(records.read(path)) for path in records.expand(str(tmp_path / '1' / 'out@3.tfrecord'))]
    odd = [[keyed(payload)[1:] for payload in shard] for shard in shards]
    assert sum(map(len, odd)) == 500 and all(shard and shard == sorted(shard) for shard in odd)
    keys = [{key for key, _ in shard} for shard in odd]
    assert not keys[0] & keys[1] | keys[1] & keys[2] | keys[0] & keys[2]  # the key decides
    assert one['out-none.tfrecord'] == b''


def test_many_runs_are_merged_in_several_passes(tmp_path, source, monkeypatch):
    run(source, tmp_path / 'a')
    monkeypatch.setattr(writing, '_RUN_BYTES', 1000)
    monkeypatch.setattr(writing, '_MERGE_RUNS', 3)
    run(source, tmp_path / 'b')
    assert (tmp_path / 'a.tfrecord').read_bytes() == (tmp_path / 'b.tfrecord').read_bytes()


def test_a_large_file_is_many_units(tmp_path, source):
    reading = Source(source)
    assert reading.total == 1000
    assert len(reading.units) == 32
    assert b''.join(payload for unit in reading.units for payload in records.read(*unit)) == b''.join(
        str(n).encode() for n in range(1000)
    )
    write(tmp_path / 'big', [bytes(700_000)] * 4)
    assert [end - start for _, start, end in Source(str(tmp_path / 'big')).units] == [700_016] * 4
    write(tmp_path / 'nothing', [])
    assert Source(str(tmp_path / 'nothing')).total == 0
    assert run(str(tmp_path / 'nothing'), tmp_path / 'out') == {}


def test_nothing_happens_without_commit(tmp_path):
    output = tmp_path / 'new' / 'deeper' / 'out'
    with pytest.raises(KeyboardInterrupt), Staging(str(output)) as staging:
        write(staging.output(str(output)), [b'x'])
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_commit_replaces(tmp_path):
    (tmp_path / 'a').write_text('old')
    with Staging(str(tmp_path / 'a')) as staging:
        for name in 'ab':
            with open(staging.output(str(tmp_path / name)), 'w') as file:
                file.write('new')
        assert (tmp_path / 'a').read_text() == 'old'
        staging.commit()
    assert [(tmp_path / name).read_text() for name in 'ab'] == ['new', 'new']
    assert sorted(os.listdir(tmp_path)) == ['a', 'b']


def test_runs_for_the_same_outputs_do_not_mix_them(tmp_path, monkeypatch):
    paths = [str(tmp_path / name) for name in 'abc']
    with Staging(paths[0]) as one, Staging(paths[0]) as other:
        for staging, content in ((one, 'one'), (other, 'other')):
            for path in paths:
                Path(staging.output(path)).write_text(content)
        replace, between = os.replace, threading.Thread(target=other.commit)

        def with_another_between(old, new):
            replace(old, new)
            if not between.ident:
                between.start()
                between.join(0.5)  # it is done now, or it waits

        monkeypatch.setattr(os, 'replace', with_another_between)
        one.commit()
        between.join()
    assert [Path(path).read_text() for path in paths] == ['other'] * 3


def test_a_killed_run_is_cleared_away_by_the_next(tmp_path):
    script = """
import os, sys
from solferino.pipelines.engine.staging import Staging
with Staging(sys.argv[1]):
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, '-c', script, str(tmp_path / 'a')], check=False)
    assert len(os.listdir(tmp_path)) == 1
    with Staging(str(tmp_path / 'a')) as first, Staging(str(tmp_path / 'a')) as second:
        assert sorted(os.listdir(tmp_path)) == sorted(os.path.basename(staging.folder) for staging in (first, second))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    'output, message', [('', 'is a folder'), ('pipe', 'is a device'), ('file/x', 'cannot be written to')]
)
def test_outputs_that_cannot_be(tmp_path, output, message):
    (tmp_path / 'file').write_text('')
    os.mkfifo(tmp_path / 'pipe')
    path = str(tmp_path / output)
    with pytest.raises(SolferinoError, match=message), Staging(path) as staging:
        staging.output(path)


def fail(error):
    raise error


MENDABLE = SolferinoError('in: bad file.\nMend it.')
FULL = OSError(28, 'No space left on device')


@pytest.mark.parametrize('error, num_workers', [(MENDABLE, 1), (MENDABLE, 2), (FULL, 1), (FULL, 2)])
def test_failures_that_the_user_can_mend(error, num_workers):
    """They come through from any process, without Beam's additions."""
    with pytest.raises(SolferinoError) as failure:
        runner.run(lambda pipeline: pipeline | beam.Create([error, error]) | beam.Map(fail), [], num_workers)
    expected = (
        str(MENDABLE)
        if error is MENDABLE
        else 'Reading or writing failed: [Errno 28] No space left on device. Make room there, or name another place.'
    )
    assert str(failure.value) == expected


def test_a_defect_of_ours_is_not_dressed_up():
    with pytest.raises(ZeroDivisionError, match='ours'):
        runner.run(lambda pipeline: pipeline | beam.Create([ZeroDivisionError('ours')]) | beam.Map(fail))


@pytest.mark.parametrize(
    'args, workers, message',
    [
        (['--runner=DaskRunner'], 1, 'writes empty files'),
        (['--runner=NoSuchRunner'], 1, 'NoSuchRunner'),
        (['--runner=FlinkRunner'], 2, 'flags of its own'),
        ([], 0, '1 or more'),
    ],
)
def test_runners_that_cannot_be(args, workers, message):
    with pytest.raises(SolferinoError, match=message):
        runner.run(lambda pipeline: None, args, workers)


@pytest.mark.parametrize('name', ['DirectRunner', 'BundleBasedDirectRunner'])
def test_other_runners(tmp_path, name):
    """DirectRunner is Beam's name for what this machine does; it must not lead to a download."""
    write(tmp_path / 'in', [b'12', b'11', b'2'])
    with Staging(str(tmp_path / 'out')) as staging:
        source = RecordFiles(str(tmp_path / 'in'))
        done = work.run(Numbers(), source, staging, 'numbers', [f'--runner={name}'], 1, SHARDS)
        assert list(done.read('even')) == [b'2', b'12']
    assert done.tallies == {'low': Tally(25, ('11', '12', '2'))}


class FailingNumbers(Numbers):
    """Fails in the middle of its first bundle, having written and counted."""

    def __init__(self, trace):
        self._trace = trace

    def process(self, payloads, results):
        super().process(itertools.islice(payloads, 10), results)
        if not self._trace.exists():
            self._trace.touch()
            raise RuntimeError('once')
        super().process(payloads, results)


def test_a_repeated_bundle_counts_once(tmp_path, source):
    """The runner of these flags repeats what fails."""
    task = FailingNumbers(tmp_path / 'trace')
    assert run(source, tmp_path / 'out', task=task, beam_args=['--runner=BundleBasedDirectRunner']) == run(
        source, tmp_path / 'again'
    )
    assert (tmp_path / 'trace').exists()
    assert (tmp_path / 'out.tfrecord').read_bytes() == (tmp_path / 'again.tfrecord').read_bytes()


def test_a_bundle_that_failed_leaves_nothing_to_the_next(tmp_path, source):
    bundle = work._Work(FailingNumbers(tmp_path / 'trace'), str(tmp_path), str(tmp_path / 'progress'), SHARDS)
    [unit, *_] = Source(source).units
    bundle.setup()
    bundle.start_bundle()
    with pytest.raises(RuntimeError, match='once'):
        bundle.process(unit)
    bundle.start_bundle()
    bundle.process(unit)
    [summary] = bundle.finish_bundle()
    _, (runs, counts) = summary.value
    assert counts == {'low': (sum(range(32)), ['0', '1', '10'])}
    written = [(destination, list(writing.merge(str(tmp_path), [run]))) for destination, run in runs]
    assert [(destination, len(payloads)) for destination, payloads in sorted(written)] == [('even', 16), ('odd', 16)]
    bundle.teardown()


def test_table():
    left_out = {'rare': Tally(1, ('b',)), 'common': Tally(1200, ('a', 'c')), 'absent': Tally()}
    assert report.table({'files': 3, 'minutes': 1.25}, left_out, {'common': 'mend it'}).splitlines() == [
        '    3  files',
        '  1.2  minutes',
        '1,200  common: mend it',
        '       a, c',
        '    1  rare',
        '       b',
    ]


def test_progress_is_counted_by_any_process(tmp_path, capfd):
    path = str(tmp_path / 'progress')
    runner.Steps(path).step()  # where there is no file, nothing happens
    with runner.Progress(path, 3, 'files', interval=0.05):
        script = f'from solferino.pipelines.engine import runner; runner.Steps({json.dumps(path)}).step()'
        subprocess.run([sys.executable, '-c', script], check=True)
        steps = runner.Steps(path)
        steps.step()
        steps.close()
        assert os.path.getsize(path) == 2
        shown, end = '', time.monotonic() + 30
        while '2 of 3 files\n' not in shown and time.monotonic() < end:
            time.sleep(0.05)
            shown += capfd.readouterr().err
    assert '2 of 3 files\n' in shown
