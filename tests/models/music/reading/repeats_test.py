"""Bars are played in the order that a musician plays them."""

import dataclasses

import pytest

from solferino.models.music.reading import repeats
from solferino.models.music.reading.remarks import Refused
from solferino.models.music.reading.repeats import Marks

SIGNS = {
    '(': {'begins_repeat': True},
    ')': {'times': 2},
    '}': {'times': 3},
    'S': {'is_segno': True},
    'C': {'is_coda': True},
    'T': {'to_coda': True},
    'F': {'is_fine': True},
    'D': {'jump': repeats.TO_BEGINNING},
    'G': {'jump': repeats.TO_SEGNO},
}


def marks(bar):
    """'(1' is a bar under a bracket "1." at which a repeat begins."""
    made = Marks(endings=frozenset(int(sign) for sign in bar if sign.isdigit()))
    for sign in bar:
        made = dataclasses.replace(made, **SIGNS.get(sign, {}))
    return made


@pytest.mark.parametrize(
    'bars, played',
    [
        ('. . .', '0 1 2'),
        ('(. .) .', '0 1 0 1 2'),
        ('. .) .', '0 1 0 1 2'),  # from the beginning
        ('. .) . .)', '0 1 0 1 2 3 2 3'),  # from after the last repeat
        ('. ( .)', '0 1 2 1 2'),
        ('(. .} .', '0 1 0 1 0 1 2'),
        ('(. 1) 2', '0 1 0 2'),
        ('(. 1) 2) .', '0 1 0 2 3'),
        ('(. 1 1) 2 2 . .)', '0 1 2 0 3 4 5 6 5 6'),
        ('(. 12) 3', '0 1 0 1 0 2'),
        ('(. 1) 2) 3', '0 1 0 2 0 3'),
        ('. 1 2 .', '0 1 0 2 3'),  # a repeat sign is missing
        ('(. 1) . .', '0 1 0 2 3'),  # and a second ending
        ('(. 1) 2 (. 1) 2', '0 1 0 2 3 4 3 5'),
        ('(. 1) 2 1) 2', '0 1 0 2 3 4'),
        ('. F . D', '0 1 2 3 0 1'),
        ('. F .', '0 1 2'),
        ('. S .G .', '0 1 2 1 2 3'),
        ('S .G S .G', '0 1 0 1 2 3 2 3'),  # to the segno of the same piece
        ('. S T . G C .', '0 1 2 3 4 1 2 5 6'),
        ('(. .) F .D', '0 1 0 1 2 3 0 1 2'),  # no repeats after a jump
        ('(. 1) 2 .D', '0 1 0 2 3 0 2 3'),  # and the last ending
        ('. .TG (C .)', '0 1 0 1 2 3 2 3'),  # in the coda they are played
    ],
)
def test_order(bars, played):
    assert ' '.join(str(bar) for bar, _ in repeats.order([marks(bar) for bar in bars.split()])) == played


def test_the_times_through_are_told():
    assert repeats.order([marks('('), marks(')'), marks('.')]) == [(0, 1), (1, 1), (0, 2), (1, 2), (2, 1)]


def test_repeats_without_end_are_refused():
    with pytest.raises(Refused):
        repeats.order([Marks(times=10**9)])
