"""Run directories as the page sees them: their curves, what these say, and music of their checkpoints."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core.runs import curves, run_dir, status
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import diagnosis
from solferino.pipelines.studio import wording
from solferino.pipelines.studio.learn import children

_MOST_POINTS = 300  # of a curve
# What the trainer says of itself, in the words of `children`.
_STATES = {
    status.TRAINING: children.RUNNING,
    status.FINISHED: children.DONE,
    status.INTERRUPTED: children.STOPPED,
    status.FAILED: children.FAILED,
}


class Watched:
    """A run directory. It remembers what it has read of its curves.

    Args:
      run: the run directory, which may not be there yet.
      samples: a folder for music that it makes on its way.
    """

    def __init__(self, run: Path, samples: Path):
        self.run, self.samples = run, samples
        self._follower = curves.Follower(str(run))

    def seen(self, family: str, total: int) -> dict[str, Any]:
        """Its curves, thinned out; what they say; the step, and how many seconds are left."""
        found = self._follower.read()
        losses = found.get('loss', {})
        step = max((curve[0][-1] for curve in losses.values()), default=0)
        a_step = self._follower.seconds_a_step()
        told: dict[str, Any] = {
            'step': step,
            'total': total,
            'curves': {side: thinned(curve) for side, curve in losses.items()},
            'checkpoints': len(self._checkpoints()),
            'seconds_left': a_step * max(0, total - step) if a_step and total else None,
            'samples': self.sample_steps(),
        }
        if losses:
            said = diagnosis.of_run(found, registry.get(family).spec.compares_losses)
            told['diagnosis'] = {'kind': said.kind, 'text': wording.for_the_page(said.text)}
        return told

    def sample_steps(self) -> list[int]:
        """At which steps there is music to hear."""
        return sorted(int(path.stem) for path in self.samples.glob('*.json') if path.stem.isdecimal())

    def unheard(self) -> tuple[int, Path] | None:
        """The newest checkpoint with its step, if there is no music of it."""
        found = self._checkpoints()
        step = max(found, default=0)
        return (step, Path(found[step])) if step and step not in self.sample_steps() else None

    def _checkpoints(self) -> dict[int, str]:
        return checkpoints.paths(str(self.run / 'train'))


class Opened(Watched):
    """A run directory of the command line: it can be looked at and saved.

    Args:
      id: under which the page asks for it.
    """

    def __init__(self, id: str, run: Path, samples: Path):
        super().__init__(run, samples)
        self.id = id

    def summary(self) -> dict[str, Any]:
        """What a list of trainings tells of it. Raises SolferinoError if it cannot be read."""
        try:
            record = json.loads(Path(run_dir.run_path(str(self.run))).read_bytes())
            family, config = record['family'], record['config']
        except (OSError, ValueError, KeyError, TypeError):
            raise SolferinoError(f'{self.run} is no run directory, or it is damaged.') from None
        registry.get(family)
        said = status.read(str(self.run)) or {}
        state = _STATES.get(said.get('state', ''), children.NEW)
        if state == children.RUNNING and not status.is_training(str(self.run)):
            state = children.KILLED
        return {
            'id': self.id, 'family': family, 'config': config, 'preset': '', 'collection': '', 'run': self.run.name,
            'asked': 0, 'state': state, 'can_go_on': False, 'can_discard': False, 'total': said.get('total', 0),
        }  # fmt: skip

    def told(self) -> dict[str, Any]:
        """What the page is told: see `Training.told`."""
        told = self.summary()
        return told | {'preparing': False, 'table': None} | self.seen(told['family'], told['total'])


def thinned(curve: curves.Curve) -> Sequence[tuple[int, float]]:
    """Evenly spaced points of a curve, not too many, the last one among them."""
    steps, values = curve
    every = -(-len(steps) // _MOST_POINTS)
    kept = range(len(steps) - 1, -1, -every)
    return [(steps[k], values[k]) for k in reversed(kept)]
