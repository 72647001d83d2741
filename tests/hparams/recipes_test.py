"""The recipes, flag files for training, can be trained by, and say what they reached."""

import re
from pathlib import Path

import pytest

from solferino.bin import command, create_dataset, train
from solferino.models import registry
from solferino.models.core.storage import checkpoints, records
from tests.songs import song

pytestmark = pytest.mark.once

RECIPES = sorted((Path(__file__).parents[2] / 'hparams/recipes').glob('*.flags'))


def test_there_are_some() -> None:
    assert len(RECIPES) >= 8


@pytest.mark.parametrize('recipe', RECIPES, ids=lambda path: path.stem)
def test_a_recipe_trains_two_steps(recipe: Path, tmp_path: Path) -> None:
    text = recipe.read_text()
    [family] = set(re.findall(r'^# (\w+)_train --flagfile', text, re.MULTILINE))
    [config] = re.findall(r'^--config=(.*)', text, re.MULTILINE)
    spec = registry.get(family).spec
    notes, data, run = tmp_path / 'notes.tfrecord', tmp_path / 'data', tmp_path / 'run'
    with records.Writer(str(notes)) as writer:
        for seed in range(3):
            writer.write(song(seed, 8).SerializeToString())
    command.run(
        '',
        lambda fv: create_dataset.define(fv, spec),
        lambda fv, beam: create_dataset.main(fv, beam, spec),
        ['make', f'--config={config}', f'--input={notes}', f'--output_dir={data}', '--eval_ratio=0'],
        beam=True,
    )
    examples = data / f'training_{spec.records}.tfrecord'
    command.run(
        '',
        lambda fv: train.define(fv, spec),
        lambda fv: train.main(fv, spec),
        ['train', f'--flagfile={recipe}', f'--sequence_example_file={examples}', f'--eval_file={examples}',
         f'--run_dir={run}', '--num_training_steps=2'],
    )  # fmt: skip
    [newest] = [path for step, path in checkpoints.paths(str(run / 'train')).items() if step == 2]
    assert checkpoints.load(newest).metadata['config'] == config


@pytest.mark.parametrize('recipe', RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_what_it_cost_and_reached(recipe: Path) -> None:
    words = ' '.join(line.lstrip('# ') for line in recipe.read_text().splitlines() if line.startswith('#'))
    assert re.search(r'\d\.\d{3} nats .* minutes on 2 cores \(20\d\d-\d\d-\d\d, docs/\S+\.md\)', words)
