"""Scores are read as they sound, whatever program wrote them."""

import contextlib
import io
import zipfile
from xml.etree import ElementTree

import hypothesis
import hypothesis.strategies as st
import pytest

from solferino.models.music.reading import musicxml, musicxml_document, notation
from solferino.models.music.reading.remarks import NOT_MUSICXML, NOT_UNDERSTOOD, Refused

FOUR = '<attributes><divisions>4</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>'


def note(pitch='C4', duration=4, more=''):
    """A note, by default a quarter; `more` are elements before and after, separated by '|'."""
    before, _, after = more.partition('|')
    step, alter, octave = pitch[0], {'#': 1, 'b': -1}.get(pitch[1:-1], 0), pitch[-1]
    sound = f'<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>'
    if pitch == 'rest0':
        sound = '<rest/>'
    return f'<note>{before}{sound}<duration>{duration}</duration>{after}</note>'


def score(*measures, part='<part-name>Flute</part-name>', others=''):
    """A score of one part with these measures, and `others` beside it."""
    listed = f'<part-list><score-part id="P1">{part}</score-part></part-list>'
    numbered = ''.join(f'<measure number="{i}">{measure}</measure>' for i, measure in enumerate(measures, 1))
    return f'<score-partwise>{listed}<part id="P1">{numbered}</part>{others}</score-partwise>'


def read(*measures, **options):
    return musicxml.read(score(*measures, **options).encode())


def notes(music):
    """Start, end, pitch of each note."""
    columns = music.notes.start.tolist(), music.notes.end.tolist(), music.notes.pitch.tolist()
    return list(zip(*columns, strict=True))


def noticed(music):
    return {remark.what for remark in music.remarks}


def test_a_bar():
    music = read(FOUR + note() + note('F#4', 2) + note('Bb3', 2) + note('rest0') + note('C5'))
    assert notes(music) == [(0, 0.5, 60), (0.5, 0.75, 66), (0.75, 1, 58), (1.5, 2, 72)]
    assert music.metres == [(0, 4, 4)]
    assert music.tempos == [(0, 120)]
    assert [instrument.name for instrument in music.instruments] == ['Flute']
    assert music.remarks == ()


def harmony(step, kind, more=''):
    return f'<harmony><root><root-step>{step}</root-step>{more}</root><kind>{kind}</kind></harmony>'


def test_chord_symbols():
    flat = '<root-alter>-1</root-alter>'
    first = FOUR + harmony('D', 'minor-seventh') + note('F4', 8) + harmony('B', 'dominant', flat) + note('D4', 8)
    again = '<barline><repeat direction="backward"/></barline>'
    music = read(first, harmony('C', 'major') + harmony('C', 'Tristan') + note('C4', 16) + again)
    assert music.chords == [(0, 'Dm7'), (1, 'Bb7'), (2, 'C'), (4, 'Dm7'), (5, 'Bb7'), (6, 'C')]
    written = FOUR.replace('</attributes>', '<transpose><chromatic>-2</chromatic></transpose></attributes>')
    assert read(written + harmony('D', 'minor') + note('D4', 16)).chords == [(0, 'Cm')]
    bass = '<bass><bass-step>F</bass-step><bass-alter>1</bass-alter></bass></harmony>'
    over = harmony('D', 'major').replace('</harmony>', bass)
    assert read(FOUR + over + note('D4', 16)).chords == [(0, 'D/Gb')]
    assert read(written + over + note('D4', 16)).chords == [(0, 'C/E')]


def test_chords_voices_and_gaps():
    chord = note('E4', 4, '<chord/>')
    backup = '<backup><duration>16</duration></backup><forward><duration>8</duration></forward>'
    music = read(FOUR + note() + chord + note('D4', 12) + backup + note('C3', 8, '|<voice>2</voice>'))
    assert notes(music) == [(0, 0.5, 60), (0, 0.5, 64), (0.5, 2, 62), (1, 2, 48)]


def test_ties_are_struck_once():
    start, stop = '|<tie type="start"/>', '|<tie type="stop"/>'
    music = read(
        FOUR + note('C4', 16, start), note('C4', 16, stop + '<tie type="start"/>'), note('C4', 4, stop) + note()
    )
    assert notes(music) == [(0, 4.5, 60), (4.5, 5, 60)]
    music = read(FOUR + note('C4', 16, '|<notations><tied type="start"/></notations>'), note('C4', 16))
    assert notes(music) == [(0, 4, 60)]


