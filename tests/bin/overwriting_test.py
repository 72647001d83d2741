"""No command writes over what it reads, or over a file of another kind."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from solferino.bin import (
    convert_dir_to_note_sequences,
    drums_rnn_create_dataset,
    drums_rnn_generate,
    solferino_convert_bundle,
    solferino_draw,
    solferino_evaluate,
    solferino_inspect,
    solferino_metrics,
    solferino_render,
    solferino_report,
    solferino_write_grooves,
)
from tests.bin.typed import typed as run

pytestmark = pytest.mark.once

_SEEDS = Path(__file__).parent.parent / 'fuzz' / 'seeds'


@pytest.fixture
def place(place: Path) -> Path:
    """The folder of all tests of commands, and in it NoteSequences that are called MIDI, and a text."""
    shutil.copy('notes.tfrecord', 'music/notes.mid')
    shutil.move('b.mag', 'theirs.mag')
    (place / 'thesis.txt').write_text('Years of work.')
    (place / 'tune.musicxml').write_bytes((_SEEDS / 'score.musicxml').read_bytes())
    (place / 'sounds.wav').write_bytes((_SEEDS / 'tiny.sf2').read_bytes())
    (place / 'made.html').write_text('<!DOCTYPE html>\ndrums_rnn_train\n')
    (place / 'voices.json').write_text('{"sets": [[[60, 55, 52, 48]]], "models": [[[60, 55, 52, 48]]]}')
    return place


_CONVERT = (convert_dir_to_note_sequences, '--input_dir=music')
_EXAMPLES = (drums_rnn_create_dataset, '--config=one_drum', '--eval_ratio=0')
_SAVE = (drums_rnn_generate, '--run_dir=run', '--save_generator_bundle')
_DRAW = (solferino_draw, '--input=music/a.mid')
_RENDER = (solferino_render, 'music/a.mid', '--output_dir=.')
_METRICS = (solferino_metrics, 'music/a.mid')
_EVALUATE = (solferino_evaluate, 'music/a.mid', '--bundle_file=theirs.mag')
_REPORT = (solferino_report, 'music/a.mid')
_TRAINING = 'data/training_drum_tracks.tfrecord'


def _link(make: Callable[[str, str], None], old: str, new: str) -> Callable[[], None]:
    def prepare() -> None:
        os.makedirs(os.path.dirname(new) or '.', exist_ok=True)
        make(os.path.abspath(old), new)

    return prepare


def _copy(old: str, new: str) -> Callable[[], None]:
    return _link(lambda source, target: Path(target).write_bytes(Path(source).read_bytes()) and None, old, new)


def _nothing() -> None:
    pass


@pytest.mark.parametrize(
    ('prepare', 'called', 'says'),
    [
        (_nothing, (*_CONVERT, '--output_file=music/a.mid'), 'music/a.mid is read here'),
        (_nothing, (*_CONVERT, '--output_file=music/notes.mid'), 'music/notes.mid is read here'),
        (_link(os.symlink, 'music/a.mid', 'out'), (*_CONVERT, '--output_file=out'), 'out is read here'),
        (_link(os.link, 'music/a.mid', 'out'), (*_CONVERT, '--output_file=out'), 'out is read here'),
        (_nothing, (*_CONVERT, '--output_file=thesis.txt'), 'is not a TFRecord file of NoteSequences'),
        (_nothing, (*_CONVERT, '--output_file=theirs.mag'), 'is not a TFRecord file of NoteSequences'),
        (
            _copy('thesis.txt', 'out-00001-of-00002'),
            (*_CONVERT, '--output_file=out@2'),
            'is not a TFRecord file of NoteSequences',
        ),
        (
            _copy('run/run.json', 'out.manifest.json'),
            (*_CONVERT, '--output_file=out.tfrecord'),
            'is not a manifest of converted music',
        ),
        (
            _copy('notes.tfrecord', _TRAINING),
            (*_EXAMPLES, f'--input={_TRAINING}', '--output_dir=data'),
            f'{_TRAINING} is read here',
        ),
        (
            _link(os.symlink, 'notes.tfrecord', _TRAINING),
            (*_EXAMPLES, '--input=notes.tfrecord', '--output_dir=data'),
            f'{_TRAINING} is read here',
        ),
        (
            _copy('notes.tfrecord', 'data/eval_drum_tracks.tfrecord'),
            (*_EXAMPLES, '--input=notes.tfrecord', '--output_dir=data'),
            'is not a TFRecord file of examples',
        ),
        (
            _copy('thesis.txt', 'data/drum_tracks.json'),
            (*_EXAMPLES, '--input=notes.tfrecord', '--output_dir=data'),
            'is not the description of a dataset',
        ),
        (_nothing, (*_SAVE, '--bundle_file=run/run.json'), 'run/run.json is there already and is not a bundle'),
        (_nothing, (*_SAVE, '--bundle_file=run/train/model.ckpt-3.safetensors'), 'is not a bundle'),
        (_nothing, (*_SAVE, '--bundle_file=music/a.mid'), 'is not a bundle'),
        (_nothing, (*_SAVE, '--bundle_file=notes.tfrecord'), 'is not a bundle'),
        (_nothing, (*_SAVE, '--bundle_file=thesis.txt'), 'is not a bundle'),
        (_nothing, (solferino_convert_bundle, 'theirs.mag', './theirs.mag'), 'theirs.mag is read here'),
        (
            _link(os.symlink, 'theirs.mag', 'ours.mag'),
            (solferino_convert_bundle, 'theirs.mag', 'ours.mag'),
            'ours.mag is read here',
        ),
        (_nothing, (solferino_convert_bundle, 'theirs.mag', 'music/a.mid'), 'is not a bundle'),
        (_copy('thesis.txt', 'all.png'), (*_DRAW, '--contact_sheet=all.png'), 'all.png is there already and is not a'),
        (_copy('thesis.txt', 'out/a.png'), (*_DRAW, '--output_dir=out'), 'out/a.png is there already and is not a'),
        (_copy('music/a.mid', 'b.png'), (solferino_draw, '--input=b.png', '--output_dir=.'), 'is not a PNG picture'),
        (_copy('run/run.json', 'x.png'), (solferino_inspect, 'music/a.mid', '--plot=x.png'), 'is not a PNG picture'),
        (
            _copy('thesis.txt', 'out/rock_01.mid'),
            (solferino_write_grooves, '--output_dir=out', '--styles=rock', '--num_files=1'),
            'out/rock_01.mid is there already and is not a MIDI file',
        ),
        (_nothing, (solferino_render, 'tune.musicxml', '--output_dir=.', '--format=musicxml'), 'tune.musicxml is read'),
        (
            _link(os.symlink, 'tune.musicxml', 'out/a.musicxml'),
            (solferino_render, 'music/a.mid', 'tune.musicxml', '--output_dir=out', '--format=wav,musicxml'),
            'out/a.musicxml is read here',
        ),
        (_copy('sounds.wav', 'a.wav'), (*_RENDER, '--format=wav', '--soundfont=a.wav'), 'a.wav is read here'),
        (_copy('sounds.wav', 'a.wav'), (*_RENDER, '--format=wav', '--soundfont=sounds.wav'), 'is not a WAV file'),
        (_copy('thesis.txt', 'a.mp3'), (*_RENDER, '--format=mp3'), 'a.mp3 is there already and is not an MP3 file'),
        (_copy('thesis.txt', 'a.svg'), (*_RENDER, '--format=png,svg'), 'a.svg is there already and is not an SVG'),
        (_nothing, (*_METRICS, '--output=run/run.json'), 'is not metrics of music'),
        (_nothing, (*_METRICS, 'voices.json', '--output=voices.json'), 'voices.json is read here'),
        (_nothing, (*_EVALUATE, '--output=run/run.json'), 'is not likelihoods of music'),
        (_nothing, (*_EVALUATE, 'voices.json', '--output=voices.json'), 'voices.json is read here'),
        (_nothing, (*_REPORT, '--commands=made.html', '--output=made.html'), 'made.html is read here'),
        (_copy('thesis.txt', 'x.html'), (*_REPORT, '--output=x.html'), 'x.html is there already and is not an HTML'),
    ],
)
def test_what_would_be_destroyed_stays(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[], None],
    called: tuple[Any, ...],
    says: str,
) -> None:
    def contents() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in place.rglob('*') if path.is_file()}

    prepare()
    before = contents()
    assert run(*called) == 1
    error = capsys.readouterr().err
    assert says in error and ('Name another' in error or 'remove' in error)
    assert contents() == before


@pytest.mark.parametrize(
    'called',
    [
        (*_CONVERT, '--output_file=out.tfrecord'),
        (*_EXAMPLES, '--input=notes.tfrecord', '--output_dir=data'),
        (*_SAVE, '--bundle_file=ours.mag'),
        (solferino_convert_bundle, 'theirs.mag', 'ours.mag'),
        (*_DRAW, '--contact_sheet=all.png', '--output_dir=out'),
        (solferino_write_grooves, '--output_dir=out', '--styles=rock', '--num_files=1'),
        (
            solferino_render,
            'music/a.mid',
            '--output_dir=out',
            '--format=wav,mp3,flac,ogg,png,svg,pdf,musicxml,score.svg',
        ),
        (*_METRICS, '--output=metrics.json'),
        (*_EVALUATE, '--output=scores.json'),
        (*_REPORT, '--output=report.html'),
    ],
)
@pytest.mark.usefixtures('place')
def test_an_older_output_is_replaced(called: tuple[Any, ...]) -> None:
    assert run(*called) == 0
    assert run(*called) == 0
