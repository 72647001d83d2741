"""A MIDI file's events as arrays, without a step of Python for each event.

A track is a chain of events, each of which says by its first bytes where the next one begins. So for every byte of the
file it is computed, at once, where the next event would begin if one began here; a walk of sixteen events a step then
finds where events do begin, and everything else is gathered from there.

What is read is what mido reads, which note-seq is built upon; with one exception, for which there is `magenta_reading`.
Whatever mido refuses, and whatever is so unusual that proving the same result is not worth its code, raises InDoubt:
let `midi_walk` read such a file, or note-seq, or say what is wrong.

Format: Standard MIDI Files 1.0 (https://midi.org/standard-midi-files-specification).
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solferino.models.music.reading.remarks import Remark

Integers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

# Larger files would take more than 50 MB, and mido refuses an event of more than a million bytes.
MAX_BYTES = 1_000_000
# The latest tick that pretty_midi expects. It makes a table of all ticks, so later ones are a question of memory.
MAX_TICK = 10_000_000
# Bits of an index of an event. Above it there is room for 65,535 tracks, their channels, and pitches.
INDEX_BITS = 32
INDEX = (1 << INDEX_BITS) - 1
# A word of a Remark: mido forgets the delta time of events that it does not know.
UNKNOWN_DELTAS = 'delta times of unknown events'

NOTE_OFF, NOTE_ON, POLY_TOUCH, CONTROL, PROGRAM, PRESSURE, BEND, SYSTEM = range(0x80, 0x100, 0x10)
SYSEX, SYSEX_MORE, META = 0xF0, 0xF7, 0xFF
TEXT, LYRIC, MARKER, CUE = 0x01, 0x05, 0x06, 0x07
TRACK_NAME, PORT, TEMPO, SMPTE_OFFSET, TIME_SIGNATURE, KEY_SIGNATURE = 0x03, 0x21, 0x51, 0x54, 0x58, 0x59

_HEADER = struct.Struct('>4sLhhh')
_CHUNK = struct.Struct('>4sL')
_PADDING = bytes(16)  # lets the bytes after any byte be looked at

_DOUBLINGS = 4


# For each first byte of an event, how many bytes it has: a status, or with running status a data byte. 0 is for those
# that say so themselves.
_EVENT_LENGTHS = bytes(
    0 if first in (SYSEX, SYSEX_MORE, META)
    else 1 if first >= SYSTEM
    else 2 if first < NOTE_OFF or PROGRAM <= first < BEND
    else 3
    for first in range(256)
)  # fmt: skip
_THREE_BYTES = np.zeros(256, bool)
_THREE_BYTES[[*range(NOTE_OFF, PROGRAM), *range(BEND, SYSTEM)]] = True
_CHANNEL = np.zeros(256, bool)
_CHANNEL[NOTE_OFF:SYSTEM] = True

# Meta events of which nothing can be wrong: texts, and the end of the track. Of some it may be that they are chords.
_TEXTS = frozenset([TEXT, 2, 4, LYRIC, MARKER, CUE, 9, 0x2F, 0x7F])
CHORD_TEXTS = frozenset([TEXT, LYRIC, MARKER, CUE])
MOST_OF_TEXT = 24  # bytes of it that are kept: no chord symbol has so many
_BEGINS_CHORD = np.zeros(256, bool)
_BEGINS_CHORD[[*b'ABCDEFGN%']] = True  # or says that there is none
# The others that mido knows.
_CHECKED = frozenset([0, TRACK_NAME, 0x20, PORT, TEMPO, SMPTE_OFFSET, TIME_SIGNATURE, KEY_SIGNATURE])


class InDoubt(Exception):
    """A file that this module cannot read, or not surely right. The text says why, in a few fixed words."""


class Meta(NamedTuple):
    """A meta event: its place among all events, its track and tick, its type and its bytes."""

    event: int
    track: int
    tick: int
    type: int
    data: bytes


class Events(NamedTuple):
    """All events of a file, track after track, each array (events,).

    Attributes:
      resolution: ticks per quarter.
      tracks: number of tracks.
      track: which track an event is in.
      tick: when it happens, in ticks from the beginning of the piece.
      status: its status byte; channel events are below SYSTEM.
      data1, data2: a channel event's data bytes; without meaning where it has none.
      metas: the meta events that matter to notes, in the same order.
      texts: CHORD_TEXTS, likewise, of a track and type of which most may be chord symbols; of each as much as could be.
      format: of the file: 2 if its tracks are pieces of their own.
      ticks_per_second: where ticks are parts of frames of film; or else 0. The resolution then is that of 120 qpm.
      remarks: what was noticed.
    """

    resolution: int
    tracks: int
    track: Integers
    tick: Integers
    status: Bytes
    data1: Bytes
    data2: Bytes
    metas: list[Meta]
    format: int = 1
    ticks_per_second: float = 0.0
    remarks: tuple[Remark, ...] = ()
    texts: Sequence[Meta] = ()


def read(content: bytes, magenta_reading: bool = False) -> Events:
    """Reads a MIDI file, and with `magenta_reading` as mido reads it in every case. Raises InDoubt."""
    if len(content) > MAX_BYTES:
        raise InDoubt('many bytes')
    form, resolution, starts, ends = _chunks(content)
    if not magenta_reading and len(content) > ends[-1] and b'MTrk' in content[ends[-1] :]:
        raise InDoubt('more tracks')
    raw = content[: ends[-1]] + _PADDING
    data = np.frombuffer(raw, np.uint8)
    extra = _extra_bytes(data)
    follows = _successors(raw, data, extra, starts, ends)
    try:
        places, counts = _of_tracks(_leap(follows, starts[0], ends[-1]), ends)
        more = extra[places]
        at, status, explicit = _statuses(data, places + more, counts, _THREE_BYTES)
    except InDoubt:
        places, counts = _of_tracks(_step(raw, extra, follows, starts[0], ends), ends)
        more = extra[places]
        at, status, explicit = _statuses(data, places + more, counts, _CHANNEL)
    deltas = _deltas(data, at - 1, more)
    at += explicit
    data1, data2 = data[at], data[at + 1]
    # Without a look at what has no meaning. The least that a data byte can be wrong by is its top bit.
    checked = (data1 * (status < SYSTEM)).tobytes(), (data2 * _THREE_BYTES[status]).tobytes()
    if not (checked[0].isascii() and checked[1].isascii()):
        raise InDoubt('data bytes out of range')

    other = (status >= SYSTEM).nonzero()[0]
    first = counts.cumsum() - counts
    metas, texts, unknown = _metas(raw, other.tolist(), at[other].tolist())
    remarks: tuple[Remark, ...] = ()
    if unknown and (forgotten := np.count_nonzero(deltas[unknown])):
        if magenta_reading:
            deltas[unknown] = 0
        else:
            remarks = (Remark(UNKNOWN_DELTAS, int(forgotten)),)
    tick = deltas.cumsum()
    if len(counts) > 1:
        tick -= (tick[first] - deltas[first]).repeat(counts)
    if max(tick[first + (counts - 1)].tolist()) >= MAX_TICK:
        raise InDoubt('many ticks')
    track = np.arange(len(counts)).repeat(counts)
    timed, said = (
        [Meta(i, track.item(i), tick.item(i), kind, payload) for i, kind, payload in found]
        for found in (metas, _chord_texts(raw, data, track, texts) if texts else ())
    )
    return Events(resolution, len(counts), track, tick, status, data1, data2, timed, form, remarks=remarks, texts=said)


def strikes(events: Events) -> bool:
    """Whether a note is struck at all."""
    return bool(np.any(((events.status & 0xF0) == NOTE_ON) & (events.data2 > 0)))


def _chunks(content: bytes) -> tuple[int, int, list[int], list[int]]:
    """The file's format, its ticks per quarter, and where the events of each track start and end."""
    if len(content) < _HEADER.size:
        raise InDoubt('no header')
    name, size, form, tracks, resolution = _HEADER.unpack_from(content)
    if name != b'MThd' or _CHUNK.size + size < _HEADER.size:
        raise InDoubt('no header')
    if tracks <= 0:
        raise InDoubt('no tracks')
    if resolution <= 0:  # frames of film; 0 is an error
        raise InDoubt('no ticks per quarter')
    starts, ends = [], []
    place = _CHUNK.size + size
    for _ in range(tracks):
        if place + _CHUNK.size > len(content):
            raise InDoubt('missing tracks')
        name, size = _CHUNK.unpack_from(content, place)
        starts.append(place + _CHUNK.size)
        place = starts[-1] + size
        if name != b'MTrk' or place > len(content):
            raise InDoubt('unknown or cut chunk')
        ends.append(place)
    return form, resolution, starts, ends


