"""Scores and tunes as people have them, through the process that reads files."""

import json
import os
import subprocess
import sys

import pytest
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import piece
from solferino.pipelines import convert, parsing
from solferino.pipelines.parsing import Converted, LeftOut, Limits, Parser, Request

# Notes and seconds of each file of one tune; counted in the file, repeats played.
TUNES = {
    'beam_backtick': (60, 18),
    'broken_rhythm': (60, 18),
    'chord_symbols': (60, 18),
    'chords': (57, 18),
    'cr_only': (52, 16),
    'crlf': (52, 16),
    'cut_time': (52, 16),
    'd_c': (20, 6),
    'double_accidental': (60, 18),
    'empty_tune': (0, 0),
    'endings': (22, 8),
    'header_comment': (52, 16),
    'key_change_inline': (68, 20),
    'key_change_line': (16, 4),
    'key_clef': (52, 16),
    'key_mode': (52, 16),
    'key_none': (52, 16),
    'latin1': (52, 16),
    'lengths': (58, 17.1875),
    'line_continuation': (68, 20),
    'lyrics': (60, 18),
    'metre_change': (20, 5),
    'metre_none': (52, 16),
    'metre_paren': (52, 16),
    'midi_directive': (52, 16),
    'no_X': (52, 16),
    'note_too_low': (53, 16.5),
    'octaves': (60, 18),
    'one_voice': (52, 16),
    'pickup': (54, 16.5),
    'plain': (52, 16),
    'repeat': (104, 32),
    'repeat_no_start': (22, 6),
    'rests': (58, 24),
    'slur': (60, 18),
    'tempo': (52, 20),
    'tempo_38': (48, 8),
    'tempo_old': (52, 40),
    'tempo_text': (52, 20),
    'text_before': (52, 16),
    'tuplet': (60, 18),
    'unicode_title': (52, 16),
    'utf16': (52, 16),
    'voices': (56, 16),
}
SCORES = {
    'musicxml_content/dynamics': (64, 16),
    'musicxml_content/figured_float_duration': (58, 16),
    'musicxml_content/grace': (59, 16),
    'musicxml_content/harmony': (64, 16),
    'musicxml_content/harmony_odd': (64, 16),
    'musicxml_content/key_mode_odd': (64, 16),
    'musicxml_content/key_nontraditional': (64, 16),
    'musicxml_content/multimeasure_forward': (16, 6),
    'musicxml_content/namespace': (64, 16),
    'musicxml_content/no_time': (64, 16),
    'musicxml_content/percussion': (64, 16),  # two at each of 32 times
    'musicxml_content/pickup': (66, 18),
    'musicxml_content/pitched_on_channel10': (64, 16),
    'musicxml_content/quarter_tone': (58, 16),
    'musicxml_content/repeat': (40, 10),
    'musicxml_content/senza_misura': (64, 16),
    'musicxml_content/tempo_mark_only': (64, 32 * 60 / 72),
    'musicxml_content/tempo_sound': (64, 32 * 60 / 72),
    'musicxml_content/ties': (59, 18),
    'musicxml_content/timewise': (64, 16),
    'musicxml_content/transpose_bflat': (64, 16),
    'musicxml_content/tuplet': (7, 4),
    'musicxml_content/two_voices': (72, 16),
    'musicxml_content/violin_program': (64, 16),
    'musicxml_grace_and_tie/grace_above': (75, 20),
    'musicxml_grace_and_tie/no_grace': (75, 20),
    'musicxml_grace_and_tie/tied': (59, 20),
    'musicxml_grace_and_tie/untied_same_music_as_midi': (80, 20),
    'musicxml_parts/two_parts_channels_1_2': (96, 16),
    'musicxml_parts/two_parts_no_midi': (96, 16),
}


@pytest.fixture(scope='module')
def parser():
    with Parser(Limits()) as parser:
        yield parser


def read(parser, path):
    [answer] = parser.parse_file(path)
    assert isinstance(answer, Converted)
    return answer


def music(parser, path):
    return piece.read(read(parser, path).data)


