"""Tunes are read as they sound, each by itself."""

import hypothesis
import hypothesis.strategies as st
import pytest

from solferino.models.music.reading import abc_tunes, notation
from solferino.models.music.reading.remarks import NOT_UNDERSTOOD
from tests.models.music.reading.musicxml_test import NOTES, in_bars, notes, noticed, sounding

HEAD = 'X:1\nT:Tune\nM:4/4\nL:1/4\nK:C\n'


def read(body, head=HEAD):
    [tune] = abc_tunes.read((head + body).encode())
    assert tune.error is None
    return tune.music


def pitches(body, head=HEAD):
    return read(body, head).notes.pitch.tolist()


def lengths(body, head=HEAD):
    """In quarters."""
    music = read(body, head)
    return [(end - start) * 2 for start, end, _ in notes(music)]


def test_a_bar():
    assert notes(read('C D z2 | c')) == [(0, 0.5, 60), (0.5, 1, 62), (2, 2.5, 72)]
    assert (read('C4').metres, read('C4').tempos, read('C4').keys) == ([(0, 4, 4)], [(0, 120)], [(0, 0, 0)])


def test_chord_symbols():
    music = read('"Am"C2 "^slow"D "G7/B"D | "Fine" "F#m7b5"E4 |')
    assert music.chords == [(0, 'Am'), (1.5, 'G7/B'), (2, 'F#m7b5')]
    assert read('"Am"C "_A"D', HEAD.replace('K:C', 'K:C transpose=2')).chords == []  # they would be others


@pytest.mark.parametrize(
    'body, sounds',
    [
        ("C,, C, C c c' c''", [36, 48, 60, 72, 84, 96]),
        ('^C ^^C _D __D =C', [61, 62, 61, 60, 60]),
        ('^F F f | F', [66, 66, 78, 65]),  # through the bar, in all octaves
        ('^F- | F F', [66, 65]),  # a tie takes it along, for one note
        ('[CEG] c', [60, 64, 67, 72]),
        ('[C^E] E', [60, 65, 65]),
        ('C {DE}F', [60, 65]),
        ('"Am"C "^slow"D', [60, 62]),
        ('!f!C +trill+D ~E .F TG', [60, 62, 64, 65, 67]),
        ('(C D) (E F)', [60, 62, 64, 65]),
        ('C`D*E$F', [60, 62, 64, 65]),
        ('C % D\nE', [60, 64]),
        ('C \\\nD', [60, 62]),
        ('C\nw:la\nD', [60, 62]),
        ('C [K:D] F | F [K:C] F', [60, 66, 66, 65]),
        ('F\nK:D\nF', [65, 66]),
        ('C [r:a remark] D', [60, 62]),
        ('C y D y3 E', [60, 62, 64]),
        ('C-C', [60]),
        ('C-|C', [60]),
        ('C-D', [60, 62]),
        ('C-z C', [60, 60]),
        ('[CE]-[CE]', [60, 64]),
        ('[C-E][CE]', [60, 64, 64]),
    ],
)
def test_notes(body, sounds):
    assert sorted(pitches(body)) == sorted(sounds)


@pytest.mark.parametrize(
    'body, quarters',
    [
        ('C2 C/ C// C3/2 C/4 C3/4', [2, 0.5, 0.25, 1.5, 0.25, 0.75]),
        ('C>D E<F', [1.5, 0.5, 0.5, 1.5]),
        ('C>>D E<<F', [1.75, 0.25, 0.25, 1.75]),
        ('C > D', [1.5, 0.5]),
        ('C-<E D', [0.5, 1.5, 1]),
        ('[CE]2 [C2E]2', [2, 2, 4, 2]),
        ('(3CDE F', [2 / 3, 2 / 3, 2 / 3, 1]),
        ('(2CD (4CDEF', [1.5, 1.5, 0.75, 0.75, 0.75, 0.75]),
        ('(3:2:2 CD E', [2 / 3, 2 / 3, 1]),
        ('(5CDEFG', [2 / 5] * 5),
    ],
)
def test_lengths(body, quarters):
    assert lengths(body) == pytest.approx(quarters)


