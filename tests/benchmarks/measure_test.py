"""Commands are measured and stopped as they are said to be, and the tables say what was measured."""

import sys
import time
from pathlib import Path

import measure
import pytest
import report

from solferino.models.core.training import monitor


def python(code: str) -> list[str]:
    """A command."""
    return [sys.executable, '-c', code]


def test_output_and_time() -> None:
    usage = measure.run(python('import sys, time; print(1); print(2, file=sys.stderr); time.sleep(0.3)'), timeout_s=30)
    assert sorted(usage.output.split()) == ['1', '2']
    assert 0.3 < usage.seconds < 30


def test_peak_memory_is_the_processs_own() -> None:
    little = measure.run(python('pass'), timeout_s=30).peak_mb
    much = measure.run(python('bytes(range(100)) * 2_000_000'), timeout_s=30).peak_mb
    assert little < 30
    assert 195 < much - little < 210


def test_a_command_that_fails() -> None:
    with pytest.raises(measure.Failed, match=r'(?s)exit code 3.*here is why'):
        measure.run(python('import sys; print("here is why"); sys.exit(3)'), timeout_s=30)


def test_a_command_that_may_fail(tmp_path: Path) -> None:
    (tmp_path / 'complain').write_text(f'#!{sys.executable}\nimport sys; sys.exit(f"no {{sys.argv[1]}}")')
    (tmp_path / 'complain').chmod(0o755)
    side = measure.Side('Ours', tmp_path)
    assert side.ask('complain', '--help').output == 'no --help\n'
    assert side.typed == ['complain --help']
    with pytest.raises(measure.Failed):
        side.run('complain', help=True)


def test_a_command_that_hangs_is_stopped_with_its_children() -> None:
    started = time.monotonic()
    child = python('import time; time.sleep(50)')
    with pytest.raises(measure.Failed, match='was not done'):
        measure.run(python(f'import subprocess; subprocess.run({child!r})'), timeout_s=0.5)
    assert time.monotonic() - started < 30


def test_scalars(tmp_path: Path) -> None:
    with monitor.Board(str(tmp_path)) as board:
        for step in (1, 2, 3):
            board.scalars(step, {'loss': 1 / step, 'other': 0})
    points = measure.scalars(tmp_path)['loss']
    assert [point.step for point in points] == [1, 2, 3]
    assert [point.value for point in points] == pytest.approx([1, 1 / 2, 1 / 3])
    assert points[0].time <= points[2].time <= time.time()


def test_comparison() -> None:
    measured = {
        'Ours': [{report.START: 1, report.WHOLE: seconds, 'files': 8} for seconds in (4, 9, 5)],
        'Theirs': [{report.START: 9, report.WHOLE: seconds, 'files': 8} for seconds in (50, 8, 9)],
    }
    assert report.comparison(measured).splitlines()[2:] == [
        '| start-up, s | 1.00 | 9.00 | 9.00 times |',
        '| whole command, s | 5.00 | 9.00 | 1.80 times |',
        '| after start-up, s | 4.00 | ? |  |',
        '| files/s | 1.60 | 0.889 | 1.80 times |',
        '| files/s after start-up | 2.00 | ? |  |',
    ]


def test_comparison_of_unequal_amounts() -> None:
    """Times of different work are not compared; rates are."""
    measured = {
        'Ours': [{report.START: 1, report.WHOLE: 5, 'files': 80, 'fallbacks, files': 0}],
        'Theirs': [{report.START: 3, report.WHOLE: 5, 'files': 8}],
    }
    assert report.comparison(measured).splitlines()[2:] == [
        '| start-up, s | 1.00 | 3.00 | 3.00 times |',
        '| whole command, s | 5.00 | 5.00 |  |',
        '| after start-up, s | 4.00 | 2.00 |  |',
        '| fallbacks, files | 0 | ? |  |',
        '| files/s | 16.0 | 1.60 | 10.0 times |',
        '| files/s after start-up | 20.0 | 4.00 | 5.00 times |',
    ]


def test_comparison_with_several() -> None:
    measured = {'Ours': [{'files/s': 6}], 'Theirs': [{'files/s': 3}], 'Others': [{'files/s': 8}]}
    assert report.comparison(measured).splitlines() == [
        '|  | Ours | Theirs | Others | better than Theirs | better than Others |',
        '| --- | --- | --- | --- | --- | --- |',
        '| files/s | 6.00 | 3.00 | 8.00 | 2.00 times | 0.750 times |',
    ]