@pytest.mark.parametrize('name', TUNES)
def test_field_tunes(parser, field, name):
    found = music(parser, field / 'abc' / f'{name}.abc')
    assert (len(found.notes), found.total_time) == (TUNES[name][0], pytest.approx(TUNES[name][1], abs=1e-12))


@pytest.mark.parametrize('name', SCORES)
def test_field_scores(parser, field, name):
    found = music(parser, field / f'{name}.xml')
    assert (len(found.notes), found.total_time) == (SCORES[name][0], pytest.approx(SCORES[name][1], abs=1e-12))


def test_no_field_file_is_forgotten(field):
    here = {path.stem for path in (field / 'abc').glob('*.abc')}
    assert here <= TUNES.keys() | {'several', 'only_comment'}
    here = {f'{path.parent.name}/{path.stem}' for path in field.glob('musicxml_*/*.xml')}
    assert here <= SCORES.keys()


def test_field_books(parser, field):
    several = parser.parse_file(field / 'abc' / 'several.abc')
    assert [tune.notes for tune in several] == [52, 52, 3, 52]
    assert len({tune.id for tune in several}) == 4
    [nothing] = parser.parse_file(field / 'abc' / 'only_comment.abc')
    assert nothing.reason == parsing.NO_TUNES


def test_field_details(parser, field):
    content = field / 'musicxml_content'
    percussion = music(parser, content / 'percussion.xml').notes
    assert percussion['is_drum'].all()
    assert set(percussion['pitch'].tolist()) == {36, 38, 42}
    assert len(set(percussion['start'].tolist())) == 32
    assert music(parser, content / 'pitched_on_channel10.xml').notes['is_drum'].all()
    assert set(music(parser, content / 'violin_program.xml').notes['program'].tolist()) == {40}
    assert music(parser, content / 'tempo_mark_only.xml').tempos[0].qpm == 72
    assert music(parser, content / 'transpose_bflat.xml').notes['pitch'][0] == 58
    above = music(parser, field / 'musicxml_grace_and_tie' / 'grace_above.xml').notes
    assert above['pitch'][0] == 72
    tied = music(parser, field / 'musicxml_grace_and_tie' / 'tied.xml').notes
    assert next((note['start'], note['end']) for note in tied if note['pitch'] == 62) == (1.5, 4.5)
    for name in ('two_parts_channels_1_2', 'two_parts_no_midi'):
        parts = music(parser, field / 'musicxml_parts' / f'{name}.xml').notes
        assert [len(parts[parts['instrument'] == i]) for i in range(2)] == [64, 32]


def heard(answer):
    """What there is to be heard of an answer, or that it is left out."""
    if isinstance(answer, LeftOut):
        return None
    found = piece.read(answer.data)
    notes = [(round(start, 9), round(end, 9), *others) for start, end, *others in found.notes.tolist()]
    return sorted((*note[:3], *note[4:]) for note in notes), found.metres


def test_files_that_magenta_reads_otherwise_are_told(parser, field):
    files = [field / 'abc' / f'{name}.abc' for name in TUNES if name != 'empty_tune']
    files += [field / f'{name}.xml' for name in SCORES]
    with Parser(Limits(), magenta_reading=True) as magenta:
        for path in files:
            ours, theirs = parser.parse_file(path), magenta.parse_file(path)
            music = [[heard(answer) for answer in answers] for answers in (ours, theirs)]
            told = any(answer.differs for answer in ours)
            assert told == (music[0] != music[1]), path.name


def test_what_a_sequence_says_of_its_source(parser, tmp_path):
    (tmp_path / 'tune.abc').write_text('X:3\nM:3/4\nK:G\nG2|\n')
    [answer] = parser.parse(Request(os.fsencode(tmp_path / 'tune.abc'), b'tune.abc', 'songs'))
    sequence = music_pb2.NoteSequence.FromString(answer.data)
    assert sequence.id == answer.id == parsing.sequence_id(b'tune.abc_3', 'songs', 'abc')
    source = music_pb2.NoteSequence.SourceInfo
    assert sequence.source_info.source_type == source.SCORE_BASED
    assert sequence.source_info.encoding_type == source.ABC
    assert [(s.numerator, s.denominator) for s in sequence.time_signatures] == [(3, 4)]
    assert [(k.key, k.mode) for k in sequence.key_signatures] == [(7, 0)]


