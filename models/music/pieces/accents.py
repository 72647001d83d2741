"""Accents by metric place, for music whose notes are all struck alike: as a drummer or pianist counts it."""

from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import bars
from solferino.models.music.pieces.timeline import DEFAULT_QPM

_DOWNBEAT, _BEAT, _PART, _BETWEEN = 1.15, 1.0, 0.88, 0.76  # of a note's velocity
_ALMOST = 1e-3  # quarters; what rounding may cost


def apply(sequence: music_pb2.NoteSequence, begin: float = 0.0) -> None:
    """Changes the velocities of an unquantized sequence of one tempo and metre (4/4 if it names none).

    The first beat of a bar is played loudest, then the other beats, then the halves of a beat (the thirds of one of
    6/8), then the rest.
    A note stays within 1 and 127.

    Args:
      sequence: changed in place.
      begin: seconds from the beginning of a bar to that of the sequence.
    """
    quarters_per_second = (sequence.tempos[0].qpm if sequence.tempos else DEFAULT_QPM) / 60
    signature = sequence.time_signatures[0] if sequence.time_signatures else None
    numerator, denominator = (signature.numerator, signature.denominator) if signature else (4, 4)
    metre = bars.metre(numerator, denominator, 1)
    unit = 4 / denominator
    parts = unit if metre.beat > unit else metre.beat / 2  # the eighths of 6/8 and of 4/4
    levels = ((metre.bar, _DOWNBEAT), (metre.beat, _BEAT), (parts, _PART))
    for note in sequence.notes:
        place = (begin + note.start_time) * quarters_per_second
        share = next((share for length, share in levels if _is_multiple(place, length)), _BETWEEN)
        note.velocity = min(127, max(1, round(note.velocity * share)))


def _is_multiple(place: float, length: float) -> bool:
    return abs(place - round(place / length) * length) < _ALMOST
