"""How long generated music is to be: bars and seconds in steps, for all families."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from note_seq import events_lib
from note_seq.protobuf import music_pb2

from solferino.hparams.generation import DEFAULT_QPM
from solferino.models.core.family import Family

_QUARTERS = 4.0  # of a bar of 4/4
_ALMOST = 1e-6  # steps; what rounding may cost


def in_steps(family: Family, config: Any, primer: Any, options: Any) -> Any:
    """Returns `options` with the length that they name in bars or seconds as `num_steps`, at least so long.

    Args:
      family, config: the model's.
      primer: what every output begins with, None for the family's default.
      options: the family's GenerateOptions.
    """
    qpm = tempo(primer, options)
    if options.num_bars is not None:
        seconds = options.num_bars * _quarters_of_a_bar(primer, options) * 60 / qpm
    elif options.seconds is not None:
        seconds = options.seconds
    else:
        return options
    steps = math.ceil(seconds * family.steps_per_second(config, options, qpm) - _ALMOST)
    return dataclasses.replace(options, num_steps=max(1, steps))


def tempo(primer: Any, options: Any) -> float:
    """Quarters a minute: of the primer, or else of `options.qpm`, or else of other music that is given."""
    first, *others = (
        music.tempos[0].qpm if isinstance(music, music_pb2.NoteSequence) and music.tempos else None
        for music in (primer, *_music_in(options))
    )
    return first or options.qpm or next(filter(None, others), DEFAULT_QPM)


def _quarters_of_a_bar(primer: Any, options: Any) -> float:
    if isinstance(primer, events_lib.EventSequence):
        return primer.steps_per_bar / primer.steps_per_quarter
    given = (music for music in (primer, *_music_in(options)) if isinstance(music, music_pb2.NoteSequence))
    first = next(given, None)  # the metre of the files that are written is that of the primer, too, if there is one
    metre = first.time_signatures[0] if first is not None and first.time_signatures else None
    if metre is None or metre.numerator < 1 or metre.denominator < 1:
        return _QUARTERS
    return 4 * metre.numerator / metre.denominator


def _music_in(options: Any) -> Iterator[Any]:
    return (getattr(options, field.name) for field in dataclasses.fields(options) if field.metadata.get('midi'))