def test_a_tie_over_a_repeat_leads_to_each_ending():
    start = '|<tie type="start"/>'
    first = '<barline location="left"><ending number="1" type="start"/></barline>'
    back = '<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>'
    second = '<barline location="left"><ending number="2" type="start"/></barline>'
    music = read(
        FOUR + note('C4', 16, start), first + note('C4', 16) + back, second + note('C4', 16, '|<tie type="stop"/>')
    )
    assert notes(music) == [(0, 4, 60), (4, 8, 60)]


def test_repeats_and_endings():
    forward = '<barline location="left"><repeat direction="forward"/></barline>'
    back = '<barline location="right"><repeat direction="backward" times="3"/></barline>'
    music = read(FOUR + note('C4', 16), forward + note('D4', 16) + back, note('E4', 16))
    assert music.notes.pitch.tolist() == [60, 62, 62, 62, 64]
    assert notation.REPEATS in noticed(music)


@pytest.mark.parametrize(
    'marks',
    [
        {2: '<sound segno="x"/>', 3: '<sound fine="yes"/>', 4: '<sound dalsegno="x"/>'},
        {
            2: '<direction><direction-type><segno/></direction-type></direction>',
            3: '<direction><direction-type><words>Fine</words></direction-type></direction>',
            4: '<direction><direction-type><words>D.S. al Fine</words></direction-type></direction>',
        },
    ],
)
def test_dal_segno(marks):
    bars = [(FOUR if not i else '') + note(pitch, 16) for i, pitch in enumerate(('C4', 'D4', 'E4', 'F4'))]
    music = read(*(bar + marks.get(i, '') for i, bar in enumerate(bars, 1)))
    assert music.notes.pitch.tolist() == [60, 62, 64, 65, 62, 64]


def test_notes_of_some_times_through():
    back = '<barline location="right"><repeat direction="backward"/></barline>'
    second = note('D4', 16).replace('<note>', '<note time-only="2">')
    assert read(FOUR + second + back).notes.start.tolist() == [2]


def test_grace_notes_cost_nothing():
    grace = note('B3').replace('<note>', '<note><grace/>').replace('<duration>4</duration>', '')
    music = read(FOUR + grace + note() + grace + note('D4'))
    assert notes(music) == [(0, 0.5, 60), (0.5, 1, 62)]
    assert noticed(music) == {notation.GRACE_NOTES}


def test_cue_notes_are_silent():
    assert notes(read(FOUR + note('C4', 4, '<cue/>') + note('D4'))) == [(0.5, 1, 62)]


def test_hidden_notes_sound():
    hidden = note().replace('<note>', '<note print-object="no">')
    assert notes(read(FOUR + hidden)) == [(0, 0.5, 60)]


def test_transposition():
    def transposed(inner):
        return read(FOUR.replace('<time>', f'<transpose>{inner}</transpose><time>') + note()).notes.pitch.tolist()

    assert transposed('<diatonic>-1</diatonic><chromatic>-2</chromatic>') == [58]
    assert transposed('<chromatic>0</chromatic><octave-change>-1</octave-change>') == [48]
    assert transposed('<chromatic>0</chromatic><double/>') == [48]


def test_staves_are_transposed_each_by_itself():
    change = '<transpose number="2"><chromatic>0</chromatic><octave-change>-1</octave-change></transpose><time>'
    staves = note('C4', 4, '|<staff>1</staff>') + note('C4', 4, '|<staff>2</staff>')
    assert read(FOUR.replace('<time>', change) + staves).notes.pitch.tolist() == [60, 48]


KIT = """<part-name>Kit</part-name>
<midi-instrument id="I1"><midi-channel>10</midi-channel><midi-unpitched>37</midi-unpitched></midi-instrument>
<midi-instrument id="I2"><midi-channel>10</midi-channel><midi-unpitched>43</midi-unpitched></midi-instrument>"""


def test_drums():
    def hit(place, instrument=''):
        sound = (
            f'<unpitched><display-step>{place[0]}</display-step><display-octave>{place[1]}</display-octave></unpitched>'
        )
        return f'<note>{sound}<duration>4</duration>{instrument and f"<instrument id={instrument!r}/>"}</note>'

    music = read(FOUR + hit('F4', 'I1') + hit('G5', 'I2') + hit('C5'), part=KIT)
    assert music.notes.pitch.tolist() == [36, 42, 38]
    assert [(i.is_drum, i.program) for i in music.instruments] == [(True, 0)]
    assert read(FOUR + hit('F4')).instruments[0].is_drum


