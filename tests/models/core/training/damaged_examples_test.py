"""Examples whose records are whole and whose contents cannot be are refused before anything is made of their sizes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core.storage import records, sequence_examples
from solferino.models.core.training import data
from solferino.pipelines.inspection import kinds

EXAMPLES: dict[str, dict[str, Any]] = {
    'one_drum': {'events': [0, 1, 0, 1]},
    'basic_rnn': {'events': [0, 2, 1, 2]},
    'gru_nade': {'pitches': [60, 62], 'sizes': [1, 1], 'context': [0], 'begins': [1]},
    'chords': {'ones': [0, 5], 'steps': [15]},
}
DAMAGES: list[tuple[str, str, Any]] = [
    ('one_drum', 'events', [0, 2**40]),
    ('one_drum', 'events', [-1, 0]),
    ('one_drum', 'events', [0.0, 1.0]),
    ('one_drum', 'events', [np.nan, 1.0]),
    ('one_drum', 'events/shape', [2**62, 4]),
    ('one_drum', 'events/shape', [0, 2**40]),
    ('one_drum', 'events/shape', [-1, 4]),
    ('one_drum', 'events/shape', [1] * 40),
    ('basic_rnn', 'events', [0, 1000]),
    ('gru_nade', 'pitches', [60, 200]),
    ('gru_nade', 'pitches', [60]),
    ('gru_nade', 'sizes', [2**62, 2]),
    ('gru_nade', 'context', [7]),
    ('gru_nade', 'begins', [np.inf]),
    ('chords', 'steps', [2**62]),
    ('chords', 'steps', [15 * 10**9]),
    ('chords', 'steps', [np.inf]),
    ('chords', 'ones', [-1]),
]


@pytest.mark.parametrize('name, field, value', DAMAGES)
def test_a_damaged_example_is_named(tmp_path: Path, name: str, field: str, value: Any) -> None:
    (family,) = (f for f in map(registry.get, registry.FAMILIES) if name in f.spec.configs)
    config = family.spec.configs[name]
    sound = {key: np.array(values) for key, values in EXAMPLES[name].items()}
    path = tmp_path / 'training_x.tfrecord'
    with records.Writer(str(path)) as writer:
        writer.write(sequence_examples.serialize(sound))
        assert data.parse(family, config, sequence_examples.serialize(sound))
        writer.write(sequence_examples.serialize({**sound, field: np.array(value)}))
    with pytest.raises(SolferinoError, match=r'training_x\.tfrecord: record 1 is no example'):
        data.load(family, config, str(path))
    try:
        kinds.inspect(str(path))
    except SolferinoError as error:
        assert 'record 1' in str(error)