def test_tuplets_in_compound_metres():
    assert lengths('(5CDEFG', 'X:1\nM:6/8\nL:1/8\nK:C\n') == pytest.approx([0.3] * 5)


@pytest.mark.parametrize('metre, quarter', [('4/4', 0.5), ('2/4', 0.25), ('3/4', 0.5), ('none', 0.5)])
def test_the_unit_follows_from_the_metre(metre, quarter):
    assert lengths('C', f'X:1\nM:{metre}\nK:C\n') == [quarter]


@pytest.mark.parametrize(
    'body, bars',
    [
        ('|:C4:|', 'C C'),
        ('C4:|', 'C C'),
        ('C4:|D4:|', 'C C D D'),
        ('C4|]D4:|', 'C D D'),  # from the double bar line
        ('|:C4::D4:|', 'C C D D'),
        ('|:C4:|:D4:|', 'C C D D'),
        ('|:C4:||:D4:|', 'C C D D'),
        ('|:C4|:|', 'C C'),
        ('C4|:|', 'C C'),
        ('|::C4::|', 'C C C'),
        ('|:C4|1D4:|2E4|]F4', 'C D C E F'),
        ('|:C4|[1D4:|[2E4||F4', 'C D C E F'),
        ('|:C4|1 D4:|2 E4:|F4', 'C D C E F'),
        ('|:C4|1,2D4:|3E4|]', 'C D C D C E'),
        ('|:C4|1-2D4:|3E4|]', 'C D C D C E'),
        ('C4|1D4:|2E4|]', 'C D C E'),
        ('|:C4:| \n |:D4:|', 'C C D D'),
        ('C4|!segno!D4|E4!D.S.!|', 'C D E D E'),
        ('C4|SD4|!D.S.!', 'C D D'),
        ('C4!fine!|D4!D.C.!|', 'C D C'),
        ('C4 "fine"|D4 "D.C."|', 'C D C'),
        ('C4 H|]D4 "_D.C."|]', 'C D C'),
        ('C4|D4!dacoda!|E4!D.C.!|!coda!F4|', 'C D E C D F'),
    ],
)
def test_repeats(body, bars):
    assert read(body).notes.pitch.tolist() == [60 + 'C.D.EF'.index(bar) for bar in bars.split()]


def test_rests():
    music = read('C4|Z2|x3D|')
    assert notes(music) == [(0, 2, 60), (7.5, 8, 62)]


def test_changes_of_metre_unit_and_tempo():
    music = read('C4|[M:3/4] C3|\nM:6/8\nL:1/8\nC6|[Q:1/4=60]C6|')
    assert music.metres == [(0, 4, 4), (2, 3, 4), (3.5, 6, 8)]
    assert music.tempos == [(0, 120), (5, 60)]
    assert music.total_time == 8


def test_an_old_tempo_counts_unit_lengths_wherever_they_are_told():
    for head in ('X:1\nQ:120\nL:1/4\nK:C\n', 'X:1\nL:1/4\nQ:120\nK:C\n', 'X:1\nL:1/4\nQ:120\n'):
        assert read('C', head).tempos == [(0, 120)]


def test_voices_are_instruments():
    head = 'X:1\nM:4/4\nL:1/4\nV:1 name="Flute"\nV:B clef=bass octave=-1\nK:C\n'
    for body in ('V:1\nC4|D4|\nV:B\nE4|F4|', '[V:1]C4|D4|\n[V:B]E4|F4|', '[V:1]C4|[V:B]E4|[V:1]D4|[V:B]F4|'):
        music = read(body, head)
        assert [music.notes.instrument.tolist(), *zip(*notes(music), strict=True)] == [
            [0, 0, 1, 1],
            (0, 2, 0, 2),
            (2, 4, 2, 4),
            (60, 62, 52, 53),
        ]
    assert music.instruments[0].name == 'Flute'


def test_repeats_that_only_the_first_voice_has():
    music = read('V:1\n|:C4:|D4|\nV:2\nE4|F4|')
    assert notes(music)[3:] == [(0, 2, 64), (2, 4, 64), (4, 6, 65)]


