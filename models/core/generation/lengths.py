"""The length of generated music: bars and seconds to steps, for all families."""

import dataclasses
import math
from typing import Any

from note_seq import events_lib
from note_seq.protobuf import music_pb2

from solferino.hparams.generation import DEFAULT_QPM
from solferino.models.core.family import Family

_QUARTERS = 4.0  # of a bar of 4/4
_ALMOST = 1e-6  # steps; tolerance for rounding errors


def in_steps(family: Family, config: Any, primer: Any, options: Any) -> Any:
    """Returns `options` with a length in bars or seconds converted to `num_steps`, rounded up.

    Args:
      family, config: the model's.
      primer: the beginning of every output; None for the family's default.
      options: the family's GenerateOptions.
    """
    qpm = tempo(family, config, primer, options)
    if options.num_bars is not None:
        seconds = options.num_bars * _quarters_of_a_bar(family, config, primer, options) * 60 / qpm
    elif options.seconds is not None:
        seconds = options.seconds
    else:
        return options
    steps = math.ceil(seconds * family.steps_per_second(config, options, qpm) - _ALMOST)
    return dataclasses.replace(options, num_steps=max(1, steps))


def tempo(family: Family, config: Any, primer: Any, options: Any) -> float:
    """Quarters a minute: of the primer, or else of `options.qpm`, or else of other music that is given."""
    first, *others = (family.beat(music, config).qpm for music in (primer, *music_in(options)))
    return first or options.qpm or next(filter(None, others), DEFAULT_QPM)


def music_in(options: Any) -> list[Any]:
    """The pieces of music among the options, None where there is none."""
    return [getattr(options, field.name) for field in dataclasses.fields(options) if field.metadata.get('midi')]


def _quarters_of_a_bar(family: Family, config: Any, primer: Any, options: Any) -> float:
    if isinstance(primer, events_lib.EventSequence):
        return primer.steps_per_bar / primer.steps_per_quarter
    given = (music for music in (primer, *music_in(options)) if isinstance(music, music_pb2.NoteSequence))
    # The output files also have this metre.
    numerator, denominator = family.metre(next(given, None), config, options) or (4, 4)
    if numerator < 1 or denominator < 1:
        return _QUARTERS
    return 4 * numerator / denominator
