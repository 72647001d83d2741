"""The models that take part in the piano-roll benchmark, each with what it wants to be told of a roll."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pianoroll_data
import pianoroll_lstm
from pianoroll_training import Entrant

from solferino.hparams import overrides
from solferino.models import registry
from solferino.models.core.family import Example
from solferino.models.rbm.note_states import NoteStates


def entrant(model: str, hparams: str, training: Sequence[np.ndarray], evaluation: str = '') -> Entrant:
    """Returns the model called so.

    Args:
      model: 'lstm', or one of the families' configs.
      hparams: that differ from the config's.
      training: rolls to learn from what the family learns before training.
      evaluation: hyperparameters that differ from those again.

    Raises:
      SolferinoError: for hyperparameters that it does not have.
    """
    if model == 'lstm':
        family: Any = pianoroll_lstm.PlainLstm()
        config: Any = pianoroll_lstm.LstmConfig()
    else:
        family = registry.family_of_config(model)
        config = family.spec.config(model)
    for text in (hparams, evaluation):
        config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, text))
    if model in ('frame', 'rnn_rbm'):
        layout = NoteStates.of(config.extraction)

        def matrix(keys: np.ndarray, seen: int) -> Example:
            if seen:
                raise ValueError(f'{model} predicts all steps that it sees.')
            return layout.pack(keys)

        traits: collections.Counter[str] = collections.Counter()
        for keys in training:
            traits.update(family.traits(matrix(keys, 0), config))
        config, _ = family.learn(config, traits, {})
        return Entrant(family, config, matrix)
    if model != 'lstm':  # rolls do not tell what is struck
        config = dataclasses.replace(config, extraction=dataclasses.replace(config.extraction, articulation=False))
    return Entrant(family, config, pianoroll_data.example)
