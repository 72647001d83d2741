"""Flags whose text has a meaning of its own: --instruments and --transpose_augment."""

import pytest

from solferino.hparams import instruments, transposition


@pytest.mark.parametrize(
    'text, expected',
    [
        ('piano', tuple(range(8))),
        ('0', (0,)),
        ('40-42, 0', (0, 40, 41, 42)),
        ('Strings,piano', (*range(8), *range(40, 48))),
        ('all', tuple(range(128))),
        ('sound_effects', tuple(range(120, 128))),
    ],
)
def test_programs(text: str, expected: tuple[int, ...]) -> None:
    assert instruments.programs(text) == expected


@pytest.mark.parametrize('text', ['', 'pianos', '128', '5-3', '-1', '0,', '1-200', 'piano organ'])
def test_texts_that_name_no_program(text: str) -> None:
    with pytest.raises(ValueError, match='instruments='):
        instruments.programs(text)


@pytest.mark.parametrize('text, expected', [('', (0,)), ('-1:2', (-1, 0, 1, 2)), ('2:3', (0, 2, 3)), ('+1:1', (0, 1))])
def test_semitones(text: str, expected: tuple[int, ...]) -> None:
    assert transposition.semitones(text) == expected


@pytest.mark.parametrize('text', ['5', '3:1', '-13:0', '0:13', 'a:b', ':', '1:2:3'])
def test_texts_that_are_no_range(text: str) -> None:
    with pytest.raises(ValueError, match='transpose_augment='):
        transposition.semitones(text)
