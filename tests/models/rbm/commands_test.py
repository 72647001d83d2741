"""The generate command where a family's outputs may have no notes."""

from pathlib import Path

import numpy as np
import pytest

from solferino.bin import rbm_generate
from solferino.hparams.rbm import SPEC
from solferino.models.loading import Model
from solferino.models.rbm import FAMILY

CONFIG = SPEC.configs['frame']


def _generate(tmp_path: Path, bias: float, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Five outputs of a step of a model in which one key sounds with the probability sigmoid(bias), and no other."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in FAMILY.weight_shapes(CONFIG).items()}
    weights['visible_bias'][:] = -100
    weights['visible_bias'][40] = bias
    Model(FAMILY, CONFIG, weights, 'here', 'frame', 'Tiny.').save_bundle(tmp_path / 'tiny.mag')
    out = tmp_path / 'out'
    arguments = (
        f'--bundle_file={tmp_path}/tiny.mag --output_dir={out} --num_outputs=5 --num_steps=1 --seed=1 --gibbs_steps=2'
    )
    monkeypatch.setattr('sys.argv', ['rbm_generate', *arguments.split()])
    rbm_generate.console_entry_point()
    return sorted(out.iterdir())


def test_outputs_without_notes_are_counted_and_not_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written = len(_generate(tmp_path, 0.0, monkeypatch))
    assert 0 < written < 5
    assert f'{5 - written} of the 5 outputs have no notes and were not written' in caplog.text
    told = capsys.readouterr().out
    assert f'Generated {written} MIDI file' in told and 'of 1 steps (0.125 s)' in told


def test_nothing_but_silence_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        _generate(tmp_path, -100.0, monkeypatch)
    assert stopped.value.code == 1
    told = capsys.readouterr().err
    assert 'None of the 5 outputs has notes, so nothing was written' in told
    assert all(flag in told for flag in ('--start=noise', '--primer_midi', '--gibbs_steps'))
    assert not (tmp_path / 'out').exists()
