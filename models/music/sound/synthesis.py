"""Notes to sound, by libsonare's player of soundfonts.

Each part, the notes of one instrument and program, has a player of its own: so there is no end of channels, parts are
computed side by side, and the sum, which is taken in the order of the parts, does not depend on how many cores there
are. The player is told when to do what in seconds.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from note_seq.drums_encoder_decoder import DEFAULT_DRUM_TYPE_PITCHES
from note_seq.protobuf import music_pb2

from solferino.hparams.cores import num_cores
from solferino.hparams.errors import SolferinoError
from solferino.models.music import extras

SAMPLE_RATE = 44100  # frames a second
MOST_SECONDS = 3600.0  # an hour of sound takes 1.3 GB of memory, twice
_TAILS = 12.0, 60.0  # seconds after the last note: for most sounds, and for those that ring on
_RINGING = 1e-3  # of the loudest frame: what is softer, by 60 dB, is not heard after it
_FADE = 0.02  # seconds
_SILENCE = 1e-5  # the highest sample of what has made no sound; full scale is 1
_QUARTERS = 2.0  # a second, at the tempo that the player has: 120
_SHORTEST = 1e-3  # seconds of a note
_POLYPHONY = 256
_DRUM_CHANNEL = 9
_BEND_CENTRE = 8192
_OF_THE_SOUNDFONT = 1  # libsonare's SOURCE_BACKEND_SF2: it has no public name
# Drum pads have pitches that no soundfont knows: they sound as the first drum of their kind.
_KIT = range(27, 88)  # the drums of GS, of which General MIDI has 35 to 81
_PADS = {pitch: kind[0] for kind in DEFAULT_DRUM_TYPE_PITCHES for pitch in kind if pitch not in _KIT}
_MODES = 120  # controllers from here on are commands, such as to stop all notes


class NotHeardError(SolferinoError):
    """Music of which nothing can be heard, or that is too long to be rendered."""


class _Part(NamedTuple):
    """Which notes a player plays; drums of all programs come before other parts of the same instrument."""

    instrument: int
    is_drum: bool
    program: int


class Sound(NamedTuple):
    """float32 [frames, 2], full scale 1, and the names of programs that the soundfont does not have."""

    frames: np.ndarray
    missing: list[str]


def synthesize(sequence: music_pb2.NoteSequence, soundfont: bytes) -> Sound:
    """Plays an unquantized NoteSequence from its beginning until the last note has died away.

    Raises:
      NotHeardError: it has no notes, none of them makes a sound, or they last too long.
      SolferinoError: the package that plays them is not there, or does not take the soundfont.
    """
    sonare = extras.load('libsonare', extras.SOUND)
    parts = _parts(sequence)
    if not parts:
        raise NotHeardError('There are no notes, so nothing would be heard.')
    length = max(note.end_time for notes in parts.values() for note in notes)
    if length > MOST_SECONDS:
        raise NotHeardError(f'It lasts {length:,.0f} s; what is longer than {MOST_SECONDS:,.0f} s is not rendered.')
    total = np.zeros((0, 2), np.float32)
    missing: dict[str, None] = {}

    def play(part: _Part) -> Sound:
        return _play(sonare, _events(sonare, sequence, part, parts[part]), _end(parts[part]), soundfont, part)

    cores, ordered = num_cores(), sorted(parts)
    for start in range(0, len(ordered), cores):  # no more of them in memory than are computed at once
        with ThreadPoolExecutor(cores) as pool:
            for sound in pool.map(play, ordered[start : start + cores]):
                longer, shorter = sorted((total, sound.frames), key=len, reverse=True)
                longer[: len(shorter)] += shorter
                total = longer
                missing |= dict.fromkeys(sound.missing)
    if not len(total) or float(np.abs(total).max()) < _SILENCE:
        raise NotHeardError('Nothing is heard of its notes: the soundfont has no sound for them.')
    return Sound(_without_silence_after(total, length), list(missing))


def _parts(sequence: music_pb2.NoteSequence) -> dict[_Part, list[Any]]:
    parts: dict[_Part, list[Any]] = {}
    for note in sequence.notes:
        heard = 0 < note.velocity < 128 and 0 <= note.pitch < 128 and 0 <= note.start_time <= note.end_time
        if heard and math.isfinite(note.end_time):
            program = note.program if 0 <= note.program < 128 else 0
            parts.setdefault(_Part(note.instrument, note.is_drum, program), []).append(note)
    return parts


def _end(notes: Sequence[Any]) -> float:
    return float(max(note.end_time for note in notes))


def _events(sonare: Any, sequence: music_pb2.NoteSequence, part: _Part, notes: Sequence[Any]) -> list[Any]:
    """What the player is to do, in order of time; at one time, notes end before controls move and others begin.

    A key that is struck while it sounds is let go first.
    """
    make, channel = sonare.Project, _DRUM_CHANNEL if part.is_drum else 0
    events: list[tuple[float, int, Any]] = []

    def add(seconds: float, rank: int, kind: Any, *values: int) -> None:
        place = max(0.0, seconds) * _QUARTERS
        events.append((place, rank, kind(place, 0, channel, *values)))

    banks = [c for c in sequence.control_changes if c.instrument == part.instrument and c.control_number in (0, 32)]
    for change in (c for c in sequence.control_changes if c.instrument == part.instrument):
        if 0 <= change.control_number < _MODES and 0 <= change.control_value < 128 and math.isfinite(change.time):
            add(change.time, 1, make.midi_cc, change.control_number, change.control_value)
    for time in sorted({0.0, *(change.time for change in banks)}):  # a bank is chosen by the program after it
        add(time, 2, make.midi_program, part.program)
    for bend in (b for b in sequence.pitch_bends if b.instrument == part.instrument):
        if -_BEND_CENTRE <= bend.bend < _BEND_CENTRE and math.isfinite(bend.time):
            add(bend.time, 3, make.midi_pitch_bend, bend.bend + _BEND_CENTRE)
    again: dict[int, float] = {}  # pitch -> when it is struck next, going backwards
    for note in sorted(notes, key=lambda n: (-n.start_time, -n.end_time, -n.velocity)):
        pitch = _PADS.get(note.pitch, note.pitch) if part.is_drum else note.pitch
        if again.get(pitch) == note.start_time:
            continue  # a second note on the key at the same moment
        end = min(note.end_time, again.get(pitch, math.inf))
        again[pitch] = note.start_time
        add(note.start_time, 4, make.midi_note_on, pitch, note.velocity)
        add(max(end, note.start_time + _SHORTEST), 0, make.midi_note_off, pitch, 0)
    events.sort(key=lambda event: event[:2])
    return [event for *_, event in events]


def _play(sonare: Any, events: list[Any], end: float, soundfont: bytes, part: _Part) -> Sound:
    """Plays one part until it has died away, a minute after its last note at most."""
    config = sonare.Sf2InstrumentConfig(polyphony=_POLYPHONY)
    with sonare.Project() as project:
        project.set_sample_rate(SAMPLE_RATE)
        try:
            project.load_soundfont(soundfont)
        except sonare.SonareError as error:
            raise SolferinoError(
                f'The soundfont cannot be used: {error}. Name another one: --soundfont=name.sf2.'
            ) from None
        _, clip = project.add_midi_clip(0.0, (end + _TAILS[-1]) * _QUARTERS)
        project.set_midi_events(clip, events)
        for tail in _TAILS:
            frames = project.bounce_with_sf2_instrument(
                config, num_channels=2, sample_rate=SAMPLE_RATE, total_frames=round((end + tail) * SAMPLE_RATE)
            )
            loudest, last = float(np.abs(frames).max()), float(np.abs(frames[-SAMPLE_RATE // 10 :]).max())
            if last <= _RINGING * loudest:
                break
        missing = [
            f'{"drum kit" if part.is_drum else "program"} {status.program}'
            for status in project.soundfont_manifest()
            if status.backend != _OF_THE_SOUNDFONT
        ]
    return Sound(np.array(frames, np.float32), missing)


def _without_silence_after(frames: np.ndarray, end: float) -> np.ndarray:
    """Cuts off what cannot be heard after the last note, and lets the rest end in silence."""
    loudness = np.abs(frames).max(axis=1)
    heard = np.flatnonzero(loudness > _RINGING * loudness.max())
    frames = frames[: max(int(heard[-1]) + 1, min(len(frames), math.ceil(end * SAMPLE_RATE)))]
    fade = min(len(frames), round(_FADE * SAMPLE_RATE))
    frames[len(frames) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return frames
