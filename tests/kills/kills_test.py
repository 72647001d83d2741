"""A dozen of the kills of `kills.py`, which has the rest: before file operations that are spread over a whole run."""

import pytest
from kills import COMMANDS, Kills

_NUMBERS = {
    'convert': 3,
    'create_dataset': 2,
    'train': 1,
    'bundle': 2,
    'generate': 4,
    'jazz_create_dataset': 1,
    'musegan_create_dataset': 1,
}


@pytest.fixture(scope='module')
def kills(tmp_path_factory: pytest.TempPathFactory) -> Kills:
    return Kills(tmp_path_factory.mktemp('kills'))


@pytest.mark.parametrize('command', [one for one in COMMANDS if one.name in _NUMBERS], ids=lambda one: one.name)
def test_a_killed_command_can_be_given_again(kills: Kills, command) -> None:
    operations, _ = kills.prepare(command)
    number = _NUMBERS[command.name]
    assert operations > number
    for kill in range(number):  # from the end, where outputs take their names
        assert kills.kill(command, at=operations - 1 - kill * operations // number) == []
