"""What curves say."""

import numpy as np
import pytest

from solferino.models.core.training import diagnosis
from solferino.models.core.training.diagnosis import Diagnosis

_STEPS = np.arange(10, 1010, 10)
_EVALS = np.arange(50, 1050, 50)


def _of(train: np.ndarray | None, held: np.ndarray | None, noise: float = 0.02, seed: int = 0) -> Diagnosis:
    rng = np.random.default_rng(seed)
    curves = [
        None if values is None else (steps.tolist(), (values + scale * rng.normal(size=len(values))).tolist())
        for steps, values, scale in ((_STEPS, train, noise), (_EVALS, held, noise / 5))
    ]
    return diagnosis.diagnose(*curves)


def _decay(steps: np.ndarray, scale: float, end: float = 0.5) -> np.ndarray:
    return end + 2 * np.exp(-steps / scale)


@pytest.mark.parametrize('seed', range(5))
def test_kinds_with_noise(seed: int) -> None:
    falling = _decay(_STEPS, 400)
    assert _of(falling, _decay(_EVALS, 400, 0.7), seed=seed).kind == diagnosis.LEARNING
    assert _of(_decay(_STEPS, 60), _decay(_EVALS, 60, 0.7), 0.002, seed).kind == diagnosis.PLATEAU
    late = np.where(_EVALS > 600, 1.0 + (_EVALS - 600) / 1000, _decay(_EVALS, 100, 1.0))
    found = _of(falling, late, seed=seed)
    assert found.kind == diagnosis.OVERFITTING
    assert found.step in (500, 550, 600)  # a flat valley, with noise
    early = np.where(_EVALS > 200, 1.0 + (_EVALS - 200) / 400, 1.0 + (200 - _EVALS) / 100)
    found = _of(_decay(_STEPS, 200, 0.1), early, seed=seed)
    assert (found.kind, found.step) == (diagnosis.TOO_LITTLE_DATA, 200)
    up = np.where(_STEPS > 500, 1.0 + (_STEPS - 500) / 200, _decay(_STEPS, 150, 0.9))
    assert _of(up, None, seed=seed).kind == diagnosis.DIVERGING
    assert _of(up, _decay(_EVALS, 100, 0.9), seed=seed).kind == diagnosis.DIVERGING


def test_the_line_says_what_to_do() -> None:
    late = np.where(_EVALS > 600, 2.0 + (_EVALS - 600) / 500, _decay(_EVALS, 150, 1.9))
    text = _of(_decay(_STEPS, 400), late).text
    assert 'since step 600' in text and 'best checkpoint' in text
    assert '--num_training_steps' in _of(_decay(_STEPS, 800), None).text
    assert '--eval_file' in _of(_decay(_STEPS, 800), None).text
    assert 'learning_rate' in _of(1 + _STEPS / 100.0, None).text


def test_a_held_out_loss_alone() -> None:
    late = np.where(_EVALS > 600, 1.0 + (_EVALS - 600) / 500, _decay(_EVALS, 150, 1.0))
    assert _of(None, late).kind == diagnosis.OVERFITTING


def test_short_and_odd_curves() -> None:
    assert diagnosis.diagnose(None, None).kind == diagnosis.UNKNOWN
    assert diagnosis.diagnose(([1, 2], [3.0, 2.0]), None).kind == diagnosis.UNKNOWN
    nans = ([1, 2, 3, 4, 5], [float('nan')] * 5)
    assert diagnosis.diagnose(nans, nans).kind == diagnosis.UNKNOWN
    flat = ([1, 2, 3, 4, 5], [1.0] * 5)
    assert diagnosis.diagnose(flat, flat).kind == diagnosis.PLATEAU
    assert diagnosis.diagnose(flat, ([2], [1.0])).kind == diagnosis.PLATEAU


def test_losses_of_two_kinds_are_not_held_beside_each_other() -> None:
    rises = {'training': (_STEPS.tolist(), (_STEPS / 10.0).tolist())}
    falls = {'evaluation': (_EVALS.tolist(), _decay(_EVALS, 400).tolist())}
    assert diagnosis.of_run({'loss': rises | falls}, compares_losses=False).kind == diagnosis.LEARNING
    assert diagnosis.of_run({'loss': rises | falls}).kind == diagnosis.DIVERGING
