"""What collections can teach, and the options that remedies name."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.pipelines import convert, examples
from solferino.pipelines.studio.learn import material

CONFIGS = [
    (registry.get(name), config) for name in registry.FAMILIES for config in registry.get(name).spec.configs.values()
]


@pytest.fixture(scope='module')
def notes(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drum pieces."""
    folder = tmp_path_factory.mktemp('notes')
    (folder / 'music').mkdir()
    for path in sorted((shared / 'data' / 'drums').rglob('*.mid'))[:12]:
        (folder / 'music' / path.name).write_bytes(path.read_bytes())
    convert.convert(convert.Job(str(folder / 'music'), str(folder / 'notes.tfrecord')))
    return folder / 'notes.tfrecord'


@pytest.mark.parametrize(('family', 'config'), CONFIGS, ids=[config.name for _, config in CONFIGS])
def test_what_a_remedy_names_is_an_option_with_a_value_that_it_may_have(family: Any, config: Any) -> None:
    for reason, remedy in family.spec.remedies.items():
        option = material.remedy_option(remedy, config.extraction)
        named = re.search(r'--(\w+)=(\w+)', remedy)
        if named and hasattr(config.extraction, named[1]):
            assert option is not None, reason
            assert (option.name, str(option.value)) == named.groups()
        if option:
            changed = dataclasses.replace(config.extraction, **{option.name: option.value})
            assert type(getattr(changed, option.name)) is type(getattr(config.extraction, option.name))
            assert material.remedy_option(remedy, changed) is None  # it is in force
            material.require_options({family.spec.name: {option.name: option.value}})


def test_a_remedy_without_a_value_is_a_switch_or_none() -> None:
    drums = registry.get('drums_rnn').spec.configs['drum_kit'].extraction
    assert material.remedy_option('--ignore_is_drum takes all.', drums) == material.Remedy(
        'ignore_is_drum', True, 'Ignore is drum'
    )
    assert material.remedy_option('--max_steps could be higher.', drums) is None
    assert material.remedy_option('--no_such=3 helps.', drums) is None
    assert material.remedy_option('Mend the file.', drums) is None


@pytest.mark.parametrize(
    'options',
    [
        {'drums_rnn': {'flagfile': '/etc/passwd'}}, {'drums_rnn': {'min_bars': '4'}}, {'drums_rnn': {'min_bars': True}},
        {'drums_rnn': {'__class__': 1}}, {'piano_rnn': {'instruments': 'all\0'}}, {'no_rnn': {}},
        {'drums_rnn': {'__post_init__': 1}},
    ],
)  # fmt: skip
def test_other_options_are_refused(options: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(SolferinoError):
        material.require_options(options)


def test_it_counts_what_create_dataset_makes(notes: Path, tmp_path: Path) -> None:
    found = {choice.config: choice for choice in material.choices(str(notes), {'drums_rnn': {'min_bars': 4}})}
    for name in ('drum_kit', 'one_drum'):
        config = registry.get('drums_rnn').spec.configs[name]
        config = dataclasses.replace(config, extraction=dataclasses.replace(config.extraction, min_bars=4))
        examples.create(examples.Job('drums_rnn', config, str(notes), str(tmp_path / name), eval_ratio=0.0))
        made = json.loads((tmp_path / name / 'drum_tracks.json').read_text())
        assert found[name].examples == made['counts']['training examples'] > 0
        assert {one.reason: one.count for one in found[name].left_out} == {
            reason: tally['count'] for reason, tally in made['left_out'].items()
        }
    assert found['basic_rnn'].pieces == 0  # there are drums alone
    assert found['basic_rnn'].left_out[0].remedy
    assert set(found) == {config.name for _, config in CONFIGS}


def test_the_familys_own_config_is_first_of_those_that_learn_as_much(notes: Path) -> None:
    first = material.choices(str(notes), {})[0]
    assert first.config == registry.get(first.family).spec.default_config
    assert first.cost and first.score and first.advice and first.lengths
