"""Options of generation that all families have. A family with more has a subclass in its hparams file."""

import dataclasses
import difflib
import math
import re
from typing import Any, ClassVar, TypeVar

from solferino.hparams import bounds, dynamics
from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import option

# The value of a flag, or of an argument in Python, for which the model has its own.
AUTO = 'auto'
# The range of tempo flags: MIDI stores microseconds a quarter in three bytes, which is exact enough for these.
SLOWEST_QPM, FASTEST_QPM = 4.0, 6000.0
DEFAULT_QPM = 120.0  # where neither a flag nor a primer says one
Options = TypeVar('Options', bound='GenerateOptions')
_INSTEAD_OF_STEPS = ('num_bars', 'seconds')


@dataclasses.dataclass(frozen=True)
class GenerateOptions:
    """The generate command has a flag for each field that has a help text.

    A family ignores no option silently: it raises SolferinoError for one that it does not support.

    The length is given in steps, bars or seconds; families get it in steps (`models.core.generation.lengths`).

    Attributes:
      seed: makes the outputs repeat.
      least_num_steps: the lowest `num_steps`; 0 where 0 means as many as needed.
    """

    least_num_steps: ClassVar[int] = 1

    num_steps: int = option(128, 'Length of each output in steps, the primer included.')
    num_bars: int | None = option(
        None, 'Length in bars instead, the primer included: bars of the primer, or else of 4/4.'
    )
    seconds: float | None = option(
        None, 'Length in seconds instead, the primer included, at the tempo of the primer, or else of --qpm.'
    )
    temperature: float = option(
        1.0,
        'Randomness: above 1.0 more than the model has learned, below 1.0 less. auto is the temperature that training '
        'found to make music most like the music held out.',
        auto=True,
    )
    qpm: float | None = option(
        None,
        f'Tempo in quarters a minute, from {SLOWEST_QPM:g} to {FASTEST_QPM:g} (120 if not given); a primer MIDI brings '
        'its own.',
    )
    exclude_primer: bool = option(False, 'Leave the primer out of the files.')
    accents: bool = option(
        False, 'Play the first beat of each bar loudest, then the other beats, then what is between them, instead of '
        'all notes alike.'
    )  # fmt: skip
    velocity: str = option(
        dynamics.LEARNED, 'How loud notes are: learned plays them as the training music is played at each place of the '
        'bar, if the model has that, and a primer MIDI as it is there; flat all alike; a number from 1 to 127 all at '
        'it. --accents has its own way.'
    )  # fmt: skip
    seed: int = 0

    def __post_init__(self) -> None:
        self._require_at_most()
        self.require_at_least(self.least_num_steps, 'num_steps')
        self.require_at_least(0, 'seed')
        if self.velocity not in (dynamics.LEARNED, dynamics.FLAT) and not 1 <= (self.fixed_velocity or 0) <= 127:
            raise ValueError(
                f'--velocity={self.velocity} must be {dynamics.LEARNED}, {dynamics.FLAT}, or a number from 1 to 127.'
            )
        if not isinstance(self.temperature, (int, float)):
            raise ValueError(f'--temperature={self.temperature} must be a number above 0, or {AUTO}.')
        if self.num_bars is not None:
            self.require_at_least(1, 'num_bars')
        if self.seconds is not None and not 0 < self.seconds < float('inf'):
            raise ValueError(f'--seconds={self.seconds} must be above 0.')
        if not 0 < self.temperature < float('inf'):
            raise ValueError(f'--temperature={self.temperature} must be above 0.')
        if self.qpm is not None and not SLOWEST_QPM <= self.qpm <= FASTEST_QPM:
            raise ValueError(f'--qpm={self.qpm:g} must be from {SLOWEST_QPM:g} to {FASTEST_QPM:g} quarters a minute.')

    @property
    def fixed_velocity(self) -> int | None:
        """The number that `velocity` is, which Python may give as one; None if it is a word."""
        return int(self.velocity) if re.fullmatch(r'\d{1,3}', str(self.velocity)) else None

    @property
    def length(self) -> str:
        """The length as the user gave it, for messages."""
        for name in _INSTEAD_OF_STEPS:
            if getattr(self, name) is not None:
                return f'--{name}={getattr(self, name):g} ({self.num_steps} steps)'
        return f'--num_steps={self.num_steps}'

    def enough(self, num_steps: int) -> str:
        """A flag for at least so many steps, in the unit that was given."""
        for name in _INSTEAD_OF_STEPS:
            if getattr(self, name) is not None:
                return f'--{name}={math.ceil(getattr(self, name) * num_steps / self.num_steps)}'
        return f'--num_steps={num_steps}'

    @property
    def beginning(self) -> str:
        """What outputs without a primer begin with, for messages; '' for the family's default."""
        return ''

    @property
    def bytes_of_a_step(self) -> int:
        """Memory for each step of each output, roughly: its random numbers and its notes."""
        return 1000

    def _require_at_most(self) -> None:
        try:
            bounds.require_all(self)
        except ValueError as error:
            raise ValueError(f'--{error}') from None

    def require_at_least(self, lowest: int, *names: str) -> None:
        """Raises ValueError if one of the fields is lower."""
        for name in names:
            if getattr(self, name) < lowest:
                raise ValueError(f'--{name}={getattr(self, name)} must be {lowest} or more.')


def replace(defaults: Options, **given: Any) -> Options:
    """Returns `defaults` with the fields `given`. Raises SolferinoError for an unknown name or a wrong value."""
    valid = [field.name for field in dataclasses.fields(defaults)]
    for name in given:
        if name not in valid:
            nearest = difflib.get_close_matches(name, valid, n=1)
            hint = f'Did you mean {nearest[0]}?' if nearest else f'There are: {", ".join(valid)}.'
            raise SolferinoError(f'This model has no option {name!r} for generating. {hint}')
    lengths = [name for name in ('num_steps', *_INSTEAD_OF_STEPS) if given.get(name) is not None]
    if len(lengths) > 1:
        raise SolferinoError(f'{" and ".join(f"--{name}" for name in lengths)}: give one length, not several.')
    try:
        return dataclasses.replace(defaults, **given)
    except ValueError as error:  # raised by __post_init__, which checks ranges
        raise SolferinoError(str(error)) from error
