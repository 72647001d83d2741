"""The generate command, as far as it is the same for all families."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.bin import command, generate
from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models import load, registry, write_midi
from solferino.models.core import settings
from solferino.models.core.storage import checkpoints
from solferino.models.loading import Model
from solferino.models.music.sound import sound_files

_DRUMS, _PIANO, _RBM = (registry.get(name) for name in ('drums_rnn', 'piano_rnn', 'rbm'))
_STAMP = r'\d{4}-\d\d-\d\d_\d{6}'


def _model(family: Any, name: str, hparams: str, **more: Any) -> Model:
    config = family.spec.configs[name]
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, hparams), **more)
    weights = {name: variable.numpy() for name, variable in family.model(config, 0).named_weights().items()}
    return Model(family, config, weights, 'here', name, 'Tiny.')


@pytest.fixture(scope='module')
def drums() -> Model:
    return _model(_DRUMS, 'drum_kit', 'rnn_layer_sizes=[4],attn_length=0')


@pytest.fixture
def bundle(drums: Model, tmp_path: Path) -> Path:
    drums.save_bundle(tmp_path / 'my beats.mag')
    return tmp_path / 'my beats.mag'


@pytest.fixture
def run_dir(drums: Model, tmp_path: Path) -> Path:
    """With the checkpoints 10 and 20, of which the first is the best."""
    train = tmp_path / 'run' / 'train'
    record = {**settings.record_of(_DRUMS.spec, drums.config), 'seed': 0}
    for step, loss in ((10, 1.5), (20, None)):
        checkpoint = checkpoints.Checkpoint(step, dict(drums.weights), {}, record, loss)
        checkpoints.save(str(train), checkpoint)
        if loss:
            checkpoints.keep_best(str(train), checkpoint)
    return tmp_path / 'run'


def _run(family: Any, *arguments: object) -> int:
    try:
        command.run(
            '',
            lambda values: generate.define(values, family.spec),
            lambda values: generate.main(values, family.spec),
            ['generate', *map(str, arguments)],
        )
    except SystemExit as stop:
        return int(str(stop.code))
    return 0


def _names(folder: Path) -> list[str]:
    """The names of files with the date and time replaced."""
    return sorted(re.sub(_STAMP, 'NOW', path.name) for path in folder.iterdir())


def test_files_of_a_bundle_lie_beside_it_under_its_name(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_DRUMS, f'--bundle_file={bundle}', '--num_outputs=10', '--num_bars=2') == 0
    assert _names(bundle.parent / 'generated') == [f'my beats_NOW_{n:02d}.mid' for n in range(1, 11)]
    out = capsys.readouterr().out
    assert 'Generated 10 MIDI files of 32 steps (4 s) in ' in out
    assert 'Using' not in out
    _run(_DRUMS, f'--bundle_file={bundle}', '--num_outputs=1', '--primer_drums=[(36,),(),(42,)]')
    assert 'Generated 1 MIDI file of 128 steps (16 s), 3 of them the primer, in ' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('flags', 'used', 'step'),
    [
        (['--run_dir={run}'], 'best.ckpt-10 (held-out loss 1.5 at step 10)', 10),
        (['--run_dir={run}', '--checkpoint=best'], 'best.ckpt-10 (held-out loss 1.5 at step 10)', 10),
        (['--run_dir={run}', '--checkpoint=newest'], 'model.ckpt-20 (at step 20)', 20),
        (['--checkpoint_file={run}/train/model.ckpt-20'], 'model.ckpt-20 (at step 20)', 20),
    ],
)
def test_files_of_a_run_lie_in_it_and_tell_the_step(
    run_dir: Path, capsys: pytest.CaptureFixture[str], flags: list[str], used: str, step: int
) -> None:
    source = [flag.format(run=run_dir) for flag in flags]
    assert _run(_DRUMS, *source, '--num_outputs=1', '--num_steps=8') == 0
    assert _names(run_dir / 'generated') == [f'drum_kit-{step}_NOW_1.mid']
    out = capsys.readouterr().out
    assert f'Using {run_dir}/train/{used}.\n' in out
    assert 'Generated 1 MIDI file of 8 steps' in out
    assert _run(_DRUMS, *source, '--save_generator_bundle', f'--bundle_file={run_dir}/x.mag') == 0
    assert f'Using {run_dir}/train/{used}.\n' in capsys.readouterr().out


@pytest.mark.parametrize('qpm', ['1e8', '6001', '3.9', '0', '-120'])
@pytest.mark.parametrize('family', [_DRUMS, _PIANO, _RBM])
def test_a_tempo_that_no_player_keeps_is_refused(
    bundle: Path, capsys: pytest.CaptureFixture[str], family: Any, qpm: str
) -> None:
    assert _run(family, f'--bundle_file={bundle}', f'--qpm={qpm}') == 1
    assert f'--qpm={float(qpm):g} must be from 4 to 6000 quarters a minute.' in capsys.readouterr().err
    assert _names(bundle.parent) == [bundle.name]


def test_what_cannot_be_is_said(run_dir: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run_dir / 'run.json').write_text('{}')
    for flags, says in (
        (
            [f'--run_dir={run_dir.parent}/nope'],
            f'no run directory or checkpoint {run_dir.parent}/nope. Run directories',
        ),
        ([f'--bundle_file={bundle}', '--checkpoint=best'], '--checkpoint=best chooses one of those of a --run_dir'),
        ([f'--bundle_file={bundle}', '--num_bars=2', '--seconds=3'], '--num_bars and --seconds: give one length'),
        ([f'--bundle_file={bundle}', '--num_bars=2', '--num_steps=128'], '--num_steps and --num_bars: give one length'),
        ([f'--bundle_file={bundle}', '--num_bars=1', f'--primer_drums={[(36,)] * 20}'], '--num_bars=1 (16 steps)'),
    ):
        assert _run(_DRUMS, *flags) == 1
        assert says in capsys.readouterr().err


@pytest.mark.parametrize('outputs', [1, 5])
def test_all_outputs_are_drawn_in_one_picture(bundle: Path, outputs: int, capsys: pytest.CaptureFixture[str]) -> None:
    primer = '--primer_drums=[(36,),(),(42,)]'
    assert _run(_DRUMS, f'--bundle_file={bundle}', f'--num_outputs={outputs}', primer, '--draw') == 0
    folder = bundle.parent / 'generated'
    assert _names(folder) == ['my beats_NOW.png', *(f'my beats_NOW_{n + 1}.mid' for n in range(outputs))]
    (picture,) = folder.glob('*.png')
    assert str(picture) in capsys.readouterr().out
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_accents_are_heard_in_the_files(bundle: Path) -> None:
    levels = {}
    for flag in ('--accents', '--noaccents'):
        folder = bundle.parent / flag
        assert (
            _run(_DRUMS, f'--bundle_file={bundle}', '--num_outputs=1', '--seed=1', f'--output_dir={folder}', flag) == 0
        )
        (path,) = folder.iterdir()
        levels[flag] = {note.velocity for note in midi_io.midi_file_to_note_sequence(str(path)).notes}
    assert len(levels['--noaccents']) == 1 < len(levels['--accents'])


def _beginning(family: Any, model: Model, tmp_path: Path, *flags: str) -> int:
    model.save_bundle(tmp_path / 'tiny.mag')
    where = (f'--bundle_file={tmp_path}/tiny.mag', f'--output_dir={tmp_path}/out')
    return _run(family, *where, '--num_outputs=1', *flags)


def _melody(path: Path) -> Path:
    sequence = music_pb2.NoteSequence()
    sequence.notes.add(pitch=60, velocity=80, end_time=1.0)
    write_midi(sequence, path)
    return path


@pytest.mark.parametrize(
    ('flags', 'says'),
    [
        ([], 'beginning with silence.'),
        (['--start=noise'], 'beginning with noise.'),
        (['--clamp_midi={midi}'], 'beginning with silence, and the notes of --clamp_midi.'),
        (['--primer_midi={midi}'], None),
    ],
)
def test_what_a_chain_begins_with_is_said(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    says: str | None,
) -> None:
    model = _model(_RBM, 'chords', 'hidden_units=2')
    given = [flag.format(midi=_melody(tmp_path / 'melody.mid')) for flag in flags]
    assert _beginning(_RBM, model, tmp_path, '--gibbs_steps=1', *given) == 0
    told = [record.getMessage() for record in caplog.records if 'beginning with' in record.getMessage()]
    assert told == ([f'No primer was given: {says}'] if says else [])
    assert 'Generated 1 MIDI file of up to ' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('flags', 'says'),
    [
        ([], 'beginning with the note C4 after silence.'),
        (['--random_frames=3'], 'beginning with 3 frames that the model knows.'),
        (['--start_note=D4'], None),
    ],
)
def test_what_frames_begin_with_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, flags: list[str], says: str | None
) -> None:
    learned = type(_PIANO.spec.configs['gru_attention'].learned)(('60', 'e', '60,64'))
    hparams = 'embedding_size=3,rnn_layer_sizes=[4,4],attention_size=2'
    model = _model(_PIANO, 'gru_attention', hparams, learned=learned)
    assert _beginning(_PIANO, model, tmp_path, '--seconds=2', *flags) == 0
    told = [record.getMessage() for record in caplog.records if 'beginning with' in record.getMessage()]
    assert told == ([f'No primer was given: {says}'] if says else [])


def test_load_takes_the_best_checkpoint_or_the_one_that_is_named(run_dir: Path, bundle: Path) -> None:
    assert load(run_dir).step == load(run_dir, checkpoint='best').step == 10
    assert load(run_dir, checkpoint='newest').step == 20
    assert load(bundle).step is None
    for path, choice, says in (
        (run_dir, 'last', "must be 'newest' or 'best'"),
        (run_dir / 'train/model.ckpt-20.safetensors', 'best', 'is one checkpoint'),
        (bundle, 'newest', 'is one model'),
    ):
        with pytest.raises(SolferinoError, match=says):
            load(path, checkpoint=choice)


def test_the_files_of_a_killed_run_are_completed_or_gone(bundle: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = bundle.parent / 'generated'
    folder.mkdir()
    half, early = folder / '.writing.abcdefgh.tmp', folder / '.writing.12345678.tmp'
    for left in (half, early):
        left.mkdir()
        (left / '2.mid').write_bytes(b'second')
    (half / 'names.json').write_text('{"1.mid": "x_1.mid", "2.mid": "x_2.mid"}')
    (folder / 'x_1.mid').write_bytes(b'first')
    with caplog.at_level('WARNING'):
        assert _run(_DRUMS, f'--bundle_file={bundle}', '--num_outputs=1', '--num_bars=2') == 0
    assert _names(folder) == ['my beats_NOW_1.mid', 'x_1.mid', 'x_2.mid']
    assert (folder / 'x_2.mid').read_bytes() == b'second'
    assert 'x_2.mid: the files of an earlier run that was killed are complete now' in caplog.text


@pytest.mark.parametrize('names', ['[]', '{"1.mid": 1}', '{"1.mid": "../x.mid"}', '{"../../kept": "x.mid"}', '{'])
def test_names_that_a_killed_run_did_not_write_are_not_followed(bundle: Path, names: str) -> None:
    folder = bundle.parent / 'generated'
    left = folder / '.writing.abcdefgh.tmp'
    left.mkdir(parents=True)
    (left / '1.mid').write_bytes(b'first')
    (left / 'names.json').write_text(names)
    (bundle.parent / 'kept').write_text('')
    assert _run(_DRUMS, f'--bundle_file={bundle}', '--num_outputs=1', '--num_bars=2') == 0
    assert _names(folder) == ['my beats_NOW_1.mid']
    assert (bundle.parent / 'kept').exists() and not (bundle.parent / 'x.mid').exists()


def test_music_is_rendered_beside_its_files(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [f'--bundle_file={bundle}', '--num_outputs=2', '--num_steps=8', '--seed=1']
    assert _run(_DRUMS, *flags, '--render=mp3,PNG,.svg', '--draw') == 0
    folder = bundle.parent / 'generated'
    names = [f'my beats_NOW_{n}.{ending}' for n in (1, 2) for ending in ('mid', 'mp3', 'png', 'svg')]
    assert _names(folder) == sorted([*names, 'my beats_NOW.png'])
    out = capsys.readouterr().out
    assert all(str(path) in out for path in folder.iterdir() if path.suffix in ('.mp3', '.png', '.svg'))
    sound, rate = sound_files.decode(next(folder.glob('*_1.mp3')).read_bytes())
    assert len(sound) > rate and abs(sound).max() > 0.1


def test_what_cannot_be_rendered_is_said_before_anything_is_generated(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags, says in (
        (['--render=gif'], "--render=gif: 'gif' is none of: wav, mp3"),
        (['--render=mp3', '--soundfont=no.sf2'], '--soundfont=no.sf2 is not there.'),
        (['--soundfont=no.sf2'], '--soundfont=no.sf2: nothing is to sound. Add --render=mp3.'),
    ):
        assert _run(_DRUMS, f'--bundle_file={bundle}', *flags) == 1
        assert says in capsys.readouterr().err
        assert _names(bundle.parent) == [bundle.name]


def test_silence_that_is_kept_is_not_rendered(
    bundle: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = load(bundle).generate(num_outputs=2, num_steps=8, seed=1)
    del made[0].notes[:]
    monkeypatch.setattr(Model, 'generate_with', lambda *arguments: made)
    assert _run(_DRUMS, f'--bundle_file={bundle}', '--num_outputs=2', '--num_steps=8', '--render=wav') == 0
    endings = [name.rpartition('_')[2] for name in _names(bundle.parent / 'generated')]
    assert endings == ['1.mid', '2.mid', '2.wav']
    assert '_1.mid is not rendered: There are no notes' in caplog.text


def test_bars_of_a_file_are_made_anew(
    bundle: Path, drums: Model, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (given,) = drums.generate(num_bars=4, seed=1)
    write_midi(given, bundle.parent / 'a.mid')
    source = [f'--bundle_file={bundle}', f'--infill_midi={bundle.parent}/a.mid', '--num_outputs=2', '--seed=3']
    assert _run(_DRUMS, *source, '--infill_bars=2-3') == 0
    assert 'Made 2 to 6 s of ' in capsys.readouterr().out
    for path in (bundle.parent / 'generated').iterdir():
        made = midi_io.midi_file_to_note_sequence(str(path))
        outside = [
            [(round(note.start_time, 3), note.pitch) for note in one.notes if not 1.9 < note.start_time < 5.9]
            for one in (given, made)
        ]
        assert sorted(outside[0]) == sorted(outside[1])
    seen = []
    monkeypatch.setattr(type(drums.family), 'draw', lambda *arguments: seen.append(arguments) or Figure())
    more = ['--infill_bars=2-3', '--draw', '--best=1', '--render=wav,png', f'--originality={bundle.parent}/a.mid']
    assert _run(_DRUMS, *source, *more, f'--output_dir={bundle.parent}/more') == 0
    assert sorted({Path(name).suffix for name in _names(bundle.parent / 'more')}) == ['.mid', '.png', '.wav']
    out = capsys.readouterr().out
    assert 'kept as' in out and 'anew, 2 times' in out and 'Longest run of notes' in out
    assert len(seen) == 2
    for _, music, _, marks in seen:
        kept = [note for k, note in enumerate(music.notes) if k in marks.kept]
        assert sorted((note.pitch, note.velocity) for note in kept) == sorted(
            (note.pitch, note.velocity) for note in given.notes if not 1.9 < note.start_time < 5.9
        )
    for wrong, said in [
        ([], 'Give --infill_midi with one of'),
        (['--infill_bars=2', '--infill_seconds=1-2'], 'Give --infill_midi with one of'),
        (['--infill_bars=3-2'], '--infill_bars=3-2 must be a range such as 3-4'),
        (['--infill_seconds=2'], '--infill_seconds=2 must be a range such as 4-8'),
        (['--infill_seconds=4-2'], '--infill_seconds=4-2 must be a range such as 4-8'),
        (['--infill_bars=x'], '--infill_bars=x must be a range'),
        (['--infill_bars=9'], 'Bar 9 cannot be made anew: the music has 4 bars.'),
        (['--infill_bars=2', '--num_bars=4'], '--num_bars does not go with --infill_midi, whose length stays.'),
        (['--infill_bars=2', '--primer_drums=[(36,)]'], '--primer_drums does not go with --infill_midi, which is what'),
    ]:
        capsys.readouterr()
        assert _run(_DRUMS, *source, *wrong) == 1
        assert said in capsys.readouterr().err