def test_overlays():
    assert notes(read('C2D2 & E4 | F')) == [(0, 1, 60), (0, 2, 64), (1, 2, 62), (2, 2.5, 65)]


def test_parts_in_their_order():
    head = 'X:1\nP:ABA2\nM:4/4\nL:1/4\nK:C\n'
    assert pitches('P:A\nC4|\nP:B\nD4:|', head) == [60, 62, 62, 60, 60]
    assert pitches('P:A\nC4|\nP:B\nD4|') == [60, 62]


def test_directives():
    music = read('%%MIDI program 73\nC [I:MIDI=program 1 40] D\n%%MIDI channel 10\nE')
    assert [(i.program, i.is_drum) for i in music.instruments] == [(73, False), (40, False), (0, True)]
    assert pitches('%%propagate-accidentals not\n^C C') == [61, 60]
    assert pitches('%%propagate-accidentals octave\n^C c C') == [61, 72, 61]


@pytest.mark.parametrize(
    'properties, pitch',
    [
        ('clef=treble-8', 48),
        ('clef=treble+8', 72),
        ('octave=-1', 48),
        ('transpose=-2', 58),
        ('bass', 60),
        ('clef=alto', 60),
    ],
)
def test_clefs_and_transposition(properties, pitch):
    assert pitches('C', f'X:1\nL:1/4\nK:C {properties}\n') == [pitch]


def test_bagpipes():
    assert pitches('F C G', 'X:1\nL:1/4\nK:HP\n') == [66, 61, 67]


def test_what_cannot_be_heard_is_left_out():
    music = read('C,,,,,,, C')
    assert music.notes.pitch.tolist() == [60]
    assert notation.UNHEARD in noticed(music)


def tunes(text):
    return [
        (tune.number, tune.title, None if tune.music is None else len(tune.music.notes.pitch))
        for tune in abc_tunes.read(text if isinstance(text, bytes) else text.encode())
    ]


def test_books():
    assert tunes('An index.\n\nX:1\nT:One\nK:C\nCD\n\nAbout it: a fine tune.\n\nX:2\nT:Two\nK:G\nC|\n') == [
        (1, 'One', 2),
        (2, 'Two', 1),
    ]
    assert tunes('X:1\nK:C\nC\nX:1\nK:C\nCD\n') == [(1, '', 1), (1, '', 2)]
    assert tunes('T:No number\nK:C\nCD') == [(0, 'No number', 2)]
    assert tunes('X:7\nT:Nothing in it\nK:C\n') == [(7, 'Nothing in it', 0)]
    assert tunes('X:7\nT:Empty line\n\nK:C\nC') == [(7, 'Empty line', 1)]
    assert tunes('% nothing\n') == tunes('\n\n') == []
    assert tunes('X:1\nK:C\nC\n%%begintext\nX:2 is not here\n%%endtext\nD') == [(1, '', 2)]


def test_the_header_of_a_book_is_for_all_tunes():
    first, second = abc_tunes.read(b'L:1/4\n\nX:1\nK:C\nC\n\nX:2\nL:1/8\nK:C\nC\n')
    assert (first.music.total_time, second.music.total_time) == (0.5, 0.25)


def test_encodings():
    text = 'X:1\nT:Flûte\nK:C\nC\n'
    for content in (
        text.encode(),
        text.encode('utf-8-sig'),
        text.encode('latin-1'),
        text.encode('utf-16'),
        text.encode('utf-16-le'),
        text.replace('\n', '\r\n').encode(),
        text.replace('\n', '\r').encode(),
        b'%%abc-charset iso-8859-2\n' + text.replace('û', 'u').encode(),
    ):
        assert tunes(content)[0][2] == 1
        assert tunes(content)[0][1] in ('Flûte', 'Flute')


def test_a_bad_tune_costs_itself_and_is_named():
    bad, good = abc_tunes.read(
        b'X:1\nT:Bad\nK:C\nC|\nThis tune was collected in the county of Clare\nD|\n\nX:2\nK:C\nC|\n'
    )
    assert (bad.title, bad.music, bad.error.reason) == ('Bad', None, NOT_UNDERSTOOD)
    assert bad.error.detail == 'text among the notes, line 5: This tune was collected in the county of'
    assert good.error is None


