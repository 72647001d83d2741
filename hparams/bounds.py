"""The highest values of numbers that users give: beyond them there is not enough memory, time or digits in names.

They hold for flags, for generation options in Python and for `--hparams`. The memory of the machine is a lower limit
for most: `models/core/cpu/memory.py` checks it.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

# By the name of a flag, an option or a hyperparameter; of a list, each of its values.
AT_MOST: Mapping[str, float] = {
    # Generating: a million steps are 35 hours of sixteenths.
    'num_outputs': 100_000,
    'best': 100_000,
    'num_steps': 1_000_000,
    'num_bars': 100_000,
    'seconds': 1_000_000,
    'top_k': 1_000_000,
    'beam_size': 1000,
    'branch_factor': 1000,
    'steps_per_iteration': 1_000_000,
    'random_frames': 1_000_000,
    'gibbs_steps': 10_000_000,
    'num_pieces': 10_000,
    'accompany_tries': 100_000,
    # Datasets.
    'num_shards': 99_999,
    'num_workers': 1024,
    'num_files': 1_000_000,
    'min_bars': 1_000_000,
    'gap_bars': 1_000_000,
    'max_steps': 10_000_000,
    'min_steps': 10_000_000,
    'min_unique_pitches': 128,
    'hop': 1_000_000,
    'steps_per_quarter': 1000,
    # Networks and their training.
    'batch_size': 1_000_000,
    'rnn_layer_sizes': 1_000_000,
    'latent_size': 1_000_000,
    'temporal_size': 1_000_000,
    'bar_sizes': 1_000_000,
    'critic_sizes': 1_000_000,
    'checkpoint_seconds': 1e9,
}
_OTHERS = 2**63 - 1  # of integers that are not named above: what all libraries accept


def require(name: str, value: Any) -> None:
    """Raises ValueError if a number, or one in a list of them, is above what its name may have."""
    for number in value if isinstance(value, (tuple, list)) else (value,):
        most = AT_MOST.get(name, _OTHERS if isinstance(number, int) else math.inf)
        if isinstance(number, (int, float)) and abs(number) > most:
            limit = f'at most {shown(most)}' if number > 0 else f'at least {shown(-most)}'
            raise ValueError(f'{name}={shown(number)} must be {limit}.')


def require_all(options: Any) -> None:
    """Raises ValueError, as `require`, for the fields of a dataclass."""
    for field in dataclasses.fields(options):
        require(field.name, getattr(options, field.name))


def shown(number: float) -> str:
    """A number for a message; numbers of many digits are shortened."""
    return f'{number:,}' if isinstance(number, int) and abs(number) < 10**9 else f'{_as_float(number):g}'


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
