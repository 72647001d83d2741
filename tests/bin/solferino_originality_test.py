"""The command that tells what is copied, and the flag of generating that does."""

import functools
import json
from pathlib import Path

import pytest
from note_seq import midi_io

from solferino.bin import command, generate, solferino_originality
from solferino.hparams.drums_rnn import SPEC
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song
from tests.bin.typed import typed


@pytest.fixture
def training(tmp_path: Path) -> Path:
    (tmp_path / 'training').mkdir()
    for name in ('waltz', 'disco', 'funk'):
        midi_io.note_sequence_to_midi_file(song(style(name)), str(tmp_path / f'training/{name}.mid'))
    return tmp_path / 'training'


run = functools.partial(typed, solferino_originality)


def test_a_copy_is_named(training: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(str(training / 'waltz.mid'), f'--training={training}') == 0
    out = capsys.readouterr().out
    assert '100 %  waltz.mid from bar 1: waltz.mid from bar 1\n' in out
    assert 'The 3 training pieces have of each other' in out
    assert run(str(training), f'--training={training / "waltz.mid"}') == 0
    assert 'There is one training piece' in capsys.readouterr().out


def test_files_of_one_name_are_told_apart_by_their_folders(training: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ('a', 'b'):
        (training / name).mkdir()
        (training / f'{name}/waltz.mid').write_bytes((training / 'waltz.mid').read_bytes())
    (training / 'waltz.mid').unlink()
    assert run(str(training / 'a'), f'--training={training / "b"},{training / "a"},{training}') == 0
    assert f'waltz.mid from bar 1: {training}/a/waltz.mid from bar 1\n' in capsys.readouterr().out


def test_all_of_it_as_json(training: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'copies.json'
    waltz = str(training / 'waltz.mid')
    assert run(waltz, str(training), f'--training={training}', f'--output={out}') == 0
    text = capsys.readouterr().out
    found = json.loads(out.read_text())
    assert [one['name'] for one in found['training']] == ['disco.mid', 'funk.mid', 'waltz.mid']
    copied = found['generated'][0]
    assert copied['name'] == copied['longest']['other'] == 'waltz.mid'
    assert copied['share'] == 1 and copied['longest']['other_bar'] == 1 and copied['longest']['semitones'] == 0
    assert f'{copied["longest"]["notes"]:>6} {copied["longest"]["bars"]:>6.1f}' in text
    assert f'at most {found["training_usual_notes"]} in 95 of 100' in text
    assert len(found['too_long']) == 3 and 'waltz.mid' in found['too_long']
    # Of one training piece it is not known what is usual; an older file of the kind is replaced, no other.
    assert run(waltz, f'--training={waltz}', f'--output={out}') == 0
    assert json.loads(out.read_text())['training_usual_notes'] is None
    out.write_text('{"models": []}')
    for name, message in (
        (out, 'copies.json'),
        (tmp_path / 'x.txt', 'ends in .json'),
        (f'{waltz}/x.json', 'cannot be written'),
    ):
        assert run(waltz, f'--training={waltz}', f'--output={name}') == 1
        assert message in capsys.readouterr().err
    assert out.read_text() == '{"models": []}'


def test_mistakes(training: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'empty').mkdir()
    for arguments, message in (
        ([f'--training={training}'], 'GENERATED'),
        ([str(training)], '--training'),
        ([str(training), '--training=/nowhere/x.mid'], "--training: no file matches '/nowhere/x.mid'"),
        ([str(tmp_path / 'empty'), f'--training={training}'], 'error: the folder'),
    ):
        assert run(*arguments) == 1
        assert message in capsys.readouterr().err


def test_generating_tells_of_originality(shared: Path, training: Path, tmp_path: Path, capsys) -> None:
    bundle = shared / 'golden/bundles/drum_kit.mag'
    if not bundle.exists():
        bundle = next((shared / 'golden/bundles').glob('*drum*.mag'))
    arguments = [f'--bundle_file={bundle}', f'--output_dir={tmp_path}/out', '--num_outputs=2', '--seed=1']
    for inputs, code in ((str(training), 0), ('/nowhere/x.mid', 1)):
        try:
            command.run(
                '', lambda fv: generate.define(fv, SPEC), lambda fv: generate.main(fv, SPEC),
                ['drums_rnn_generate', *arguments, f'--originality={inputs}'],
            )  # fmt: skip
        except SystemExit as stop:
            assert stop.code == code
        else:
            assert code == 0
    said = capsys.readouterr()
    assert 'The 3 training pieces have of each other' in said.out
    assert "--originality: no file matches '/nowhere/x.mid'" in said.err
    assert len(list((tmp_path / 'out').iterdir())) == 2