@hypothesis.given(NOTES)
def test_a_melody_that_is_written_is_read(melody):
    names = ['=C', '^C', '=D', '^D', '=E', '=F', '^F', '=G', '^G', '=A', '^A', '=B']
    body = ''
    for bar in in_bars(melody):
        for pitch, length, goes_on in bar:
            octave = 0 if pitch is None else pitch // 12 - 5
            name = 'z' if pitch is None else names[pitch % 12] + ("'" * octave if octave > 0 else ',' * -octave)
            body += f'{name}{length}{"-" if goes_on else ""} '
        body += '|'
    assert notes(read(body, 'X:1\nM:4/4\nL:1/16\nK:Eb\n')) == sounding(melody)


@hypothesis.given(st.text('ABCabz|:[]()123/<>-^_=,\'{}"!&~ \n%KMLPQV'), st.booleans())
def test_nothing_that_is_written_stops_the_reader(body, with_header):
    for tune in abc_tunes.read(((HEAD if with_header else '') + body).encode()):
        assert (tune.music is None) != (tune.error is None)


def test_a_metre_in_the_music_leaves_the_unit_of_lengths():
    assert lengths('C8|\nM:4/4\nC16|[M:2/4]C8|', 'X:1\nM:2/4\nK:C\n') == [2, 4, 2]


def test_a_tempo_of_another_voice_holds_for_all():
    music = read('V:1\nC4|C4|\nV:2\nE4|[Q:1/4=60]E4|')
    assert music.tempos == [(0, 120), (2, 60)]


def test_a_name_of_a_voice_is_no_clef():
    head = 'X:1\nL:1/4\nV:1 name="Snare, perc" clef=treble\nV:2 nm=tenor-8 clef="bass"\nK:C\n'
    assert [i.is_drum for i in read('[V:1]C\n[V:2]C', head).instruments] == [False, False]
    assert pitches('[V:1]z\n[V:2]C', head) == [60]


def test_tags_of_a_web_page_are_no_music():
    assert pitches('CDEF|\n</pre>') == [60, 62, 64, 65]


def test_symbols_mean_what_the_tune_says():
    head = HEAD.replace('K:C', 'U:S=!fermata!\nU: n = !D.C.!\nK:C')
    assert pitches('C4|SD4|E4!D.S.!|', head) == [60, 62, 64, 60, 62, 64]  # S is no segno
    assert pitches('C4!fine!|D4n|', head) == [60, 62, 60]


def test_drums_are_those_of_the_map():
    head = 'X:1\nL:1/4\n%%MIDI drummap ^g 42\n%%MIDI drummap C, 36\nK:C clef=perc\n'
    assert pitches('^g C, C g', head) == [42, 36, 60, 42]  # the sharp holds through the bar


@pytest.mark.parametrize(
    'body, head',
    [
        ('A>>B', HEAD),
        ('C$D|nE', HEAD),
        ('P:A\nC4|', HEAD),
        ('C', HEAD.replace('K:C', 'K:C octave=-1')),
        ('C', HEAD.replace('K:C', 'K:C clef=perc')),
        ('C', HEAD.replace('K:C', 'Q:Allegro\nK:C')),
        ('^CC', HEAD.replace('K:C', 'I:propagate-accidentals not\nK:C')),
        ('C', '\ufeff' + HEAD),
    ],
)
def test_what_magenta_does_not_read_is_remarked_on(body, head):
    """It leaves these tunes out, or reads other notes."""
    assert any(remark.differs for remark in read(body, head).remarks)


@pytest.mark.parametrize(
    'key, pitch', [('g', 66), ('e minor', 66), ('d mix', 66), ('bb', 65), ('bass', 65), ('clef=alto', 65)]
)
def test_keys_in_small_letters(key, pitch):
    assert pitches('F', f'X:1\nL:1/4\nK:{key}\n') == [pitch]
