"""One file cannot disturb the others, whatever it holds."""

import os
import signal
import struct
import time
import zipfile

import pytest
from note_seq.protobuf import music_pb2

from solferino.pipelines import parsing
from solferino.pipelines.parsing import Converted, LeftOut, Limits, Parser, Request

NOTE = b'\x00\x90\x3c\x50\x83\x60\x80\x3c\x00'  # middle C for 480 ticks
SCORE = """<?xml version="1.0"?>
<score-partwise><part-list><score-part id="P1"><part-name>Voice</part-name></score-part></part-list>
<part id="P1"><measure number="1">
<attributes><divisions>1</divisions><time><beats>3</beats><beat-type>4</beat-type></time></attributes>
<note><pitch><step>G</step><octave>4</octave></pitch><duration>2</duration><voice>1</voice><type>half</type></note>
<note><pitch><step>A</step><octave>4</octave></pitch><duration>1</duration><voice>1</voice><type>quarter</type></note>
</measure></part></score-partwise>"""
TUNES = 'X:1\nL:1/4\nK:G\nG A B c|d4|\n\nX:2\nK:C\n[CEG]2 c2|\n\nX:3\nM:3/4\nK:Dm\nd2 e2 f2|\n'
CONTAINER = '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>'


def midi(events=NOTE):
    track = events + b'\x00\xff\x2f\x00'
    return b'MThd' + struct.pack('>IHHH', 6, 0, 1, 480) + b'MTrk' + struct.pack('>I', len(track)) + track


# 30 events, each 2^28 ticks after the last: 64 GB as an array of seconds.
TICKS = midi(30 * b'\xff\xff\xff\x7f\x90\x3c\x00' + NOTE)
ENDLESS = midi(b'\x00\x90\x3c\x50' * 3_000_000)  # takes too long


def mxl(path, score, filler=0):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('META-INF/container.xml', CONTAINER)
        with archive.open('score.xml', 'w') as file:
            file.write(score)
            for _ in range(filler):
                file.write(b' ' * 2**20)


def parse(parser, folder, name, content=None):
    if content is not None:
        (folder / name).write_bytes(content)
    return parser.parse(Request(os.fsencode(folder / name), name.encode(), 'songs'))


@pytest.fixture(scope='module')
def parser():
    with Parser(Limits(megabytes=20, memory_megabytes=200, seconds=2)) as parser:
        yield parser


def test_a_midi_file(parser, tmp_path):
    [result] = parse(parser, tmp_path, 'a.mid', midi())
    sequence = music_pb2.NoteSequence.FromString(result.data)
    assert (result.notes, result.milliseconds) == (1, 500)
    assert sequence.id == result.id == '/id/midi/songs/d7e0e2b60e4b6b124e635f12edb60e23f3e87903'
    assert (sequence.collection_name, sequence.filename) == ('songs', 'a.mid')
    assert sequence.notes[0].pitch == 60


def test_odd_midi_files_are_read_by_note_seq_in_magentas_reading(tmp_path):
    odd = midi(b'\x00\xf6' + NOTE)  # a request to tune, as if in a live stream
    with Parser(Limits(), magenta_reading=True) as parser:
        [result] = parse(parser, tmp_path, 'odd.mid', odd)
        assert result.doubt == 'system messages'
        [plain] = parse(parser, tmp_path, 'odd.mid', midi())
    assert (plain.data, plain.notes) == (result.data, result.notes)


def test_odd_midi_files_are_read_and_it_is_said(parser, tmp_path):
    [result] = parse(parser, tmp_path, 'odd.mid', midi(b'\x00\xf6' + NOTE))
    [plain] = parse(parser, tmp_path, 'odd.mid', midi())
    assert plain == result._replace(remarks=())
    assert result.remarks == (parsing.Remark('system messages passed over', 1, differs=False),)
    [mended] = parse(parser, tmp_path, 'odd.mid', midi(b'\x00\xf4' + NOTE))
    assert mended.data == plain.data
    assert mended.differs


def test_each_pattern_of_a_file_of_format_2(parser, tmp_path):
    track = midi()[14:]
    one, two = parse(parser, tmp_path, 'patterns.mid', b'MThd' + struct.pack('>IHHH', 6, 2, 2, 480) + 2 * track)
    assert one.id == parsing.sequence_id(b'patterns.mid_1', 'songs', 'midi')
    assert (one.notes, two.notes) == (1, 1)


@pytest.mark.parametrize('name', ['song.rmi', 'SONG.KAR', 'song'])
def test_other_names_of_midi_files(parser, tmp_path, name):
    content = midi()
    riff = b'RIFF' + struct.pack('<I', 12 + len(content)) + b'RMIDdata' + struct.pack('<I', len(content)) + content
    (tmp_path / name).write_bytes(riff if 'rmi' in name else content)
    assert parser.parse_midi(tmp_path / name).notes == 1
    assert parser.parse_file(tmp_path / name)[0].notes == 1