def _extra_bytes(data: Bytes) -> Bytes:
    """How many bytes more than one the variable-length number has that starts at each byte; 3 also for longer ones."""
    high = data >> 7
    extra = high[2:] + 1
    extra = high[1:-1] * extra + 1
    return high[:-2] * extra


def _successors(raw: bytes, data: Bytes, extra: Bytes, starts: list[int], ends: list[int]) -> Integers:
    """Where the event after one that begins here begins, for each place; at a track's end, where the next track's do.

    This is so only if a data byte in place of the status is the first of two. The last end follows upon itself, and the
    last place of all upon events that are longer than the file.
    """
    beyond = len(extra) - 1
    here = np.arange(len(raw))
    lengths = np.frombuffer(raw.translate(_EVENT_LENGTHS), np.uint8)
    after = here + lengths  # the place after the event whose status byte, or running data byte, is here
    place = (lengths[: ends[-1]] == 0).nonzero()[0]
    length = place + 1
    length += data[place] == META  # the type of a meta event comes before its length
    after[place] = np.minimum(length + 1 + data[length], beyond)
    for i in extra[length].nonzero()[0].tolist():
        value, start = _number(raw, length.item(i))
        after[place[i]] = min(start + value, beyond)
    follows = after.take(here[1 : len(extra) + 1] + extra)
    follows[ends[-1] :] = beyond
    follows[ends] = [*starts[1:], ends[-1]]
    return follows


