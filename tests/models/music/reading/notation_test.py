"""Bars become seconds exactly, and keep their place in the metre."""

import collections
from fractions import Fraction

from solferino.models.music.reading import notation
from solferino.models.music.reading.midi_notes import Instrument
from solferino.models.music.reading.notation import Bar, Note
from solferino.models.music.reading.repeats import Marks

PIANO = [Instrument(0, False, 'Piano')]


def bar(length, metre=None, tempos=(), marks=None, pitch=60):
    quarters = Fraction(length)
    note = Note(Fraction(0), quarters, pitch, 80, 0)
    return Bar(quarters, [note], [(Fraction(at), Fraction(qpm)) for at, qpm in tempos], metre, None, marks or Marks())


def play(bars):
    return notation.play([bars], PIANO, collections.Counter())


def test_seconds_are_rounded_once():
    thirds = [bar('1/3', tempos=[(0, 90)] if not i else ()) for i in range(900)]
    assert play(thirds).notes.start.tolist() == [i * 2 / 9 for i in range(900)]


def test_a_tempo_goes_back_with_a_repeat():
    music = play([bar(1, (1, 4), [(0, 60)]), bar(2, (2, 4), [(1, 120)], Marks(times=2))])
    assert music.tempos == [(0, 60), (2, 120), (2.5, 60), (4.5, 120)]
    assert music.total_time == 5


def test_an_upbeat_has_a_metre_of_its_own():
    assert play([bar(1, (4, 4)), bar(4), bar(4), bar(3)]).metres == [(0, 1, 4), (0.5, 4, 4)]
    assert play([bar('3/2', (6, 8)), bar(3), bar(3)]).metres == [(0, 3, 8), (0.75, 6, 8)]


def test_bars_that_are_cut_at_a_repeat_are_whole():
    bars = [bar(1, (4, 4)), bar(4), bar(3, marks=Marks(times=2)), bar(1), bar(4), bar(3, marks=Marks(times=2))]
    assert play(bars).metres == [(0, 1, 4), (0.5, 4, 4)]


def test_bar_lines_that_do_not_fit_the_metre_are_not_trusted():
    assert play([bar(3, (4, 4))] + [bar(n) for n in (2, 5, 3, '7/2', 3, 4)]).metres == [(0, 4, 4)]


def test_a_metre_of_its_own_is_for_what_can_be_written():
    assert play([bar('1/3', (4, 4)), bar(4), bar(4)]).metres == [(0, 4, 4)]
    assert play([bar(4, (4, 3)), bar(4)]).metres == []


def test_a_note_that_two_voices_share_is_struck_once():
    one = bar(2)
    one.notes.append(Note(Fraction(0), Fraction(1), 60, 100, 0))
    music = play([one])
    assert (music.notes.pitch.tolist(), music.notes.velocity.tolist(), music.notes.end.tolist()) == ([60], [100], [1])
    assert [remark.what for remark in music.remarks] == [notation.DOUBLED]