def test_silence_has_a_reason(parser, tmp_path):
    for events, silence in [(b'', parsing.NOTHING_STRUCK), (NOTE[:4], parsing.NEVER_ENDED)]:
        [result] = parse(parser, tmp_path, 'silent.mid', midi(events))
        assert (result.notes, result.silence) == (0, silence)
        assert result.silence in parsing.SILENCE


def test_scores_are_the_same_packed_or_not(parser, tmp_path):
    for name in ('waltz.mxl', 'WALTZ.MXL'):
        mxl(tmp_path / name, SCORE.encode())
    results = [parse(parser, tmp_path, name, SCORE.encode()) for name in ('waltz.xml', 'waltz.musicxml')]
    results += [parse(parser, tmp_path, name) for name in ('waltz.mxl', 'WALTZ.MXL')]
    notes = [music_pb2.NoteSequence.FromString(result.data).notes for [result] in results]
    assert [note.pitch for note in notes[0]] == [67, 69]
    assert all(list(other) == list(notes[0]) for other in notes)
    assert all(result.id.startswith('/id/musicxml/songs/') for [result] in results)


def test_each_tune_of_a_book(parser, tmp_path):
    tunes = parse(parser, tmp_path, 'book.abc', TUNES.encode())
    assert [tune.id for tune in tunes] == [parsing.sequence_id(b'book.abc_%d' % n, 'songs', 'abc') for n in (1, 2, 3)]
    assert [tune.notes for tune in tunes] == [5, 4, 3]


def test_each_tune_of_a_book_as_magenta_reads_it(tmp_path):
    with Parser(Limits(), magenta_reading=True) as parser:
        one, three, failure = parse(parser, tmp_path, 'book.abc', TUNES.encode())
    assert one.id == parsing.sequence_id(b'book.abc_1', 'songs', 'abc')
    assert three.id == parsing.sequence_id(b'book.abc_3', 'songs', 'abc')
    assert (one.notes, three.notes) == (5, 3)
    assert failure == LeftOut('book.abc', parsing.UNKNOWN_ABC, 'Chords are not supported.')


@pytest.mark.parametrize(
    'name, content, reason',
    [
        ('empty.mid', b'', parsing.EMPTY),
        ('text.mid', b'Dear Sir or Madam', parsing.NOT_MIDI),
        ('cut.mid', midi()[:-5], parsing.DAMAGED),
        ('bad.mid', midi(b'\x00\x90\x3c\xd0'), parsing.DAMAGED),
        ('no_track.mid', b'MThd' + struct.pack('>IHHH', 6, 0, 0, 480), parsing.NO_TRACKS),
        ('large.mid', bytes(21 * 2**20), parsing.TOO_LARGE),
        ('page.xml', b'<html><body/></html>', parsing.NOT_MUSICXML),
        ('cut.xml', SCORE[:300].encode(), parsing.DAMAGED),
        ('text.mxl', b'Dear Sir or Madam', parsing.NOT_MUSICXML),
        ('blank.abc', b'\n\n', parsing.NO_TUNES),
        ('missing.mid', None, parsing.CANNOT_BE_READ),
        ('ticks.mid', TICKS, parsing.TOO_LATE),
        ('notes.mid', ENDLESS, parsing.TOO_LONG),
    ],
)
def test_left_out(parser, tmp_path, name, content, reason):
    [result] = parse(parser, tmp_path, name, content)
    assert isinstance(result, LeftOut)
    assert (result.file, result.reason) == (name, reason)
    assert reason in parsing.REMEDIES
    assert isinstance(parse(parser, tmp_path, 'next.mid', midi())[0], Converted)


def test_bombs_of_other_kinds(parser, tmp_path):
    mxl(tmp_path / 'zip.mxl', b'<score-partwise>', filler=300)
    assert parse(parser, tmp_path, 'zip.mxl')[0].reason == parsing.TOO_MUCH_MEMORY
    entities = ''.join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 11))
    laughs = f'<!DOCTYPE x [<!ENTITY l0 "ha">{entities}]><score-partwise>&l10;</score-partwise>'
    assert isinstance(parse(parser, tmp_path, 'laughs.xml', laughs.encode())[0], LeftOut)
    os.mkfifo(tmp_path / 'pipe.mid')
    assert parse(parser, tmp_path, 'pipe.mid')[0].reason == parsing.CANNOT_BE_READ


def test_a_file_does_not_answer_for_the_ones_before(tmp_path):
    """What one file leaves of its memory does not make the next one too much, so the order does not matter."""
    with Parser(Limits(memory_megabytes=60)) as parser:
        big = midi(b'\xff\xff\x7f\x90\x3c\x00' + NOTE)  # 2^21 ticks: 16 MB an array
        for i in range(5):
            assert isinstance(parse(parser, tmp_path, f'{i}.mid', big)[0], Converted)


def lay_out(folder, contents):
    """Writes files; returns a request for each, in order."""
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [Request(os.fsencode(folder / name), name.encode(), 'songs') for name in contents]


def summary(answers):
    """What has become of files: a number of notes, or a reason."""
    return [answer.notes if isinstance(answer, Converted) else answer.reason for [answer] in answers]


