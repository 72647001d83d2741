"""The studio in a browser, as a musician uses it: drawn, generated, heard, saved, compared, learned.

Needs Node.js and Chromium, see conftest.py. SOLFERINO_SHOTS=folder keeps pictures of the page.
"""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from note_seq import midi_io

from solferino.hparams.drums_rnn import SPEC
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.runs import bundles
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song

HERE = Path(__file__).parent
_PATIENCE_S = 1200
SNARE, BASS, HAT = 38, 36, 42


@pytest.fixture(scope='module')
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drum_kit that has learned nothing, but plays about as many drums as people do."""
    path = tmp_path_factory.mktemp('bundle') / 'kit.mag'
    config = settings.choose(SPEC, settings.Given('drum_kit', 'rnn_layer_sizes=[16],attn_length=0'))
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(0, 0.2, shape).astype(np.float32)
        for name, shape in registry.get(SPEC.name).weight_shapes(config).items()
    }
    output = next(name for name, array in weights.items() if array.shape == (512,))
    hits = np.array([bin(number).count('1') for number in range(512)])
    weights[output] = np.where(hits < 3, 2.0, -3.0).astype(np.float32)
    bundles.write(path, bundles.Bundle(settings.record_of(SPEC, config), weights, 'drum_kit', 'A small one.'))
    return path


@pytest.fixture(scope='module')
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty MIDI files of drums."""
    folder = tmp_path_factory.mktemp('songs')
    names = ('rock', 'ska', 'house', 'disco', 'waltz')
    paths = []
    for number in range(20):
        paths.append(folder / f'{number:02d}.mid')
        midi_io.note_sequence_to_midi_file(song(style(names[number % 5]), number), str(paths[-1]))
    return paths


@pytest.fixture(scope='module')
def studio(page: Path, bundle: Path, songs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a studio that runs."""
    work = tmp_path_factory.mktemp('studio') / 'work'
    command = [sys.executable, '-m', 'solferino.bin.solferino_studio', f'--bundle_file={bundle}', f'--work_dir={work}',
               f'--music={songs[0].parent}', '--nobrowser']  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = re.search(r'http://\S+', process.stdout.readline())
            assert found, process.communicate()
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture
def use(studio: str, node_modules: Path, browser: str, tmp_path: Path) -> Any:
    """Plays a scenario of studio.js; returns what it saw, the files it saved being in `tmp_path`."""

    def play(scenario: str, **variables: str) -> dict[str, Any]:
        environment = os.environ | {
            'NODE_PATH': str(node_modules), 'ADDRESS': studio, 'BROWSER': browser, 'FOLDER': str(tmp_path),
            'MODEL': 'kit (drums_rnn, drum_kit)', 'SHOTS': os.environ.get('SOLFERINO_SHOTS', ''), **variables,
        }  # fmt: skip
        run = subprocess.run(
            ['node', HERE / 'studio.js', scenario], env=environment, capture_output=True, text=True, timeout=_PATIENCE_S
        )
        assert not run.returncode, run.stderr
        seen = json.loads(run.stdout)
        assert 'failed' not in seen, seen['failed'] + '\n' + seen.get('text', '') + '\n'.join(seen['console'])
        assert not seen['console'], 'the page has errors'
        assert not seen['elsewhere'], 'the page asks other servers'
        assert not seen['axe'], 'serious findings of the accessibility audit'
        return seen

    return play


def notes(path: Path, until: float = 1e9) -> set[tuple[int, float]]:
    sequence = midi_io.midi_file_to_note_sequence(str(path))
    return {(note.pitch, round(note.start_time, 2)) for note in sequence.notes if note.start_time < until}


def test_a_musician_draws_generates_hears_and_saves(use: Any, songs: list[Path], tmp_path: Path) -> None:
    seen = use('make', SONG=str(songs[0]))
    made = tmp_path / 'made.mid'
    # Sixteenths at 120 quarters a minute: an eighth of a second each.
    assert notes(made, until=1.9) >= {(BASS, 0.0), (HAT, 0.5), (SNARE, 0.5), (BASS, 1.0)}
    assert len(notes(made)) > 4
    assert seen['loudest'] > 0.01
    for name in ('made.wav', 'made.mp3'):
        frames, rate = soundfile.read(io.BytesIO((tmp_path / name).read_bytes()))
        assert np.abs(frames).max() > 0.1
        assert 8 <= len(frames) / rate <= 20
    assert '--seed=7' in seen['command'] and 'drums_rnn_generate' in seen['command']
    assert 'broken.mid' in seen['broken']
    assert seen['isOther']
    before, after = notes(made), notes(tmp_path / 'infilled.mid')

    def outside(found: set[tuple[int, float]]) -> set[tuple[int, float]]:
        return {note for note in found if not 1.99 <= note[1] < 3.99}

    assert outside(after) == outside(before)
    assert seen['rows'] > 3


def test_the_keyboard_is_enough(use: Any) -> None:
    assert 'snare' in use('keys')['said'].lower()


def test_a_phone_shows_all(use: Any) -> None:
    assert all(width <= 360 for width in use('phone')['widths'])


def test_a_model_is_trained_and_played(use: Any, songs: list[Path], tmp_path: Path) -> None:
    seen = use('learn', SONGS=os.pathsep.join(map(str, songs)), CONFIG='drum_kit', STEPS='40')
    assert seen['loudest'] > 0.01
    assert seen['diagnosis']
    assert notes(tmp_path / 'learned.mid')