def test_tunes_of_one_number_are_all_kept(parser, tmp_path):
    (tmp_path / 'book.abc').write_text('X:1\nK:C\nC\n\nX:1\nK:C\nD\n\nX:2\nK:C\nE\n')
    ids = [tune.id for tune in parser.parse(Request(os.fsencode(tmp_path / 'book.abc'), b'book.abc', 'songs'))]
    names = (b'book.abc_1', b'book.abc_1_2', b'book.abc_2')
    assert ids == [parsing.sequence_id(name, 'songs', 'abc') for name in names]


def test_tunes_that_are_left_out_are_named_in_the_manifest(tmp_path):
    songs = tmp_path / 'songs'
    songs.mkdir()
    prose = 'This tune was collected in the county of Clare'
    (songs / 'book.abc').write_text(f'X:1\nK:C\n|:C4:|\n\nX:2\nT:The Bad\nK:C\n{prose}\n')
    table = convert.convert(convert.Job(str(songs), str(tmp_path / 'out.tfrecord')))
    assert parsing.NOT_UNDERSTOOD in table
    [path] = [p for p in tmp_path.iterdir() if p.suffix == '.json']
    manifest = json.loads(path.read_text())
    [left_out] = manifest['left_out']
    assert left_out['reason'] == parsing.NOT_UNDERSTOOD
    assert left_out['detail'].startswith('tune 2 "The Bad": text among the notes')
    assert manifest['remarks'][0]['remarks'] == {'pieces with repeats or jumps, played out': 1}


def test_damaged_scores(parser, tmp_path):
    score = (
        b'<score-partwise><part id="P1"><measure><note><duration>%s</duration></note></measure></part></score-partwise>'
    )
    for name, content in {'cut.xml': score[:60], 'cut.mxl': b'PK\3\4', 'number.xml': score % b'1e9'}.items():
        (tmp_path / name).write_bytes(content)
        [answer] = parser.parse_file(tmp_path / name)
        assert isinstance(answer, LeftOut)
        assert (answer.reason, bool(answer.detail)) == (parsing.DAMAGED, True)


def test_endless_scores_cost_only_themselves(tmp_path):
    (tmp_path / 'long.abc').write_text('X:1\nK:C\n' + 'C' * 3_000_000)
    (tmp_path / 'slow.abc').write_text('X:1\nQ:1/4=1\nK:C\nC99999\nX:2\nK:C\nC\n')
    with Parser(Limits(seconds=1)) as parser:
        assert parser.parse_file(tmp_path / 'long.abc')[0].reason == parsing.TOO_LONG
        late, good = parser.parse_file(tmp_path / 'slow.abc')
    assert (late.reason, good.notes) == (parsing.TOO_LATE, 1)


def test_neither_note_seq_nor_protobuf_is_loaded_for_scores():
    program = """if True:
        import sys
        from solferino.models.music.reading import abc_tunes, musicxml
        abc_tunes.read(b'X:1\\nK:C\\nC')
        print(*{'note_seq.protobuf', 'google.protobuf', 'pretty_midi'} & set(sys.modules))
    """
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    'book',
    [
        '[' * 50_000,
        '[A' * 30_000,
        '{' * 100_000,
        '[V:' * 30_000,
        'X:1\n' + 'some words here\n\n' * 20_000,
        '%%begintext\n' * 20_000,
        'A!segno!|B!D.S.!|' * 2000,
    ],
    ids=['brackets', 'chords', 'grace notes', 'voices', 'text', 'blocks of text', 'jumps'],
)
def test_long_lines_stay_within_the_limits(book, tmp_path):
    """Half a minute and more before, quadratic in their length."""
    path = tmp_path / 'long.abc'
    path.write_text(book if book.startswith('X:') else 'X:1\nL:1/4\nK:C\n' + book)
    with Parser(Limits()) as parser:
        answers = parser.parse_file(path)
    assert not [a for a in answers if isinstance(a, LeftOut) and a.reason == parsing.TOO_LONG]