def test_pitched_notes_on_the_drums_channel_are_drums():
    part = '<midi-instrument id="I1"><midi-channel>10</midi-channel></midi-instrument>'
    music = read(FOUR + note('C2'), part=part)
    assert (music.notes.pitch.tolist(), music.instruments[0].is_drum) == ([36], True)
    clef = '<clef><sign>percussion</sign></clef></attributes>'
    assert read(FOUR.replace('</attributes>', clef) + note('C2')).instruments[0].is_drum


def test_programs_count_from_1():
    part = '<midi-instrument id="I1"><midi-channel>1</midi-channel><midi-program>41</midi-program></midi-instrument>'
    assert read(FOUR + note(), part=part).instruments[0].program == 40
    assert read(FOUR + note()).instruments[0].program == 0


def test_each_part_is_an_instrument():
    other = f'<part id="P2"><measure number="1">{FOUR}{note("C3")}</measure></part>'
    music = read(FOUR + note(), others=other)
    assert music.notes.instrument.tolist() == [0, 1]
    assert notation.PARTS in noticed(music)


def test_a_part_that_rests_too_long_holds_nobody_up():
    other = f'<part id="P2"><measure number="1">{FOUR}{note("rest0", 32)}</measure></part>'
    assert read(FOUR + note('C4', 16), note('D4'), others=other).notes.start.tolist() == [0, 2]


def test_empty_measures_are_whole():
    assert read(FOUR, note()).notes.start.tolist() == [2]


def mark(inner, sound=''):
    return f'<direction><direction-type>{inner}</direction-type>{sound}</direction>'


@pytest.mark.parametrize(
    'direction, qpm',
    [
        (mark('<metronome><beat-unit>quarter</beat-unit><per-minute>72</per-minute></metronome>'), 72),
        (mark('<metronome><beat-unit>half</beat-unit><per-minute>ca. 60</per-minute></metronome>'), 120),
        (
            mark('<metronome><beat-unit>quarter</beat-unit><beat-unit-dot/><per-minute>40-44</per-minute></metronome>'),
            60,
        ),
        (mark('<words>Adagio</words>', '<sound tempo="66.5"/>'), 66.5),
        (mark('<words>Adagio</words>'), 120),  # words have no number
        ('<sound tempo="0"/>', 120),
    ],
)
def test_tempo_marks(direction, qpm):
    assert read(FOUR + direction + note()).tempos == [(0, qpm)]


@pytest.mark.parametrize(
    'time, length, metres',
    [
        ('<beats>3+2</beats><beat-type>8</beat-type>', 10, [(0, 5, 8)]),
        ('<beats>3</beats><beat-type>8</beat-type><beats>2</beats><beat-type>4</beat-type>', 14, [(0, 7, 8)]),
        ('<senza-misura/>', 5, []),
        ('<senza-misura>X</senza-misura>', 5, []),
    ],
)
def test_metres(time, length, metres):
    head = f'<attributes><divisions>4</divisions><time>{time}</time></attributes>'
    music = read(head + note('C4', length), note('D4', length))
    assert music.metres == metres
    assert music.total_time == length / 4


@pytest.mark.parametrize(
    'key, keys',
    [
        ('<fifths>-3</fifths>', [(0, 3, 0)]),
        ('<fifths>0</fifths><mode>minor</mode>', [(0, 9, 1)]),
        ('<fifths>0</fifths><mode>dorian</mode>', [(0, 2, 4)]),
        ('<key-step>B</key-step><key-alter>-1</key-alter>', []),
    ],
)
def test_keys(key, keys):
    assert read(FOUR.replace('<time>', f'<key>{key}</key><time>') + note()).keys == keys


def test_loudness():
    loud = mark('<dynamics><ff/></dynamics>')
    measured = mark('<dynamics><ff/></dynamics>', '<sound dynamics="112"/>')
    single = note().replace('<note>', '<note dynamics="50">')
    music = read(FOUR + note() + loud + note() + measured + note() + single)
    assert music.notes.velocity.tolist() == [80, 112, 101, 45]


def test_repeated_measures():
    sign = '<attributes><measure-style><measure-repeat type="{}">1</measure-repeat></measure-style></attributes>'
    music = read(FOUR + note('C4', 16), sign.format('start'), '', sign.format('stop') + note('D4', 16))
    assert music.notes.pitch.tolist() == [60, 60, 60, 62]


