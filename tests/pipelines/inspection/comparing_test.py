"""Runs side by side."""

from pathlib import Path

import numpy as np
import pytest

from solferino.hparams.drums_rnn import SPEC
from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.runs import run_dir
from solferino.models.core.training import diagnosis, monitor
from solferino.pipelines.inspection import comparing, findings, kinds


def _run(path: Path, config: str, held_out: list[float]) -> str:
    run = run_dir.Run(str(path), SPEC.config(config), 0)
    run_dir.write(run, SPEC)
    with monitor.Board(run.train_dir) as train, monitor.Board(run.eval_dir) as held:
        for step, loss in enumerate(held_out, start=1):
            train.scalars(step * 100, {'loss': 1 / step})
            held.scalars(step * 100, {'loss': loss})
    assert settings.read_json(run_dir.run_path(str(path)))
    return str(path)


def test_runs_in_a_table(tmp_path: Path) -> None:
    good = _run(tmp_path / 'good', 'one_drum', np.geomspace(4, 1, 10).tolist())
    over = _run(tmp_path / 'over', 'drum_kit', [4.0, 3.0, 2.0, 1.5, 1.4, 1.3, 1.5, 1.8, 2.1, 2.4])
    found = [comparing.read(path) for path in (good, over)]
    assert [run.best_step for run in found] == [1000, 600]
    assert [run.diagnosis.kind for run in found] == [diagnosis.LEARNING, diagnosis.OVERFITTING]
    text = comparing.table(found)
    assert 'one_drum' in text and 'drum_kit' in text and 'Overfitting since step 600' in text
    assert '\nbatch_size' not in text or SPEC.config('one_drum').hparams != SPEC.config('drum_kit').hparams
    assert 'Overfitting since step 600' in findings.text(kinds.inspect(over))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SolferinoError, match='no run directory'):
        comparing.read(str(tmp_path))
    assert comparing.table([comparing.read(_run(tmp_path / 'empty', 'one_drum', []))])
