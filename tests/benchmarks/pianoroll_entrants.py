"""The models that take part in the piano-roll benchmark, each with what it wants to be told of a roll."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pianoroll_data
import pianoroll_lstm
from pianoroll_training import Entrant, mean_loss

from solferino.hparams import overrides
from solferino.models.core.family import Example


def entrant(model: str, hparams: str) -> Entrant:
    """Returns the model called so. Raises SolferinoError for hyperparameters that it does not have."""
    return ENTRANTS[model](hparams)


def _lstm(hparams: str) -> Entrant:
    return Entrant(pianoroll_lstm.PlainLstm(), _config(pianoroll_lstm.LstmConfig(), hparams), _whole, mean_loss)


ENTRANTS = {'lstm': _lstm}


def _config(config: Any, hparams: str) -> Any:
    return dataclasses.replace(config, hparams=overrides.parse(config.hparams, hparams))


def _whole(keys: np.ndarray, seen: int) -> Sequence[Example]:
    return [pianoroll_data.example(keys, seen)]
