"""Files to begin with, as people have them, given to the generate command of every family."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.bin import command, generate
from solferino.hparams import overrides
from solferino.models import registry, write_midi
from solferino.models.loading import Model

_HPARAMS = {
    ('drums_rnn', 'drum_kit'): 'rnn_layer_sizes=[4],attn_length=0',
    ('jazz_rnn', 'jazz_rnn'): 'rnn_layer_sizes=[4]',
    ('melody_rnn', 'mono_rnn'): 'rnn_layer_sizes=[4],attn_length=0',
    ('piano_rnn', 'gru_attention'): 'embedding_size=3,rnn_layer_sizes=[4,4],attention_size=2',
    ('piano_rnn', 'gru_nade'): 'rnn_layer_sizes=[6,5],nade_size=5,key_size=4,lags=[1,2],span=3',
    ('rbm', 'chords'): 'hidden_units=2',
    ('rbm', 'rnn_rbm'): 'hidden_units=3,rnn_units=3,ais_steps=100',
}
_CONFIGS = list(_HPARAMS)
_WITHOUT_PRIMERS = {'musegan'}  # which the contract test knows
_BY_TIME = [('piano_rnn', 'gru_attention'), ('piano_rnn', 'gru_nade')]  # which need no grid of quarters
_WITH_CHANGES = [*_BY_TIME, ('jazz_rnn', 'jazz_rnn')]  # which take tempos and metres as they come
_BY_METRE = [config for config in _CONFIGS if config not in _WITH_CHANGES]
_LEARNED = {'gru_attention': ('60', 'e', '60,64'), 'jazz_rnn': ('C12', 'C12:1,2', 'L12:-2,-1', 'R12')}


def test_every_family_is_here() -> None:
    assert {name for name, _ in _CONFIGS} | _WITHOUT_PRIMERS == set(registry.FAMILIES)


@pytest.fixture(scope='module')
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Untrained models."""
    folder = tmp_path_factory.mktemp('bundles')
    return {place: _save(*place, folder) for place in _CONFIGS}


def _save(name: str, config_name: str, folder: Path) -> Path:
    family = registry.get(name)
    config = family.spec.configs[config_name]
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, _HPARAMS[name, config_name]))
    if config_name in _LEARNED:
        config = dataclasses.replace(config, learned=type(config.learned)(_LEARNED[config_name]))
    weights = {name: variable.numpy() for name, variable in family.model(config, 0).named_weights().items()}
    Model(family, config, weights, 'here', config_name, 'Tiny.').save_bundle(folder / f'{config_name}.mag')
    return folder / f'{config_name}.mag'


@dataclasses.dataclass
class Ran:
    """What a command did: its exit code, what it said on stderr, and the music it wrote."""

    code: int
    said: str
    music: music_pb2.NoteSequence | None

    @property
    def metre(self) -> str:
        """'3/4'"""
        assert self.music, self.said
        (signature,) = self.music.time_signatures
        return f'{signature.numerator}/{signature.denominator}'


