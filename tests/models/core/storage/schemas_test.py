"""Stored JSON is held against what it must be; what is damaged is said in a line, and nothing is taken for a size."""

import json
import math
from typing import Any

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.runs import run_dir, status
from solferino.models.core.storage import checkpoints, schemas
from solferino.pipelines import convert
from solferino.pipelines.inspection import kinds

RUN = {'family': 'drums_rnn', 'config': 'one_drum', 'seed': 0, 'dataset': {'path': 'x', 'examples': 3}, 'versions': {}}
STATUS = {'state': 'training', 'step': 1, 'total': 2, 'evaluates': True, 'pid': 1, 'host': 'x', 'heartbeat': 1.5}


@pytest.mark.parametrize('text', ['[' * 100_000, '{"a":' * 40 + '1' + '}' * 40, '9' * 5000, '', '{"a": 1'])
def test_what_is_no_json_or_lies_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        schemas.loads(text)


def test_what_a_declaration_does_not_name_is_let_through() -> None:
    schemas.require({'family': 'x', 'of a later version': [1]}, schemas.Settings)


@pytest.mark.parametrize(
    'schema, key, value',
    [
        (run_dir.Record, 'seed', -1),
        (run_dir.Record, 'seed', True),
        (run_dir.Record, 'seed', 10**400),
        (run_dir.Record, 'hparams', []),
        (run_dir.Record, 'dataset', 'x'),
        (run_dir.Record, 'warm_start', {'path': 3}),
        (status.Record, 'step', 'x'),
        (status.Record, 'total', 1e308),
        (status.Record, 'pid', 2**40),
        (status.Record, 'heartbeat', math.nan),
        (status.Record, 'heartbeat', 1e300),
        (settings.Sidecar, 'left_out', 3),
        (settings.Sidecar, 'counts', {'a': []}),
        (convert.Manifest, 'noticed', [1]),
        (convert.Manifest, 'converted', {'files': 10**400}),
        (checkpoints.Metadata, 'step', None),
        (checkpoints.Metadata, 'eval_loss', '1'),
        (checkpoints.Metadata, 'recommended_temperature', 0),
    ],
)
def test_a_value_of_another_kind_is_told_by_its_place(schema: Any, key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=key):
        schemas.require({'step': 1, key: value}, schema)


@pytest.mark.parametrize('value', [None, [], 'x', -1, True, 1e308, 10**30, {'a': []}, [[[]]]])
def test_no_value_in_a_file_of_a_run_ends_in_another_error(tmp_path: Any, value: Any) -> None:
    (tmp_path / 'train').mkdir()
    spec = registry.get('drums_rnn').spec
    for record, path in ((RUN, tmp_path / 'run.json'), (STATUS, tmp_path / 'train' / 'status.json')):
        for key in record:
            path.write_text(json.dumps({**record, key: value}))
            for read in (
                lambda: run_dir.read(str(tmp_path), spec),
                lambda: status.is_training(str(tmp_path)),
                lambda path=path: kinds.inspect(str(path)),
            ):
                try:
                    read()
                except SolferinoError as error:
                    assert str(tmp_path) in str(error)
        path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    'part, name, value',
    [
        ('hparams', 'batch_size', 10**30),
        ('hparams', 'attn_length', 10**9),
        ('hparams', 'learning_rate', math.inf),
        ('hparams', 'learning_rate', 10**400),
        ('hparams', 'rnn_layer_sizes', [4] * 100_000),
        ('extraction', 'gap_bars', math.nan),
    ],
)
def test_hyperparameters_have_bounds_in_files_as_in_flags(part: str, name: str, value: Any) -> None:
    spec = registry.get('drums_rnn').spec
    with pytest.raises(SolferinoError, match=f'x.json: {name}'):
        settings.config_of(spec, {'family': 'drums_rnn', 'config': 'one_drum', part: {name: value}}, 'x.json')


@pytest.mark.parametrize(
    'family, config, learned',
    [
        ('piano_rnn', 'gru_attention', {'tokens': ['e', '60,x']}),
        ('piano_rnn', 'gru_attention', {'tokens': ['60']}),
        ('piano_rnn', 'gru_attention', {'tokens': ['e', '62,60']}),
        ('piano_rnn', 'gru_attention', {'tokens': ['e', '60', '60']}),
        ('rbm', 'chords', {'means': [0.5]}),
        ('rbm', 'chords', {'means': [0.0]}),
    ],
)
def test_what_was_learned_must_fit(family: str, config: str, learned: dict[str, Any]) -> None:
    with pytest.raises(SolferinoError, match=r'x\.json: '):
        settings.config_of(
            registry.get(family).spec, {'family': family, 'config': config, 'learned': learned}, 'x.json'
        )
