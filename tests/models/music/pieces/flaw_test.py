"""Music that cannot be is found where a NoteSequence becomes a piece, with a reason."""

import math
from typing import Any

import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams import reasons
from solferino.hparams.errors import SolferinoError
from solferino.models.music.pieces import piece


def _song(**note: Any) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(filename='x.mid', total_time=2)
    sequence.tempos.add(qpm=120)
    sequence.time_signatures.add(numerator=4, denominator=4)
    sequence.notes.add(**{'pitch': 60, 'velocity': 80, 'start_time': 0, 'end_time': 1} | note)
    return sequence


@pytest.mark.parametrize(
    'field, value, reason',
    [
        ('start_time', math.nan, reasons.BAD_TIME),
        ('end_time', math.inf, reasons.BAD_TIME),
        ('end_time', 1e300, reasons.TOO_LONG),
        ('start_time', -1e300, reasons.TOO_LONG),
        ('end_time', 2e6, reasons.TOO_LONG),
        ('pitch', -(2**31), reasons.BAD_PITCH),
        ('pitch', 128, reasons.BAD_PITCH),
        ('velocity', 2**31 - 1, reasons.BAD_PITCH),
    ],
)
def test_notes(field: str, value: float, reason: str) -> None:
    assert piece.flaw(piece.of(_song(**{field: value}))) == reason


@pytest.mark.parametrize('qpm', [0.0, -1.0, 1e-9, 1e8, 1e18, math.nan, math.inf])
def test_tempos(qpm: float) -> None:
    sequence = _song()
    sequence.tempos[0].qpm = qpm
    assert piece.flaw(piece.of(sequence)) == reasons.BAD_TEMPO


def test_quarters_are_counted_in_the_tempos_that_hold() -> None:
    sequence = _song(end_time=1000)
    sequence.tempos[0].qpm = 6e7  # a million quarters a second
    assert piece.flaw(piece.of(sequence)) == reasons.TOO_LONG
    sequence.tempos.add(time=0.05, qpm=120)
    assert piece.flaw(piece.of(sequence)) is None


def test_changes_at_no_time() -> None:
    for changes in ('tempos', 'time_signatures'):
        sequence = _song()
        getattr(sequence, changes)[0].time = math.nan
        assert piece.flaw(piece.of(sequence)) == reasons.BAD_TIME


def test_sound_music_has_none() -> None:
    assert piece.flaw(piece.of(_song())) is None
    assert piece.flaw(piece.of(music_pb2.NoteSequence())) is None
    piece.require(_song())


def test_music_that_a_user_gives_is_refused_by_name() -> None:
    with pytest.raises(SolferinoError, match=r'x\.mid cannot be used: pitch'):
        piece.require(_song(pitch=200))
    sequence = _song()
    sequence.control_changes.add(control_number=64, control_value=127, time=math.nan)
    with pytest.raises(SolferinoError, match='control changes'):
        piece.require(sequence)


def test_every_reason_has_a_remedy() -> None:
    for reason in (reasons.BAD_TIME, reasons.BAD_TEMPO, reasons.BAD_PITCH, reasons.BAD_PEDAL, reasons.TOO_LONG):
        assert reasons.REMEDIES[reason]
