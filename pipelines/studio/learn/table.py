"""How well a table of what usually follows what predicts the held-out music of a dataset: what a model must beat.

python -m solferino.pipelines.studio.learn.table FAMILY TRAINING HELD_OUT REPORT
"""

import dataclasses
import json
import os
import sys

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.storage.files import atomic_write
from solferino.models.core.training import data, markov_report


def main() -> None:
    """Writes the score as JSON; null where there is none."""
    name, training, held_out, report = sys.argv[1:]
    score = None
    if os.path.getsize(held_out):
        try:
            family = registry.get(name)
            of_dataset = settings.dataset_config(family.spec, [training])
            assert of_dataset is not None  # create_dataset has written it
            known, asked = (data.load(family, of_dataset[0], path) for path in (training, held_out))
            score = markov_report.score_markov(known, asked)
        except SolferinoError as error:  # training says what is wrong
            print(error, file=sys.stderr)
    atomic_write(report, json.dumps(score and dataclasses.asdict(score)))


if __name__ == '__main__':
    main()
