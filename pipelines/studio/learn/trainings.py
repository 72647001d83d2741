"""Trainings that were begun on the page: each a folder in the work folder, with a child that needs no studio.

A training's folder holds `training.json`, the dataset (`data/`), `table.json` (the score of a table of what usually
follows what), the run directory (`run/`), music that it made on the way (`samples/`), and the files of its commands,
see `children`.
"""

import contextlib
import json
import secrets
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core.cpu import memory
from solferino.models.core.storage.files import atomic_write
from solferino.pipelines.studio.learn import children
from solferino.pipelines.studio.learn.children import Children, State
from solferino.pipelines.studio.learn.dropped import Collection, discard, remove_discarded
from solferino.pipelines.studio.learn.lessons import Options, Train
from solferino.pipelines.studio.learn.watched import Watched

MOST = 500  # trainings
_ABOUT, _TABLE, _RUN, _DATA, _SAMPLES = 'training.json', 'table.json', 'run', 'data', 'samples'
_GONE = 'This training is not there any more.'
_FEW_PIECES, _EVAL_RATIO, _EVAL_RATIO_OF_FEW = 50, 0.1, 0.2
_SHARE = 0.8  # of the memory that is free, for a training


class About(msgspec.Struct):
    """What is kept of a training.

    Attributes:
      collection: the name of the music that it learns from.
      notes: where that music is.
      asked: when, in seconds since 1970: the order of those that wait.
      num_steps: where it ends; that of the preset if it has one.
    """

    family: str
    config: str
    preset: str
    num_steps: int
    collection: str
    notes: str
    pieces: int
    asked: float
    options: Options = {}


class Training(Watched):
    """A training."""

    def __init__(self, folder: Path):
        super().__init__(folder / _RUN, folder / _SAMPLES)
        self.folder = folder
        self.children = Children(folder)

    @property
    def id(self) -> str:
        return self.folder.name

    def about(self) -> About:
        """What is kept of it. Raises SolferinoError if it is not there."""
        try:
            return msgspec.json.decode((self.folder / _ABOUT).read_bytes(), type=About)
        except (OSError, msgspec.DecodeError):
            raise SolferinoError(_GONE) from None

    def keep(self, about: About) -> None:
        """Changes what is kept of it."""
        atomic_write(str(self.folder / _ABOUT), msgspec.json.encode(about))

    def start(self) -> None:
        """Begins it, or goes on with it."""
        about = self.about()
        spec = registry.get(about.family).spec
        data, run = self.folder / _DATA, self.run
        sides = {side: data / f'{side}_{spec.records}.tfrecord' for side in ('training', 'eval')}
        commands = []
        if not (self.folder / _TABLE).is_file():  # it is made last
            ratio = _EVAL_RATIO_OF_FEW if about.pieces < _FEW_PIECES else _EVAL_RATIO
            commands = [
                [
                    f'solferino.bin.{about.family}_create_dataset', f'--config={about.config}',
                    f'--input={about.notes}',
                    f'--output_dir={data}', f'--eval_ratio={ratio}',
                    *(f'--{name}={_flag_value(value)}' for name, value in about.options.items()),
                ],
                [
                    'solferino.pipelines.studio.learn.table', about.family, str(sides['training']), str(sides['eval']),
                    str(self.folder / _TABLE),
                ],
            ]  # fmt: skip
        train = [
            f'solferino.bin.{about.family}_train', f'--sequence_example_file={sides["training"]}',
            f'--eval_file={sides["eval"]}', f'--run_dir={run}', f'--num_training_steps={about.num_steps}',
            *([f'--preset={about.preset}'] if about.preset else []),
        ]  # fmt: skip
        free = memory.available()
        self.children.start([*commands, train], int(_SHARE * free) >> 20 if free else 0)

    def summary(self) -> dict[str, Any]:
        """What a list of trainings tells of it."""
        about, state = self.about(), self.children.state()
        return {
            'id': self.id, 'family': about.family, 'config': about.config, 'preset': about.preset,
            'collection': about.collection, 'asked': about.asked, 'state': state.state, 'can_go_on': True,
            'can_discard': True,
        }  # fmt: skip

    def told(self) -> dict[str, Any]:
        """What the page is told: how far it is, its curves, and what they say."""
        about, state = self.about(), self.children.state()
        told = self.summary() | {
            'preparing': state.state == children.RUNNING and not self.run.is_dir(),
            'table': _table(self.folder / _TABLE),
        }  # fmt: skip
        told |= self.seen(about.family, about.num_steps)
        if state.has_ended and state.state != children.DONE:
            told['error'] = self._error(state)
        return told

    def _error(self, state: State) -> str:
        said = self.children.error(state)
        return said.replace(str(self.folder) + '/', '')


