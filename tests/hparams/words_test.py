"""Numbers and nouns agree."""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest

from solferino.hparams import words


@pytest.mark.parametrize(
    'many, one',
    [
        ('files converted', 'file converted'),
        ('odd MIDI files read by note-seq', 'odd MIDI file read by note-seq'),
        ('NoteSequences read', 'NoteSequence read'),
        ('steps in training examples', 'step in training examples'),
        ('training examples', 'training example'),
        ('.mid files', '.mid file'),
        ('without notes', 'without notes'),
        ('of them in the vocabulary', 'of them in the vocabulary'),
    ],
)
def test_the_first_noun_agrees(many: str, one: str) -> None:
    assert words.agreeing(1, many) == one
    assert words.agreeing(0, many) == words.agreeing(2, many) == many


@pytest.mark.parametrize(
    ('name', 'shown'),
    [
        ('Été $x$', 'Été $x$'),
        ('caf\udce9', 'caf\\xe9'),
        ('a\0b\x1f', 'a\\x00b\\x1f'),
        ('\ufffe', '\\xfffe'),
        ('𝄞\n', '𝄞\n'),
    ],
)
def test_any_file_can_hold_a_readable_name(name: str, shown: str) -> None:
    assert words.readable(name) == shown
    ElementTree.fromstring(f'<a>{escape(words.readable(name))}</a>')


def test_counted() -> None:
    assert words.counted(1, 'examples') == '1 example'
    assert words.counted(1200, 'examples') == '1,200 examples'
