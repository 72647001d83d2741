"""From seconds to steps: music cut where its tempo or metre changes, each section on a grid of its own."""

from collections.abc import Callable, Iterator
from typing import Any

from note_seq import events_lib, sequences_lib
from note_seq.protobuf import music_pb2

from solferino.hparams.reasons import BAD_METRE, NEGATIVE_TIME, ODD_METRE, Reject


def only_notes(
    sequence: music_pb2.NoteSequence, wanted: Callable[[Any], bool] = lambda note: True
) -> music_pb2.NoteSequence:
    """Returns the wanted notes with tempos and metres: all that extraction reads, and quicker to cut."""
    notes = music_pb2.NoteSequence(ticks_per_quarter=sequence.ticks_per_quarter, total_time=sequence.total_time)
    notes.tempos.extend(sequence.tempos)
    notes.time_signatures.extend(sequence.time_signatures)
    notes.notes.extend(note for note in sequence.notes if wanted(note))
    return notes


def quantized_sections(
    sequence: music_pb2.NoteSequence, steps_per_quarter: int, reject: Reject
) -> Iterator[music_pb2.NoteSequence]:
    """Yields each section of one tempo and one metre, quantized and starting at step 0.

    Sections whose bar is not a whole number of steps, whose metre does not exist, or whose notes begin before time
    zero are left out and reported to `reject`.
    """
    for section in sequences_lib.split_note_sequence_on_time_changes(sequence):
        try:
            quantized = sequences_lib.quantize_note_sequence(section, steps_per_quarter)
        except sequences_lib.BadTimeSignatureError:
            reject(BAD_METRE)
        except sequences_lib.NegativeTimeError:
            reject(NEGATIVE_TIME)
        else:
            if sequences_lib.steps_per_bar_in_quantized_sequence(quantized) % 1:
                reject(ODD_METRE)
            else:
                yield quantized


def quantize(sequence: music_pb2.NoteSequence, steps_per_quarter: int) -> music_pb2.NoteSequence:
    """Quantizes music of one tempo and one metre.

    Raises:
      ValueError: it has several tempos or metres, a metre that does not exist, or a bar that is not a whole number of
        steps.
    """
    try:
        quantized = sequences_lib.quantize_note_sequence(sequence, steps_per_quarter)
    except (
        sequences_lib.MultipleTempoError,
        sequences_lib.MultipleTimeSignatureError,
        sequences_lib.BadTimeSignatureError,
        sequences_lib.NegativeTimeError,
        events_lib.NonIntegerStepsPerBarError,
    ) as error:
        raise ValueError(str(error)) from error
    steps_per_bar = sequences_lib.steps_per_bar_in_quantized_sequence(quantized)
    if steps_per_bar % 1:
        metre = quantized.time_signatures[0]
        raise ValueError(
            f'a bar of {metre.numerator}/{metre.denominator} is {steps_per_bar:g} steps, not a whole number of them'
        )
    return quantized


def time_to_step(seconds: float, qpm: float, steps_per_quarter: int) -> int:
    """The step that an instant belongs to, rounded as note onsets are."""
    steps_per_second = sequences_lib.steps_per_quarter_to_steps_per_second(steps_per_quarter, qpm)
    return sequences_lib.quantize_to_step(seconds, steps_per_second)