@pytest.mark.parametrize('magenta_reading', [False, True])
def test_killers_among_many_files_cost_only_themselves(tmp_path, magenta_reading):
    notes = {f'{n}.mid': midi(NOTE * n) for n in range(1, 6)}
    contents = {'a.mid': TICKS} | notes | {'b.mid': TICKS, 'c.mid': TICKS, 'd.mid': ENDLESS, 'e.mid': b''}
    contents |= {f'again{name}': content for name, content in notes.items()} | {'f.mid': ENDLESS}
    of_ticks = parsing.TOO_MUCH_MEMORY if magenta_reading else parsing.TOO_LATE
    expected = [of_ticks, 1, 2, 3, 4, 5, of_ticks, of_ticks]
    expected += [parsing.TOO_LONG, parsing.EMPTY, 1, 2, 3, 4, 5, parsing.TOO_LONG]
    with Parser(Limits(memory_megabytes=200, seconds=1), magenta_reading) as parser:
        assert summary(parser.parse_all(lay_out(tmp_path, contents))) == expected
        assert summary(parser.parse_all(lay_out(tmp_path, notes))) == [1, 2, 3, 4, 5]


def test_answers_that_do_not_fit_the_pipe_come_in_order(parser, tmp_path):
    sizes = [(n * 7 % 60 + 1) * 30 for n in range(60)]
    requests = lay_out(tmp_path, {f'{n}.mid': midi(NOTE * size) for n, size in enumerate(sizes)})
    assert summary(parser.parse_all(requests)) == sizes
    assert list(parser.parse_all([])) == []


def test_answers_that_nobody_waited_for_are_not_taken_for_others(parser, tmp_path):
    requests = lay_out(tmp_path, {f'{n}.mid': midi(NOTE * n) for n in range(1, 9)})
    assert summary([next(parser.parse_all(requests))]) == [1]
    assert summary(parser.parse_all(requests[4:])) == [5, 6, 7, 8]


@pytest.mark.parametrize('which', ['reader', 'both'])
def test_processes_killed_on_the_way_are_replaced(tmp_path, which):
    requests = lay_out(tmp_path, {f'{n}.mid': midi(NOTE * n * 30) for n in range(1, 61)})
    with Parser(Limits()) as parser:
        answers = parser.parse_all(requests)
        first = [next(answers) for _ in range(5)]
        if which == 'reader':
            os.kill(reader_of(parser), signal.SIGKILL)
        else:
            os.killpg(parser._process.pid, signal.SIGKILL)
        assert summary([*first, *answers]) == [n * 30 for n in range(1, 61)]


def test_a_reader_killed_in_the_middle_of_an_answer_spoils_no_other(tmp_path):
    notes = [20_000] * 6  # some 400 kB each, of which the pipe takes a part
    requests = lay_out(tmp_path, {f'{n}.mid': midi(NOTE * size) for n, size in enumerate(notes)})
    with Parser(Limits()) as parser:
        answers = parser.parse_all(requests)
        first = next(answers)
        wait_until_asleep(reader_of(parser))
        os.kill(reader_of(parser), signal.SIGKILL)
        assert summary([first, *answers]) == notes


def test_a_reader_killed_while_it_has_nothing_to_do_answers_once(tmp_path):
    requests = lay_out(tmp_path, {f'{n}.mid': midi(NOTE * n) for n in range(1, 5)})
    with Parser(Limits()) as parser:
        assert summary(parser.parse_all(requests)) == [1, 2, 3, 4]
        wait_until_asleep(reader_of(parser))
        os.kill(reader_of(parser), signal.SIGKILL)
        assert summary(parser.parse_all(requests[:2])) == [1, 2]
        assert summary(parser.parse_all(requests[2:])) == [3, 4]


def wait_until_asleep(process):
    """Until it waits for what others do: for requests, or for room in the pipe."""
    while True:
        with open(f'/proc/{process}/stat') as file:
            if file.read().rsplit(') ', 1)[1][0] == 'S':
                return
        time.sleep(0.05)


def reader_of(parser):
    """The process that reads."""
    with open(f'/proc/{parser._process.pid}/task/{parser._process.pid}/children') as file:
        return int(file.read())


def test_killed_processes_are_replaced(tmp_path):
    with Parser(Limits()) as parser:
        assert isinstance(parse(parser, tmp_path, 'a.mid', midi())[0], Converted)
        first = parser._process.pid
        for process in (first, reader_of(parser)):
            os.kill(process, signal.SIGKILL)
        assert isinstance(parse(parser, tmp_path, 'a.mid')[0], Converted)
        assert parser._process.pid != first


def test_names_that_are_not_utf8(parser, tmp_path):
    name = b'caf\xe9\n.mid'
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, 'wb') as file:
        file.write(midi())
    [result] = parser.parse(Request(path, name, 'songs'))
    assert music_pb2.NoteSequence.FromString(result.data).filename == 'caf\\xe9\n.mid'