@pytest.fixture
def begin(
    bundles: dict[tuple[str, str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Any:
    """Generates one output with a model."""

    def run(place: tuple[str, str], *given: str) -> Ran:
        spec, out = registry.get(place[0]).spec, tmp_path / f'out{len(list(tmp_path.iterdir()))}'
        caplog.clear()
        where = [f'--bundle_file={bundles[place]}', f'--output_dir={out}', '--num_outputs=1', '--seed=1']
        more = ['--gibbs_steps=1', '--start=noise'] if place[0] == 'rbm' else []
        if '--primer_midi' in ' '.join(given) and place == ('rbm', 'chords'):
            more = ['--gibbs_steps=1']
        code = 0
        try:
            command.run(
                '',
                lambda values: generate.define(values, spec),
                lambda values: generate.main(values, spec),
                ['generate', *where, *more, *given],
            )
        except SystemExit as stop:
            code = int(str(stop.code))
        said = capsys.readouterr().err + '\n'.join(record.getMessage() for record in caplog.records)
        files = sorted(out.glob('*.mid')) if out.is_dir() else []
        return Ran(code, said, midi_io.midi_file_to_note_sequence(str(files[0])) if files else None)

    return run


@pytest.mark.parametrize('place', _CONFIGS, ids=lambda place: place[1])
@pytest.mark.parametrize('file, metre, qpm', [('three_four', '3/4', 150), ('six_eight', '6/8', 60)])
def test_the_metre_and_the_tempo_are_kept(
    begin: Any, field: Path, place: tuple[str, str], file: str, metre: str, qpm: float
) -> None:
    ran = begin(place, f'--primer_midi={field}/primer_metre_tempo/{file}.mid', '--num_bars=16', '--qpm=77')
    assert (ran.code, ran.metre) == (0, metre)
    assert ran.music.tempos[0].qpm == pytest.approx(qpm, rel=1e-3)
    assert f'--qpm=77 is not used: {field}/primer_metre_tempo/{file}.mid has its own tempo, {qpm}.' in ran.said


@pytest.mark.parametrize('place', _CONFIGS, ids=lambda place: place[1])
def test_bars_are_those_of_the_primer(begin: Any, field: Path, place: tuple[str, str]) -> None:
    primer = f'--primer_midi={field}/primer_metre_tempo/three_four.mid'
    ran = begin(place, primer, '--num_bars=6')
    assert ran.music.total_time <= 6 * 3 * 60 / 150 + 0.3
    if place[0] != 'rbm':
        assert ran.music.total_time > 6 * 3 * 60 / 150 - 2


@pytest.mark.parametrize('place', _CONFIGS, ids=lambda place: place[1])
def test_a_change_after_the_end_changes_nothing(begin: Any, field: Path, place: tuple[str, str]) -> None:
    ran = begin(place, f'--primer_midi={field}/primer_metre_tempo/tempo_after_end.mid')
    assert (ran.code, ran.metre) == (0, '4/4')
    assert ran.music.tempos[0].qpm == pytest.approx(90, rel=1e-3)


@pytest.mark.parametrize('flag, qpm', [('--nomagenta_reading', 60), ('--magenta_reading', 120)])
def test_files_are_read_as_they_sound_or_as_magenta_reads_them(begin: Any, field: Path, flag: str, qpm: float) -> None:
    primer = f'--primer_midi={field}/primer_metre_tempo/tempo_on_track1.mid'
    ran = begin(('melody_rnn', 'mono_rnn'), primer, flag)
    assert (ran.code, ran.music.tempos[0].qpm) == (0, pytest.approx(qpm))
    assert ('tempo_on_track1.mid: 1 tempo' in ran.said) == (qpm == 60)


def _song(path: Path, shift: float = 0.0, **instrument: Any) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=120)
    for k in range(4):
        start = shift + k * 0.5
        sequence.notes.add(pitch=60 + k, velocity=80, start_time=start, end_time=start + 0.5, **instrument)
    sequence.total_time = shift + 2.0
    write_midi(sequence, path)
    return sequence


@pytest.mark.parametrize('place', _CONFIGS, ids=lambda place: place[1])
def test_a_primer_stays_as_loud_as_it_is(begin: Any, tmp_path: Path, place: tuple[str, str]) -> None:
    """Unless all is to be alike; it is played a little early and late, after a silence."""
    primer = _song(tmp_path / 'primer.mid', 2.0, is_drum=place[0] == 'drums_rnn')
    given = {}
    for k, note in enumerate(primer.notes):
        note.velocity, note.pitch = 20 + 30 * k, (36, 38, 42, 46)[k] if note.is_drum else note.pitch
        note.start_time += 0.02 * (-1) ** k if k else 0
        given[note.pitch, 4 + k] = note.velocity  # quarters
    write_midi(primer, tmp_path / 'primer.mid')
    for flags, kept in ([], True), (['--accents'], True), (['--velocity=flat'], False), (['--velocity=99'], False):
        ran = begin(place, f'--primer_midi={tmp_path}/primer.mid', '--num_bars=4', *flags)
        found = {(note.pitch, round(note.start_time * 2)): note.velocity for note in ran.music.notes}
        found = {place: velocity for place, velocity in found.items() if place in given}
        if place == ('rbm', 'chords'):  # which does not keep it
            continue
        assert len(found) == 4
        assert (found == given) == kept


@pytest.mark.parametrize('place', _CONFIGS, ids=lambda place: place[1])
def test_changes_before_the_first_and_after_the_last_note_change_nothing(
    begin: Any, tmp_path: Path, place: tuple[str, str]
) -> None:
    _song(tmp_path / 'plain.mid', 2.0)
    changing = _song(tmp_path / 'changing.mid', 3.0)  # two quarters at 60, two at 120
    changing.tempos[0].qpm = 60
    changing.tempos.add(time=2.0, qpm=120)
    changing.tempos.add(time=6.0, qpm=200)
    changing.time_signatures.add(numerator=4, denominator=4)
    changing.time_signatures.add(numerator=7, denominator=8, time=8.0)
    write_midi(changing, tmp_path / 'changing.mid')
    plain, other = (begin(place, f'--primer_midi={tmp_path}/{name}.mid') for name in ('plain', 'changing'))
    assert plain.code == other.code == 0
    assert plain.music.notes == other.music.notes
    assert (plain.metre, other.metre) == ('4/4', '4/4')


@pytest.mark.parametrize('place', _BY_METRE, ids=lambda place: place[1])
@pytest.mark.parametrize(
    'file, says',
    [
        ('primer_metre_tempo/tempo_change', 'its tempo changes from 90 to 150 quarters a minute at 2.7 s, among its '),
        ('piano/prime_metre_change', 'its metre changes from 4/4 to 3/4 at 2.4 s, among its notes; give the part '),
    ],
)
def test_changes_among_the_notes_are_refused_with_a_remedy(
    begin: Any, field: Path, place: tuple[str, str], file: str, says: str
) -> None:
    ran = begin(place, f'--primer_midi={field}/{file}.mid')
    assert ran.code == 1 and says in ran.said


@pytest.mark.parametrize('place', _WITH_CHANGES, ids=lambda place: place[1])
@pytest.mark.parametrize('file', ['prime_tempo_changes', 'prime_metre_change'])
def test_not_all_need_one_tempo_and_metre(begin: Any, field: Path, place: tuple[str, str], file: str) -> None:
    assert begin(place, f'--primer_midi={field}/piano/{file}.mid').code == 0


@pytest.mark.parametrize('place', _CONFIGS, ids=lambda place: place[1])
def test_a_metre_that_begins_after_silence_begins_the_music(begin: Any, tmp_path: Path, place: tuple[str, str]) -> None:
    """The bar lines are those of the metre in which the notes are."""
    late = _song(tmp_path / 'late.mid', 2.0)
    late.time_signatures.add(numerator=4, denominator=4)
    late.time_signatures.add(numerator=3, denominator=4, time=2.0)
    write_midi(late, tmp_path / 'late.mid')
    ran = begin(place, f'--primer_midi={tmp_path}/late.mid')
    assert (ran.code, ran.metre) == (0, '3/4')
    assert 'late.mid: of 2 s of silence before it, 0 s are kept' in ran.said
    if place != ('rbm', 'chords'):  # which does not keep it
        assert ran.music.notes[0].start_time == 0


@pytest.mark.parametrize(
    'place, says',
    [
        (('drums_rnn', 'drum_kit'), '8 notes are not used: 8 of other instruments'),
        (('melody_rnn', 'mono_rnn'), '8 notes are not used: 1 of chords, 3 of other instruments, 4 of drums.'),
        (('piano_rnn', 'gru_nade'), '7 notes are not used: 3 of other instruments, 4 of drums; the examples of this '),
        (('rbm', 'chords'), '4 notes are not used: 4 of drums.'),
        (('jazz_rnn', 'jazz_rnn'), '4 notes are not used: 4 of drums.'),
    ],
    ids=lambda given: given[1] if isinstance(given, tuple) else '',
)
def test_what_is_not_used_is_said_in_a_line(begin: Any, tmp_path: Path, place: tuple[str, str], says: str) -> None:
    band = _song(tmp_path / 'band.mid')
    band.notes.add(pitch=48, velocity=80, start_time=0, end_time=1)
    for k in range(3):
        band.notes.add(pitch=70, velocity=80, start_time=k, end_time=k + 1, instrument=1, program=40)
    for k in range(4):
        band.notes.add(pitch=36, velocity=80, start_time=k, end_time=k + 0.1, instrument=9, is_drum=True)
    write_midi(band, tmp_path / 'band.mid')
    ran = begin(place, f'--primer_midi={tmp_path}/band.mid')
    assert ran.code == 0
    (line,) = [line for line in ran.said.splitlines() if 'not used' in line]
    assert line.startswith(f'band.mid: {says}')


def test_what_the_model_does_not_hear_is_said(begin: Any, tmp_path: Path) -> None:
    _song(tmp_path / 'low.mid')
    low = _song(tmp_path / 'low.mid')
    low.notes[0].pitch = 20
    write_midi(low, tmp_path / 'low.mid')
    drums = begin(('drums_rnn', 'drum_kit'), f'--primer_midi={tmp_path}/low.mid')
    assert 'low.mid: no notes are on channel 10, so that all are taken for drums; ' in drums.said
    assert '1 hit of drums that the model does not know: pitch 20.' in drums.said
    config = registry.get('melody_rnn').spec.configs['basic_rnn']
    assert registry.get('melody_rnn').remarks(low, config) == [
        'the model knows the pitches 48 to 83 alone and hears 4 notes octaves away'
    ]


@pytest.mark.parametrize('place', [('drums_rnn', 'drum_kit'), *_BY_TIME], ids=lambda place: place[1])
def test_silence_that_leaves_no_room_is_named(begin: Any, field: Path, place: tuple[str, str]) -> None:
    ran = begin(place, f'--primer_midi={field}/piano/prime_late_start.mid')
    assert ran.code == 1
    assert re.search(r'The primer takes \d+ \w+, (240|180) of them silence before it, and --num_steps=', ran.said)


def test_other_kinds_of_files_are_taken(begin: Any, tmp_path: Path) -> None:
    (tmp_path / 'tunes.abc').write_text('X:1\nT:One\nM:3/4\nL:1/4\nK:C\nCDE|FGA|\n\nX:2\nM:4/4\nL:1/4\nK:C\nCDEF|\n')
    ran = begin(('melody_rnn', 'mono_rnn'), f'--primer_midi={tmp_path}/tunes.abc')
    assert (ran.code, ran.metre) == (0, '3/4')
    assert [note.pitch for note in ran.music.notes[:6]] == [60, 62, 64, 65, 67, 69]
    assert 'tunes.abc holds 2 pieces: the first that has notes is taken.' in ran.said


@pytest.mark.parametrize(
    'content, says',
    [
        (None, 'cannot be read (No such file or directory): check its permissions'),
        (b'', 'empty file (0 bytes): it has no bytes: copy it again'),
        (b'RIGHT', 'not a MIDI file'),
    ],
)
def test_files_that_are_no_music_are_said_with_a_remedy(
    begin: Any, tmp_path: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / 'x.mid').write_bytes(content)
    ran = begin(('melody_rnn', 'mono_rnn'), f'--primer_midi={tmp_path}/x.mid')
    assert ran.code == 1 and f'error: --primer_midi={tmp_path}/x.mid: {says}' in ran.said


def test_a_file_without_notes_is_said(begin: Any, field: Path) -> None:
    ran = begin(('piano_rnn', 'gru_nade'), f'--primer_midi={field}/piano/prime_empty.mid')
    assert ran.code == 1 and 'prime_empty.mid: no note is struck.' in ran.said
    file = 'unclosed_and_overlapping/all_never_closed.mid'
    ran = begin(('melody_rnn', 'mono_rnn'), f'--primer_midi={field / file}')
    assert ran.code == 1 and 'all_never_closed.mid: no note has a length' in ran.said


def test_a_tune_without_notes_is_passed_over(begin: Any, tmp_path: Path) -> None:
    (tmp_path / 'book.abc').write_text('X:1\nK:C\n\nX:2\nL:1/4\nK:C\nCDEF|\n')
    ran = begin(('melody_rnn', 'mono_rnn'), f'--primer_midi={tmp_path}/book.abc')
    assert ran.code == 0 and 'book.abc holds 2 pieces' in ran.said


def test_how_to_keep_notes_needs_notes(begin: Any) -> None:
    ran = begin(('rbm', 'chords'), '--clamp=steps')
    assert ran.code == 1 and '--clamp=steps says what of --clamp_midi stays: give one' in ran.said


@pytest.mark.parametrize(
    'place, remedy',
    [
        (('drums_rnn', 'drum_kit'), '--num_bars=5'),
        (('piano_rnn', 'gru_nade'), '--num_bars='),
        (('rbm', 'rnn_rbm'), '--num_bars='),
    ],
    ids=lambda given: given[1] if isinstance(given, tuple) else '',
)
def test_the_remedy_names_the_flag_that_was_given(
    begin: Any, tmp_path: Path, place: tuple[str, str], remedy: str
) -> None:
    _song(tmp_path / 'song.mid')
    ran = begin(place, f'--primer_midi={tmp_path}/song.mid', '--num_bars=1')
    assert ran.code == 1 and remedy in ran.said and '--num_steps' not in ran.said
