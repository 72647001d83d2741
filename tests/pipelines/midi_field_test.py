"""The MIDI files of ../shared/field, made after people's reports: what is right for each, and what is said of it."""

import collections

import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams.drums_rnn import SPEC as DRUMS
from solferino.models import registry
from solferino.models.music.pieces import piece
from solferino.models.music.reading import midi_sounding
from solferino.pipelines import parsing
from solferino.pipelines.parsing import Limits, Parser


@pytest.fixture(scope='module')
def parsers():
    """Of both readings: as it sounds, and Magenta's."""
    with Parser(Limits(seconds=20)) as ours, Parser(Limits(seconds=20), magenta_reading=True) as magenta:
        yield {False: ours, True: magenta}


def tempos(music):
    return [round(tempo.qpm) for tempo in music.tempos]


def drums(music):
    return sum(note.is_drum for note in music.notes)


# Number of notes, seconds, tempos.
RIGHT = {
    'tempo_on_other_track/a_tempo_track1': (64, 32, [60]),
    'tempo_on_other_track/b_tempo_track0': (64, 32, [60]),
    'tempo_on_other_track/d_change_track1': (64, 24, [60, 120]),
    'unclosed_and_overlapping/all_never_closed': (0, 0, [120]),
    'unclosed_and_overlapping/all_notes_off_cc123': (64, 29.33, [120]),
    'unclosed_and_overlapping/never_closed': (64, 16, [120]),
    'unclosed_and_overlapping/off_on_same_tick': (61, 15.25, [120]),
    'unclosed_and_overlapping/off_without_on': (64, 16, [120]),
    'unclosed_and_overlapping/on_off_same_tick_wrong_order': (61, 15.25, [120]),
    'unclosed_and_overlapping/on_on_off': (32, 8, [120]),
    'unclosed_and_overlapping/on_on_off_off': (32, 11.75, [120]),
    'unclosed_and_overlapping/one_tick_drums': (64, 16, [120]),
    'unclosed_and_overlapping/vel0_everything': (0, 0, [120]),
    'unclosed_and_overlapping/zero_length': (0, 0, [120]),
    'unclosed_and_overlapping/zero_length_drums': (64, 16.12, [120]),
    **{f'bad_key_signature/{name}': (64, 19.2, [100]) for name in ('18_flats', '8_sharps', 'key_1_byte')},
    **{f'bad_key_signature/{name}': (64, 19.2, [100]) for name in ('key_3_bytes', 'm2_255', 'mode_2')},
    **{f'bad_time_signature/{name}': (64, 19.2, [100]) for name in ('den_2p64', 'den_2p9', 'len2', 'len3', 'len5')},
    **{
        f'bytes_after_end_of_track/{name}': (64, 19.2, [100])
        for name in (
            'events_after_eot',
            'header_says_1_track_has_2',
            'header_says_5_tracks_has_2',
            'inside_length',
            'inside_pad_zero',
            'no_eot',
            'outside_length',
            'track_length_ffffffff',
            'track_length_zero_for_all',
        )
    },
    'smpte_division/25fps40': (64, 16, [120]),
    'time_extremes/div_1': (32, 16, [120]),
    'time_extremes/div_32767': (64, 16, [120]),
    'time_extremes/eot_late_delta': (64, 16, [120]),
    'time_extremes/late_eot': (64, 16, [120]),
    'time_extremes/silence_first_10min': (64, 616, [120]),
    'time_extremes/vlq_padded': (64, 16, [120]),
    'piano/prime_tempo_track1': (16, 9.4, [50]),
    'primer_metre_tempo/tempo_on_track1': (16, 8, [60]),
}


@pytest.mark.parametrize('name', RIGHT)
def test_right_values(parsers, field, name):
    [answer] = parsers[False].parse_file(field / f'{name}.mid')
    music = music_pb2.NoteSequence.FromString(answer.data)
    notes, seconds, qpm = RIGHT[name]
    assert (len(music.notes), tempos(music)) == (notes, qpm)
    assert music.total_time == pytest.approx(seconds, abs=0.006)
    if name.startswith('tempo_on'):
        assert len(music.time_signatures) == ('d_' not in name)


@pytest.mark.parametrize('name', ['all_zero', 'kick_zero', 'no_offs', 'normal', 'one_tick'])
def test_every_drum_note_is_a_hit(parsers, field, name):
    [answer] = parsers[False].parse_file(field / 'zero_length_drums' / f'{name}.mid')
    music = music_pb2.NoteSequence.FromString(answer.data)
    assert drums(music) == len(music.notes) == 96
    assert all(note.end_time > note.start_time for note in music.notes)
    [magenta] = parsers[True].parse_file(field / 'zero_length_drums' / f'{name}.mid')
    assert answer.differs == (magenta.notes != 96)
    if not magenta.notes:
        assert magenta.silence == parsing.LOST


@pytest.mark.parametrize(
    'name, reason, detail',
    [
        ('smpte_division/neg10096', parsing.DAMAGED, '40 frames a second'),
        ('time_extremes/div_0', parsing.DAMAGED, '0 ticks'),
        ('time_extremes/late_last_note', parsing.TOO_LATE, '78 hours'),
    ],
)
def test_reasons_are_true_of_the_file(parsers, field, name, reason, detail):
    [answer] = parsers[False].parse_file(field / f'{name}.mid')
    assert answer.reason == reason
    assert detail in answer.detail


def test_silent_files_say_why(parsers, field):
    folder = field / 'unclosed_and_overlapping'
    silences = {
        name: parsers[False].parse_file(folder / f'{name}.mid')[0] for name in ('all_never_closed', 'zero_length')
    }
    assert {answer.silence for answer in silences.values()} == {parsing.NEVER_ENDED}
    assert [remark.what for answer in silences.values() for remark in answer.remarks] == [
        midi_sounding.NEVER_ENDED,
        midi_sounding.NO_LENGTH,
    ]
    assert parsers[False].parse_file(folder / 'vel0_everything.mid')[0].silence == parsing.NOTHING_STRUCK


@pytest.mark.parametrize('folder', ['field', 'data/malformed'])
def test_what_is_said_of_magentas_reading_is_true(parsers, shared, folder):
    """A file is said to be read otherwise if and only if it is, and none that Magenta reads is lost."""
    counts = collections.Counter()
    for file in sorted((shared / folder).rglob('*.mid')):
        answers = {reading: parser.parse_file(file) for reading, parser in parsers.items()}
        ours, theirs = ([a.data for a in found if isinstance(a, parsing.Converted)] for found in answers.values())
        if not ours:
            assert not theirs, file
            continue
        assert any(answer.differs for answer in answers[False]) == (ours != theirs), file
        counts['read'] += 1
        counts['otherwise'] += ours != theirs
    assert counts == ({'read': 68, 'otherwise': 26} if folder == 'field' else {'read': 87, 'otherwise': 33})


def test_hits_of_any_length_are_the_same_drum_track(parsers, field):
    family, config = registry.get('drums_rnn'), DRUMS.config('drum_kit')
    tracks = {}
    for name in ('normal', 'all_zero', 'kick_zero', 'no_offs', 'one_tick'):
        [answer] = parsers[False].parse_file(field / 'zero_length_drums' / f'{name}.mid')
        [track] = family.event_classes(piece.read(answer.data), config, pytest.fail)
        tracks[name] = track.tolist()
    assert all(track == tracks['normal'] for track in tracks.values())
    assert sum(event != 0 for event in tracks['normal']) > 30