def _leap(follows: Integers, start: int, end: int) -> Integers:
    """All places from `start` to `end`, or to one beyond it if it is not on the way; the last several times."""
    leaps = [follows]  # over 1, 2, 4, ... events
    for _ in range(_DOUBLINGS):
        leaps.append(leaps[-1].take(leaps[-1]))
    steps, far, place = [], leaps.pop().data, start
    while place < end:
        steps.append(place)
        place = far[place]
    places = np.empty((1 << _DOUBLINGS, len(steps) + 1), np.int64)
    places[0] = [*steps, place]
    for i, leap in enumerate(leaps):
        places[1 << i : 2 << i] = leap.take(places[: 1 << i])
    return places.T.ravel()


def _step(raw: bytes, extra: Bytes, follows: Integers, start: int, ends: list[int]) -> Integers:
    """The same one by one, where one data byte may stand for an event: with running program changes, or pressures."""
    places, place, one_byte = [], start, False
    follow, more, headers = follows.data, extra.tobytes(), set(ends)
    while place < ends[-1]:
        places.append(place)
        at = place + more[place] + 1
        if place in headers:
            one_byte = False
        elif NOTE_OFF <= raw[at] != META:
            one_byte = raw[at] & 0xE0 == PROGRAM
        place = at + 1 if one_byte and raw[at] < NOTE_OFF else follow[place]
    return np.array([*places, place])


def _of_tracks(places: Integers, ends: list[int]) -> tuple[Integers, Integers]:
    """The places without the ends of tracks, and the number of events of each track."""
    headers = places.searchsorted(ends)
    if places[headers].tolist() != ends:
        raise InDoubt('events across the end of a track')
    counts = headers.copy()
    counts[1:] -= headers[:-1] + 1
    if 0 in counts.tolist():
        raise InDoubt('track without events')
    if len(ends) == 1:
        return places[: headers[0]], counts
    wanted = np.ones(headers[-1], bool)
    wanted[headers[:-1]] = False
    return places[: headers[-1]][wanted], counts


def _number(raw: bytes, place: int) -> tuple[int, int]:
    """The variable-length number at a place, and the place after it. Its first four bytes, if it is longer."""
    value = 0
    for byte in raw[place : place + 4]:
        value = value << 7 | byte & 0x7F
        place += 1
        if byte < 0x80:
            break
    return value, place


def _statuses(
    data: Bytes, last: Integers, counts: Integers, can_run: npt.NDArray[np.bool_]
) -> tuple[Integers, Bytes, npt.NDArray[np.bool_]]:
    """Where the first byte of each event is, its status, and whether that is this byte.

    Or else the status is the last one in the track that is not of a meta event, and one of those that `can_run`.
    `last` is where the delta times end.
    """
    at = last + 1
    byte = data[at]
    explicit = byte >= NOTE_OFF
    if np.count_nonzero(explicit) == len(byte):
        return at, byte, explicit
    meta = byte == META
    changes = explicit & ~meta
    changes[counts.cumsum() - counts] = True  # if by a meta event or a data byte, then nothing can run on it
    source = np.arange(len(byte)) * changes
    status = byte[np.maximum.accumulate(source)]
    status[meta] = META
    if np.count_nonzero(can_run[status] | explicit) < len(byte):
        raise InDoubt('running status that cannot run')
    return at, status, explicit


