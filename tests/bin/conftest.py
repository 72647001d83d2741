"""What tests of several commands begin with."""

from pathlib import Path

import numpy as np
import pytest
from note_seq import midi_io

from solferino.hparams.drums_rnn import SPEC
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.runs import bundles, run_dir
from solferino.models.core.storage import checkpoints, records
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the working one, with music, NoteSequences, a run and a bundle, all small."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'music').mkdir()
    music = song(style('rock'))
    midi_io.note_sequence_to_midi_file(music, 'music/a.mid')
    music.id = 'a'
    with records.Writer('notes.tfrecord') as writer:
        writer.write(music.SerializeToString())
    run = run_dir.Run('run', SPEC.config('one_drum'), 0)
    shapes = registry.get(SPEC.name).weight_shapes(run.config)
    record, weights = settings.record_of(SPEC, run.config), {k: np.zeros(v, np.float32) for k, v in shapes.items()}
    run_dir.write(run, SPEC)
    checkpoints.save('run/train', checkpoints.Checkpoint(3, weights, {}, record))
    bundles.write('b.mag', bundles.Bundle(record, weights, 'one_drum', ''))
    return tmp_path