def test_what_is_not_needed_does_no_harm():
    odd = (
        '<harmony><root><root-step>C</root-step></root><kind text="">other</kind></harmony><figured-bass/><listening/>'
    )
    assert notes(read(FOUR + odd + note('C4', '4.0'))) == [(0, 0.5, 60)]


def test_durations_by_type():
    typed = '<note><pitch><step>C</step><octave>4</octave></pitch><type>quarter</type><dot/></note>'
    assert read(FOUR + typed + note('D4')).notes.start.tolist() == [0, 0.75]


def test_durations_that_are_rounded():
    """Of 17 divisions a sixteenth is 4.25, and some programs write 4."""
    head = FOUR.replace('<divisions>4', '<divisions>17')
    run = ''.join(note('C4', 4, '|<type>16th</type>') for _ in range(8))
    back = '<backup><duration>32</duration></backup>'
    below = note('C3', 34, '|<voice>2</voice><type>half</type>')
    music = read(head + run + back + below)
    assert notes(music)[0] == (0, 1, 48)
    assert music.notes.start.tolist() == [0, *(i / 8 for i in range(8))]
    ratio = '<actual-notes>3</actual-notes><normal-notes>2</normal-notes>'
    triplet = f'|<type>eighth</type><time-modification>{ratio}</time-modification>'
    music = read(FOUR.replace('<divisions>4', '<divisions>16') + 3 * note('C4', 5, triplet) + note('D4', 16))
    assert music.notes.start.tolist() == [0, 1 / 6, 1 / 3, 1 / 2]


def with_declaration(text, encoding):
    return f'<?xml version="1.0" encoding="{encoding}"?>{text}'


def packed(content, name='score.xml', container=True):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        if container:
            root = f'<container><rootfiles><rootfile full-path="{name}"/></rootfiles></container>'
            archive.writestr('META-INF/container.xml', root)
        archive.writestr(name, content)
    return file.getvalue()


def test_all_ways_of_writing_it_down():
    part = '<part-name>Flöte</part-name>'
    text = score(FOUR + note(), part=part)
    timewise = (
        f'<score-timewise><part-list><score-part id="P1">{part}</score-part></part-list>'
        f'<measure number="1"><part id="P1">{FOUR}{note()}</part></measure></score-timewise>'
    )
    doctype = '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN" "partwise.dtd">'
    ways = {
        'bare': text.encode(),
        'UTF-8 with a mark': b'\xef\xbb\xbf' + with_declaration(text, 'UTF-8').encode(),
        'UTF-16': with_declaration(text, 'UTF-16').encode('utf-16'),
        'UTF-16 without a mark': text.encode('utf-16-le'),
        'Latin-1': with_declaration(text, 'ISO-8859-1').encode('latin-1'),
        'Windows': with_declaration(text, 'windows-1252').encode('cp1252'),
        'Latin-1 that is called UTF-8': with_declaration(text, 'UTF-8').encode('latin-1'),
        'UTF-8 that is called UTF-16': with_declaration(text, 'UTF-16').encode(),
        'Chinese': with_declaration(text, 'GB18030').encode('gb18030'),
        'entities': (doctype + text.replace('ö', '&ouml;')).encode(),
        'namespace': text.replace('<score-partwise>', '<score-partwise xmlns="http://www.musicxml.org/ns">').encode(),
        'timewise': timewise.encode(),
        'packed': packed(text.encode()),
        'packed without a container': packed(text.encode(), 'music.musicxml', container=False),
    }
    for name, content in ways.items():
        music = musicxml.read(content)
        assert (notes(music), music.instruments[0].name) == ([(0, 0.5, 60)], 'Flöte'), name


@pytest.mark.parametrize(
    'content, reason',
    [
        (b'Dear Sir or Madam', NOT_MUSICXML),
        (b'<html><body/></html>', NOT_MUSICXML),
        (b'<score-partwise/>', NOT_MUSICXML),
        (packed(b'x', 'readme.txt', container=False), NOT_MUSICXML),
        (b'<opus><score/></opus>', NOT_UNDERSTOOD),
    ],
)
def test_refusals(content, reason):
    with pytest.raises(Refused) as refusal:
        musicxml.read(content)
    assert refusal.value.reason == reason


def test_damage():
    with pytest.raises(ElementTree.ParseError):
        musicxml.read(score(FOUR + note())[:200].encode())
    for number in ('four', '1e999999999', '1/3'):
        with pytest.raises(ValueError, match='for a number'):
            read(FOUR + note('C4', number))


