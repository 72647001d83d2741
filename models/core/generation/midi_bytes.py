"""NoteSequences of one voice as Standard MIDI Files: the bytes that note-seq writes, in a twentieth of the time.

Families generate one voice: notes of one instrument, one tempo, at most one time signature. The events of this music
need no objects: each is an integer that packs tick, pitch and velocity, so that sorting integers sorts events. All
other music is written by note-seq, with pretty_midi and mido, which is only then imported.
"""

import io
import math
import struct

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import piece

_TICKS_PER_QUARTER = 220  # where the sequence does not say
_QPM = 120.0
_MOST_MICROSECONDS = (1 << 24) - 1  # a quarter: a tempo has three bytes
_DRUM_CHANNEL = 9
_VOICE = ['instrument', 'program', 'is_drum']
_LONGEST_DELTA = 5  # bytes of seven bits each
_END_OF_TRACK = b'\x01\xff\x2f\x00'  # a tick after the last event


def midi_bytes(sequence: music_pb2.NoteSequence) -> bytes:
    """Returns a MIDI file of the unquantized `sequence`. Raises ValueError if its numbers are out of MIDI's range."""
    for tempo in sequence.tempos:
        _require_tempo(tempo.qpm, 6e7 / tempo.qpm if tempo.qpm > 0 else math.inf)
    notes = piece.of(sequence).notes
    return _of_one_voice(sequence, notes) if _has_one_voice(sequence, notes) else _of_anything(sequence)


def _require_tempo(qpm: float, microseconds: float) -> None:
    """Raises ValueError for a tempo, `microseconds` a quarter, that MIDI cannot hold: it would be another one there."""
    if not 1 <= microseconds <= _MOST_MICROSECONDS:
        fast = 'fast' if qpm > _QPM else 'slow'
        raise ValueError(f'{qpm:g} quarters a minute are too {fast}: MIDI knows tempos from 3.58 to 60,000,000')


def _has_one_voice(sequence: music_pb2.NoteSequence, notes: np.ndarray) -> bool:
    """Whether `_of_one_voice` can write it; `notes` are piece.NOTE [notes]."""
    if (
        sequence.key_signatures
        or sequence.pitch_bends
        or sequence.control_changes
        or sequence.instrument_infos
        or len(sequence.tempos) > 1
        or len(sequence.time_signatures) > 1
        or any(event.time != 0 for event in (*sequence.tempos, *sequence.time_signatures))
    ):
        return False
    if not all(0 < ts.numerator < 256 and ts.denominator.bit_count() == 1 for ts in sequence.time_signatures):
        return False
    if not len(notes):
        return True
    one_voice = (notes[_VOICE] == notes[_VOICE][0]).all()
    # The file has the names of other instruments than the first.
    return one_voice and (notes['instrument'][0] == 0 or notes['is_drum'][0])


def _of_one_voice(sequence: music_pb2.NoteSequence, notes: np.ndarray) -> bytes:
    """Three tracks as pretty_midi makes them: tempo and metre, instrument 0 with or without notes, and drums."""
    resolution = sequence.ticks_per_quarter or _TICKS_PER_QUARTER
    qpm = sequence.tempos[0].qpm if sequence.tempos else _QPM
    seconds_per_tick = 60 / (qpm * resolution)
    metre = sequence.time_signatures[0] if sequence.time_signatures else None
    numerator, denominator = (metre.numerator, metre.denominator) if metre else (4, 4)
    tempo = int(6e7 / (60 / (seconds_per_tick * resolution)))  # microseconds a quarter
    _require_tempo(qpm, tempo)
    metre_event = bytes([numerator, denominator.bit_length() - 1, 24, 8])  # MIDI clocks a beat, 32nds a quarter
    tracks = [b'\0\xff\x51\x03' + tempo.to_bytes(3, 'big') + b'\0\xff\x58\x04' + metre_event]
    number, program, is_drum = notes[_VOICE][0] if len(notes) else (0, 0, False)
    channel = _DRUM_CHANNEL if is_drum else 0
    instrument = bytes([0, 0xC0 | channel, program]) + _note_events(notes, seconds_per_tick, channel)
    if number:
        tracks.append(bytes([0, 0xC0, 0]))
        instrument = b'\0\xff\x03\x05Drums' + instrument
    tracks.append(instrument)
    chunks = [_chunk(b'MThd', struct.pack('>hhh', 1, len(tracks), resolution))]
    return b''.join(chunks + [_chunk(b'MTrk', track + _END_OF_TRACK) for track in tracks])


def _note_events(notes: np.ndarray, seconds_per_tick: float, channel: int) -> bytes:
    """The events of notes with running status; at one tick by pitch, each pitch's note off first."""
    if not len(notes):
        return b''
    pitches, velocities = notes['pitch'].astype(np.int64), notes['velocity'].astype(np.int64)
    if min(pitches.min(), velocities.min()) < 0 or max(pitches.max(), velocities.max()) > 127:
        raise ValueError('pitches and velocities go from 0 to 127')
    ticks = np.rint(np.concatenate([notes['start'], notes['end']]) / seconds_per_tick).astype(np.int64)
    pitches = np.concatenate([pitches, pitches])
    velocities = np.concatenate([velocities, np.zeros_like(velocities)])  # 0 is a note off
    events = np.sort(ticks << 14 | pitches << 7 | velocities)

    # A row for each event: the ticks since the one before, seven bits a byte, the status, which the first alone tells,
    # pitch and velocity.
    deltas = np.diff(events >> 14, prepend=0)[:, None]
    shifts = np.arange(_LONGEST_DELTA - 1, -1, -1) * 7
    rows = np.empty((len(events), _LONGEST_DELTA + 3), np.uint8)
    rows[:, :_LONGEST_DELTA] = deltas >> shifts & 0x7F | np.where(shifts, 0x80, 0)
    rows[:, -3] = 0x90 | channel
    rows[:, -2] = events >> 7 & 0x7F
    rows[:, -1] = events & 0x7F
    told = np.ones(rows.shape, bool)
    told[:, : _LONGEST_DELTA - 1] = deltas >> shifts[:-1] > 0
    told[1:, -3] = False
    return rows[told].tobytes()


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack('>L', len(data)) + data


def _of_anything(sequence: music_pb2.NoteSequence) -> bytes:
    from note_seq import midi_io

    file = io.BytesIO()
    midi_io.note_sequence_to_pretty_midi(_with_parts_apart(sequence)).write(file)
    return file.getvalue()


def _with_parts_apart(sequence: music_pb2.NoteSequence) -> music_pb2.NoteSequence:
    """The same music, of whose instrument 0 each part, what has a program of its own or is drums, is an instrument.

    note_seq makes a track for each part of any other instrument, but one for all parts of instrument 0: it would write
    the last of them alone.
    """
    apart = music_pb2.NoteSequence()
    apart.CopyFrom(sequence)
    events = [*apart.notes, *apart.pitch_bends, *apart.control_changes]
    first = [event for event in events if event.instrument == 0]
    parts = sorted({(event.program, event.is_drum) for event in first})
    if len(parts) < 2:
        return sequence
    free = 1 + max(event.instrument for event in events)
    instruments = {part: free + k for k, part in enumerate(parts[1:])}
    for event in first:
        event.instrument = instruments.get((event.program, event.is_drum), 0)
    return apart
