"""Commands that outlive the studio: begun, found again, stopped, killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio.learn import children
from solferino.pipelines.studio.learn.children import Children, State

# What the commands are: a module that does what its argument says.
_BUSY = """
import sys, time
what = sys.argv[1]
print('doing', *sys.argv[1:], flush=True)
if what == 'wait':
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print('saved', flush=True)
        sys.exit(130)
if what == 'fail':
    print('error: --min_bars=9 leaves nothing.\\nMake it lower.', file=sys.stderr)
    sys.exit(1)
if what == 'grow':
    kept = bytearray(1 << 30)
"""


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Children:
    modules = tmp_path / 'modules'
    modules.mkdir()
    (modules / 'busy.py').write_text(_BUSY)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(modules), os.environ.get('PYTHONPATH', '')]))
    (tmp_path / 'work').mkdir()
    return Children(tmp_path / 'work')


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Waits."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, 'it did not come about'
        time.sleep(0.05)


def ended(family: Children) -> State:
    until(lambda: family.state().has_ended and not family.is_alive())
    return family.state()


def test_commands_run_in_order_and_what_they_say_is_kept(family: Children) -> None:
    assert family.state().state == children.NEW
    family.start([['busy', 'one'], ['busy', 'two']], 0)
    state = ended(family)
    assert (state.state, state.command, state.code) == (children.DONE, 1, 0)
    log = family.log()
    assert log.index('$ busy one') < log.index('doing one') < log.index('$ busy two') < log.index('doing two')


def test_a_failure_is_told_without_flags_and_ends_the_row(family: Children) -> None:
    family.start([['busy', 'fail'], ['busy', 'two']], 0)
    state = ended(family)
    assert (state.state, state.command) == (children.FAILED, 0)
    assert family.error(state) == '“Min bars” 9 leaves nothing.\nMake it lower.'
    assert 'two' not in family.log()


def test_the_next_begins_as_soon_as_one_has_said_its_last_word(family: Children) -> None:
    for _ in range(3):
        family.start([['busy', 'one']], 0)
        until(lambda: family.state().has_ended)  # though it may not have left yet
    assert ended(family).state == children.DONE and family.log().count('doing one') == 3


def test_an_older_error_in_the_log_is_not_told_again(family: Children) -> None:
    family.start([['busy', 'fail']], 0)
    ended(family)
    family.start([['no_such_module']], 0)
    said = family.error(ended(family))
    assert 'Min bars' not in said and 'code 1' in said


def test_one_that_is_stopped_saves_and_no_other_begins(family: Children) -> None:
    family.start([['busy', 'wait'], ['busy', 'two']], 0)
    until(lambda: 'doing wait' in family.log())
    family.stop()
    assert ended(family).state == children.STOPPED
    assert family.log().endswith('saved\n')


def test_one_that_is_stopped_before_it_is_loaded_is_stopped_too(family: Children) -> None:
    family.start([['busy', 'wait']], 0)
    family.stop()
    assert ended(family).state == children.STOPPED


def test_one_that_is_killed_is_found_so(family: Children) -> None:
    family.start([['busy', 'wait']], 0)
    until(lambda: 'doing wait' in family.log())
    family.kill()
    state = ended(family)
    assert state.state == children.KILLED
    assert 'ended from outside' in family.error(state)
    family.start([['busy', 'one']], 0)  # and can be begun again
    assert ended(family).state == children.DONE


def test_it_lives_as_long_as_one_of_its_processes(family: Children) -> None:
    """If the one in the middle is killed, the command is not begun a second time beside the first."""
    family.start([['busy', 'wait']], 0)
    until(lambda: 'doing wait' in family.log())
    os.kill(int((family.folder / 'lock').read_text()), signal.SIGKILL)
    time.sleep(0.3)
    assert family.is_alive() and family.state().state == children.RUNNING
    with pytest.raises(SolferinoError, match='at work already'):
        family.start([['busy', 'one']], 0)
    family.kill()
    assert ended(family).state == children.KILLED


def test_it_outlives_the_process_that_started_it(family: Children) -> None:
    code = (
        'import sys, pathlib\nfrom solferino.pipelines.studio.learn.children import Children\n'
        "Children(pathlib.Path(sys.argv[1])).start([['busy', 'wait'], ['busy', 'two']], 0)"
    )
    subprocess.run([sys.executable, '-c', code, str(family.folder)], check=True)
    until(lambda: 'doing wait' in family.log())
    assert family.state().state == children.RUNNING
    family.stop()
    assert ended(family).state == children.STOPPED


def test_it_may_have_only_so_much_memory(family: Children) -> None:
    family.start([['busy', 'grow']], 300)
    state = ended(family)
    assert state.state == children.FAILED
    assert 'more memory than it may have' in family.error(state)


def test_what_names_an_empty_file_is_left_out(family: Children, tmp_path: Path) -> None:
    (tmp_path / 'empty').touch()
    (tmp_path / 'full').write_text('x')
    family.start([['busy', 'one', f'--eval_file={tmp_path}/empty', f'--input={tmp_path}/full']], 0)
    ended(family)
    assert f'doing one --input={tmp_path}/full\n' in family.log()


@pytest.mark.parametrize('damage', [b'', b'{', b'[]', b'{"state": 3}'])
def test_a_damaged_state_is_none(family: Children, damage: bytes) -> None:
    (family.folder / 'state.json').write_bytes(damage)
    assert family.state().state == children.NEW