class Trainings:
    """All trainings of the work folder. One trains at a time, the others wait.

    Args:
      folder: where they are.
      at_once: how many train at a time.
    """

    def __init__(self, folder: Path, at_once: int = 1):
        self._folder, self._at_once = folder, at_once
        folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Training] = {}
        self._starting = threading.Lock()
        remove_discarded(folder)

    def all(self) -> list[Training]:
        """The newest first."""
        found = []
        for path in self._folder.iterdir():
            with contextlib.suppress(SolferinoError):
                training = self.get(path.name)
                found.append((training.about().asked, training))
        return [training for _, training in sorted(found, key=lambda pair: -pair[0])]

    def get(self, id: str) -> Training:
        """Raises SolferinoError if there is none."""
        if not (id.isascii() and id.isalnum()):
            raise SolferinoError(_GONE)
        training = self._known.get(id) or Training(self._folder / id)
        training.about()
        return self._known.setdefault(id, training)

    def new(self, asked: Train, collection: Collection) -> Training:
        """Puts a training at the end of those that wait. Raises SolferinoError if it cannot be."""
        if asked.family not in registry.FAMILIES:
            raise SolferinoError(f'There is no model family {asked.family!r}.')
        spec = registry.get(asked.family).spec
        spec.config(asked.config)
        presets = spec.presets.get(asked.config, {})
        if asked.preset and asked.preset not in presets:
            raise SolferinoError(f'{asked.config} has no settings {asked.preset!r}.')
        steps = asked.num_steps or (presets[asked.preset].num_steps if asked.preset else 0)
        if not steps:
            raise SolferinoError('Say how many steps to train.')
        if len(self.all()) >= MOST:
            raise SolferinoError(f'There are {MOST} trainings. Discard one first.')
        about = collection.about()
        pieces = collection.pieces(asked.family, asked.config)
        if not pieces:
            raise SolferinoError(f'{about.name} has no music that {asked.config} can learn from.')
        training = Training(self._folder / secrets.token_hex(6))
        training.folder.mkdir()
        training.keep(
            About(
                asked.family, asked.config, asked.preset, steps, about.name, str(collection.notes), pieces, time.time(),
                about.options.get(asked.family, {}),
            )
        )  # fmt: skip
        training.children.wait()
        self.start_next()
        return training

    def go_on(self, training: Training, num_steps: int) -> None:
        """Puts a training that has ended at the end of those that wait. Raises SolferinoError if it has not."""
        if not training.children.state().has_ended:
            raise SolferinoError('It trains already, or waits for its turn.')
        about = training.about()
        about.num_steps, about.asked = max(num_steps, about.num_steps), time.time()
        training.keep(about)
        training.children.wait()
        self.start_next()

    def stop(self, training: Training) -> None:
        """Lets it save and end; one that waits does not begin."""
        if training.children.state().state == children.WAITING:
            training.children.give_up()
        training.children.stop()

    def remove(self, training: Training) -> None:
        """Ends it, and removes all of it."""
        training.children.kill()
        self._known.pop(training.id, None)
        discard(training.folder)

    def position(self, training: Training) -> int:
        """How many begin before it, and itself; 0 if it does not wait."""
        waiting = self._waiting()
        return waiting.index(training.id) + 1 if training.id in waiting else 0

    def start_next(self) -> None:
        """Begins those whose turn it is."""
        with self._starting:
            waiting = self._waiting()
            for id in waiting[: max(0, self._at_once - len(self.running()))]:
                try:
                    self.get(id).start()
                except SolferinoError as error:
                    self.get(id).children.refuse(str(error))

    def running(self) -> list[Training]:
        """Those that train."""
        return [training for training in self.all() if training.children.state().state == children.RUNNING]

    def _waiting(self) -> list[str]:
        waiting = [training for training in self.all() if training.children.state().state == children.WAITING]
        return [training.id for training in reversed(waiting)]


def _flag_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(path: Path) -> float | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found['loss'] if found else None