@hypothesis.given(st.data())
def test_no_damage_is_a_surprise(data):
    content = bytearray(score(FOUR + note('F#4', 4, '|<tie type="start"/>'), note('F#4', 16), part=KIT).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(Refused, *musicxml_document.DAMAGE):
        musicxml.read(bytes(content))


NOTES = st.lists(st.tuples(st.none() | st.integers(24, 107), st.integers(1, 40)), min_size=1, max_size=30)
STEPS = ['C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B']


def in_bars(melody):
    """Notes and rests, pitch and sixteenths, cut at bars of sixteen: pitch, sixteenths, and whether it goes on."""
    bars, room = [[]], 16
    for pitch, left in melody:
        while left:
            length = min(left, room)
            left, room = left - length, room - length
            bars[-1].append((pitch, length, bool(left) and pitch is not None))
            if not room:
                bars.append([])
                room = 16
    return [bar for bar in bars if bar]


def sounding(melody):
    """What a melody at 120 quarters a minute is in seconds."""
    place, expected = 0, []
    for pitch, length in melody:
        if pitch is not None:
            expected.append((place / 8, (place + length) / 8, pitch))
        place += length
    return expected


@hypothesis.given(NOTES)
def test_a_melody_that_is_written_is_read(melody):
    measures = []
    for bar in in_bars(melody):
        written = ''
        for pitch, length, goes_on in bar:
            name = 'rest0' if pitch is None else f'{STEPS[pitch % 12]}{pitch // 12 - 1}'
            written += note(name, length, '|<tie type="start"/>' if goes_on else '')
        measures.append((FOUR if not measures else '') + written)
    assert notes(read(*measures)) == sounding(melody)


def test_a_tempo_sounds_at_its_offset():
    direction = (
        '<direction><direction-type><words>Presto</words></direction-type>{}<sound tempo="60">{}</sound></direction>'
    )
    for after, within in [('<offset sound="yes">8</offset>', ''), ('', '<offset>8</offset>')]:
        music = read(FOUR + direction.format(after, within) + note('C4', 8) + note('D4', 8), note('E4', 16))
        assert notes(music) == [(0, 1, 60), (1, 3, 62), (3, 7, 64)]
        assert notation.TEMPOS in noticed(music)
    printed = read(FOUR + direction.format('<offset>8</offset>', '') + note('C4', 16))
    assert printed.tempos == [(0, 60)]
    for offset, tempos in [(-8, [(0, 60)]), (99, [(0, 120), (2, 60)])]:  # not beyond the bar
        music = read(FOUR + direction.format('', f'<offset>{offset}</offset>') + note('C4', 16), note('D4', 16))
        assert music.tempos == tempos


def test_a_whole_rest_is_a_bar_of_its_metre():
    three = FOUR.replace('<beats>4', '<beats>3')
    rest = '<note><rest measure="yes"/><duration>16</duration><type>whole</type></note>'
    backup = '<backup><duration>16</duration></backup>'
    music = read(three + rest + backup + note('E4', 12), rest, note('C4', 12))
    assert notes(music) == [(0, 1.5, 64), (3, 4.5, 60)]
    assert music.metres == [(0, 3, 4)]


def test_a_score_that_was_packed_by_hand_on_a_mac():
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('__MACOSX/._score.xml', b'\0\5\x16\7')
        archive.writestr('score.xml', score(FOUR + note()))
    assert notes(musicxml.read(file.getvalue())) == [(0, 0.5, 60)]


def test_a_part_that_is_not_written_in_a_timewise_measure_rests():
    first, second = FOUR + note('C4', 16), FOUR + note('E4', 16)
    music = musicxml.read(
        '<score-timewise><part-list/>'
        f'<measure number="1"><part id="A">{first}</part></measure>'
        f'<measure number="2"><part id="A">{first}</part><part id="B">{second}</part></measure>'
        '</score-timewise>'.encode()
    )
    assert sorted(notes(music)) == [(0, 2, 60), (2, 4, 60), (2, 4, 64)]


@pytest.mark.parametrize(
    'measures',
    [
        ['<sound tempo="60"/>' + FOUR + note('C4', 16)],
        [FOUR.replace('<beats>4', '<beats>2+2') + note('C4', 16)],
        [FOUR + note('C4', 16), '', note('C4', 16)],
    ],
    ids=['tempo', 'metre', 'empty measure'],
)
def test_what_magenta_does_not_read_is_remarked_on(measures):
    assert any(remark.differs for remark in read(*measures).remarks)
