"""The families, one line each."""

import importlib

from solferino.hparams.errors import SolferinoError
from solferino.models.core.family import Family

# Family name -> the module that holds it as FAMILY. A family is imported when it is asked for, not before.
FAMILIES = {
    'drums_rnn': 'solferino.models.drums_rnn',
    'jazz_rnn': 'solferino.models.jazz_rnn',
    'melody_rnn': 'solferino.models.melody_rnn',
    'piano_rnn': 'solferino.models.piano_rnn',
    'rbm': 'solferino.models.rbm',
    'musegan': 'solferino.models.musegan',
}


def get(name: str) -> Family:
    """Returns the family called `name`. Raises SolferinoError that lists those there are."""
    if name not in FAMILIES:
        raise SolferinoError(f'There is no model family {name!r}. There are: {", ".join(FAMILIES)}.')
    return importlib.import_module(FAMILIES[name]).FAMILY


def family_of_config(config_name: str) -> Family:
    """Returns the family that has a config called `config_name` (a bundle's generator id)."""
    for name in FAMILIES:
        family = get(name)
        if config_name in family.spec.configs:
            return family
    raise SolferinoError(f'No model family has a config {config_name!r}.')