def _deltas(data: Bytes, last: Integers, more: Bytes) -> Integers:
    """Delta times in ticks, from where the last byte of each is and how many there are before it."""
    low = data[last]
    if not low.tobytes().isascii():
        raise InDoubt('delta times of more than four bytes')
    deltas = low.astype(np.int64)
    longer = more.nonzero()[0]
    for i in range(1, 4):
        if not len(longer):
            break
        deltas[longer] += (data[last[longer] - i] & np.int64(0x7F)) << 7 * i
        longer = longer[more[longer] > i]
    return deltas


def _metas(
    raw: bytes, indices: list[int], places: list[int]
) -> tuple[list[tuple[int, int, bytes]], list[tuple[int, int]], list[int]]:
    """The meta events that matter: index, type and bytes. Of CHORD_TEXTS, index and the place of their type.

    And the indices of those that mido does not know.

    Given are the indices of all events that are not channel events, and the places after their status. The others are
    checked too.
    """
    metas: list[tuple[int, int, bytes]] = []
    texts: list[tuple[int, int]] = []
    unknown: list[int] = []
    for index, place in zip(indices, places, strict=True):
        status, kind = raw[place - 1], raw[place]
        if status != META:
            _check_sysex(raw, status, place)
        elif kind in _TEXTS:
            if raw[place + 1] >= 0x80:
                _payload(raw, place + 1)
            if kind in CHORD_TEXTS:
                texts.append((index, place))
        elif kind in _CHECKED:
            payload = _payload(raw, place + 1)
            if not is_usual(kind, payload):
                raise InDoubt('unusual meta events')
            metas.append((index, kind, payload))
        else:
            _payload(raw, place + 1)
            unknown.append(index)
    return metas, texts, unknown


def _chord_texts(
    raw: bytes, data: Bytes, track: Integers, texts: list[tuple[int, int]]
) -> list[tuple[int, int, bytes]]:
    """Index, type and bytes of texts, where more than half of a track's of a type begin as chord symbols do."""
    index, place = np.array(texts).T
    begins = _BEGINS_CHORD[data[place + 2]]
    if not np.count_nonzero(begins):
        return []
    _, group = np.unique(track[index] << 8 | data[place], return_inverse=True)
    likely = 2 * np.bincount(group, begins) > np.bincount(group)
    return [
        (i, raw[at], raw[at + 2 : at + 2 + min(raw[at + 1], MOST_OF_TEXT)])
        for (i, at), taken in zip(texts, likely[group].tolist(), strict=True)
        if taken
    ]


def _payload(raw: bytes, place: int) -> bytes:
    length, start = _number(raw, place)
    if raw[start - 1] >= 0x80:
        raise InDoubt('lengths of more than four bytes')
    return raw[start : start + length]


def _check_sysex(raw: bytes, status: int, place: int) -> None:
    if status not in (SYSEX, SYSEX_MORE):
        raise InDoubt('system messages')
    data = _payload(raw, place).removeprefix(b'\xf0').removesuffix(b'\xf7')
    if not data.isascii():
        raise InDoubt('system exclusive data out of range')


def is_known(kind: int) -> bool:
    """Whether mido knows a type of meta events."""
    return kind in _TEXTS or kind in _CHECKED


def is_usual(kind: int, data: bytes) -> bool:
    """Whether neither mido nor pretty_midi would, or might, refuse a meta event of this type with these data."""
    if kind == TEMPO:
        fine = len(data) == 3 and any(data)
    elif kind == TIME_SIGNATURE:
        fine = len(data) == 4 and data[0] > 0 and data[1] < 8
    elif kind == KEY_SIGNATURE:
        fine = len(data) == 2 and (data[0] < 8 or data[0] > 0x100 - 8) and data[1] < 2
    elif kind == SMPTE_OFFSET:
        fine = len(data) == 5 and data[0] >> 5 < 4 and data[1] < 60 and data[2] < 60 and data[4] < 100
    elif kind == 0x00:  # sequence number
        fine = len(data) in (0, 2)
    elif kind == 0x20:  # channel prefix
        fine = len(data) == 1
    else:  # a name, or a port
        fine = True
    return fine
