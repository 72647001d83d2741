"""A small form of the harness: some cases of all kinds of files and of all flags end well, and faults are seen."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import fuzz
import mutations
import pytest
from cases import Case

from solferino.hparams.errors import SolferinoError

# Models of two families are enough here: `make fuzz` has all.
_CONFIGS = 'drum_kit,rnn_rbm'
_CASES = 6


def test_no_damaged_file_and_no_flag_ends_in_a_traceback(shared: Path, tmp_path: Path) -> None:
    """In a process of its own, as pytest's has threads by now. How fast the machine is is not the point here."""
    command = [sys.executable, '-W', 'ignore', fuzz.__file__, f'--cases={_CASES}', '--seconds=36000', '--patience=30']
    done = subprocess.run([*command, f'--configs={_CONFIGS}', f'--work={tmp_path}'], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    rows = [line.split(' | ') for line in done.stdout.splitlines() if line.startswith('| ')]
    assert len(rows) > 60  # each while it is tried, and in the table
    assert {row[1] for row in rows} - {'cases', f'{_CASES}'} == {f'{(len(rows) // 2 - 1) * _CASES:,}'}, done.stdout


class _Broken:
    """A subject whose cases end in all ways."""

    name = 'broken'

    def whole(self) -> int:
        return 0

    def case(self, rng: Random | None, folder: Path, number: int = 0) -> Case:
        assert rng
        return Case('', rng.choice([_succeed, _refuse, _raise, _exit, _allocate, _warn]))


def _succeed() -> None:
    print('done')


def _refuse() -> None:
    raise SolferinoError('no')


def _raise() -> None:
    raise KeyError('x')


def _exit() -> None:
    os._exit(3)


def _allocate() -> None:
    bytearray(2 * fuzz.GIGABYTE)


def _warn() -> None:
    print('RuntimeWarning: divide by zero')


def test_faults_are_seen(tmp_path: Path) -> None:
    tally = fuzz.try_subject(_Broken(), 0, 100, 60, tmp_path)
    assert tally.cases == 100
    assert tally.accepted > 5 and tally.refused > 5
    page = fuzz.table({'broken': tally})
    for fault in ("KeyError: 'x'", 'ended the process (3)', 'MemoryError', 'prints', 'divide by zero'):
        assert fault in page, page
    assert len(list((tmp_path / 'faults').iterdir())) == len(tally.faults) > 20


@pytest.mark.parametrize('damage', [mutations.bytes_of, mutations.text_of, mutations.proto_of, mutations.xml_of])
def test_the_same_number_gives_the_same_damage(damage: object) -> None:
    whole = b'<a b="c"><d>1</d></a>\x08\x01\x12\x04\x08\x02\x10\x03'
    made = [[damage(whole, Random(number)) for number in range(200)] for _ in range(2)]  # type: ignore[operator]
    assert made[0] == made[1]
    assert len(set(made[0])) > 50
