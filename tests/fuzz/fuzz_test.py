"""A small form of the harness: some cases of all kinds of files and of all flags end well, and faults are seen."""

import os
from pathlib import Path
from random import Random

import fuzz
import mutations
import pytest
import small_files
from cases import Case

from solferino.hparams.errors import SolferinoError

# Models of two families are enough here: `make fuzz` has all.
_CONFIGS = 'drum_kit', 'rnn_rbm'
_CASES = 6


@pytest.fixture(scope='session')
def made(tmp_path_factory: pytest.TempPathFactory) -> small_files.SmallFiles:
    return small_files.make(tmp_path_factory.mktemp('fuzz'), _CONFIGS)


def test_no_damaged_file_and_no_flag_ends_in_a_traceback(
    made: small_files.SmallFiles, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How fast the machine is is not the point here.
    monkeypatch.setattr(fuzz, 'SECONDS', 60.0)
    monkeypatch.setattr(fuzz, 'ASKED_SECONDS', 60.0)
    subjects = fuzz.subjects(made, shared)
    tallies = {subject.name: fuzz.try_subject(subject, 0, _CASES, 600, tmp_path) for subject in subjects}
    assert not any(tally.faults for tally in tallies.values()), fuzz.table(tallies)
    assert {tally.cases for tally in tallies.values()} == {_CASES}


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
