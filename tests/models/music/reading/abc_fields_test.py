"""Fields of ABC say what the standard says they do."""

from fractions import Fraction

import pytest

from solferino.models.music.reading import abc_fields
from solferino.models.music.reading.remarks import Refused


@pytest.mark.parametrize(
    'text, metre',
    [
        ('4/4', (4, 4)),
        ('C', (4, 4)),
        ('C|', (2, 2)),
        ('(2+3)/8', (5, 8)),
        ('2+3/8', (5, 8)),
        ('3/8+2/4', (7, 8)),
        ('none', (0, 0)),
        ('', (0, 0)),
        ('odd', None),
        ('3/0', None),
    ],
)
def test_metre(text, metre):
    assert abc_fields.metre(text) == metre


@pytest.mark.parametrize(
    'text, qpm',
    [
        ('1/4=96', 96),
        ('3/8=120', 180),
        ('"Allegro" 1/4=96', 96),
        ('1/4=96 "Allegro"', 96),
        ('1/4 3/8=40', 100),
        ('96', 48),  # eighths
        ('C=96', 48),
        ('C3=40', 60),
        ('1/4=66.5', Fraction('66.5')),
        ('"Allegro"', None),
        ('1/4=0', None),
    ],
)
def test_tempo(text, qpm):
    assert abc_fields.tempo(text, Fraction(1, 8)) == qpm


@pytest.mark.parametrize(
    'text, altered, signature',
    [
        ('C', '', (0, 0)),
        ('G', 'F#', (7, 0)),
        ('Bb', 'Bb Eb', (10, 0)),
        ('F#m', 'F# C# G#', (6, 1)),
        ('Ador', 'F#', (9, 4)),
        ('A mixolydian', 'F# C#', (9, 3)),
        ('D Phr', 'Bb Eb', (2, 5)),
        ('Gmin', 'Bb Eb', (7, 1)),
        ('Cb', 'Fb Cb Gb Db Ab Eb Bb', (11, 0)),
        ('D =c', 'F# C', (2, 0)),
        ('D exp _b ^f', 'Bb F#', (2, 2)),
        ('G clef=treble', 'F#', (7, 0)),
        ('G bass', 'F#', (7, 0)),
        ('HP', 'F# C#', (9, 3)),
        ('none', '', None),
        ('', '', None),
    ],
)
def test_key(text, altered, signature):
    signs = {'#': 1, 'b': -1, '': 0}
    expected = {name[0]: signs[name[1:]] for name in altered.split()}
    assert abc_fields.key(text) == (expected, signature)


def test_what_names_no_key():
    assert abc_fields.key('clef=bass') is None


@pytest.mark.parametrize(
    'text, length', [('', 1), ('3', 3), ('/', '1/2'), ('//', '1/4'), ('/4', '1/4'), ('3/2', '3/2'), ('3/', '3/2')]
)
def test_lengths(text, length):
    assert abc_fields.fraction(text, Fraction(1)) == Fraction(length)


def test_lengths_that_are_none():
    for text in ('1/0', '9' * 13):
        with pytest.raises(Refused):
            abc_fields.fraction(text, Fraction(1))


@pytest.mark.parametrize(
    'text, order', [('AABB', 'AABB'), ('A2B', 'AAB'), ('A(BC)2', 'ABCBC'), ('((AB)2C)2', 'ABABCABABC'), ('A.B', 'AB')]
)
def test_order_of_parts(text, order):
    assert abc_fields.part_order(text) == order


def test_parts_without_end_are_refused():
    with pytest.raises(Refused):
        abc_fields.part_order('(((A999)999)999)999')
