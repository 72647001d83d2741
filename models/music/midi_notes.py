"""From a MIDI file's events to notes as pretty_midi and note-seq make them: who plays, when, and for how long.

An instrument is what sounds on one channel of one track with one program; instruments are numbered in the order in
which their first notes end. A note-off ends all notes of its pitch that began before it. Controls and pitch bends
belong to the instrument of their channel's program; before that one has ended a note they go to a pool, which every
later instrument of the channel shares. Tempo, metre and key are the first track's.

Whatever is to be sorted is packed into one integer for each event, with the event's index in its low bits: so sorting
by a key keeps the order of time.
"""

import bisect
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solferino.models.music import midi_events
from solferino.models.music.midi_events import Bytes, Events, Integers

Seconds = npt.NDArray[np.float64]

_DRUM_CHANNEL = 9
_DEFAULT_QPM = 120.0

_INDEX_BITS = 20
_INDEX = (1 << _INDEX_BITS) - 1
assert midi_events.MAX_BYTES <= _INDEX


class Instrument(NamedTuple):
    """Notes are played on `program`, 0 to 127. The name is the track's, '' if it has none."""

    program: int
    is_drum: bool
    name: str


class Notes(NamedTuple):
    """Arrays (notes,), in the order of the instruments, and for each in the order of the notes' ends."""

    instrument: Integers
    pitch: Bytes
    velocity: Bytes
    start: Seconds
    end: Seconds


class Controls(NamedTuple):
    """Control changes or pitch bends, arrays (events,) in the order of the instruments.

    The value of a bend is from -8192 to 8191, and its number has no meaning.
    """

    instrument: Integers
    time: Seconds
    number: Bytes
    value: Integers


class Changes(NamedTuple):
    """Changes of tempo, metre or key: arrays (changes,) of their times in seconds and what is new."""

    time: Seconds
    values: tuple[npt.NDArray[np.generic], ...]


class Music(NamedTuple):
    """What a NoteSequence says of a MIDI file.

    Attributes:
      resolution: ticks per quarter.
      metres: numerators and denominators.
      keys: pitch classes, and 1 for minor or 0 for major.
      tempos: quarters per minute.
    """

    resolution: int
    metres: Changes
    keys: Changes
    tempos: Changes
    instruments: list[Instrument]
    notes: Notes
    bends: Controls
    controls: Controls

    @property
    def total_time(self) -> float:
        """When the last note ends, in seconds; 0 without notes."""
        return max(self.notes.end.tolist(), default=0.0)


def music(events: Events) -> Music:
    """Makes music of a file's events."""
    clock = _Clock(events)
    # Channels of different tracks have nothing to do with each other.
    channel = events.track << 4
    channel |= events.status & 0x0F
    on, off = _pairs(events, channel)
    player = _players(events, channel, off)
    players, births, instrument = _by_appearance(player, off)
    if len(players) > 1:
        order = np.sort(instrument << _INDEX_BITS | np.arange(len(off))) & _INDEX
        on, off, instrument = on[order], off[order], instrument[order]
    notes = Notes(
        instrument,
        events.data1[on],
        events.data2[on],
        clock.seconds(events.tick[on]),
        clock.seconds(events.tick[off]),
    )
    instrument, index = _owned(events, channel, np.array(players), np.array(births))
    number, value, time = events.data1[index], events.data2[index], clock.seconds(events.tick[index])
    is_bend = events.status[index] >= midi_events.BEND
    bend, control = is_bend.nonzero()[0], (~is_bend).nonzero()[0]
    return Music(
        events.resolution,
        clock.changes(_of_first_track(events, midi_events.TIME_SIGNATURE), _metre),
        clock.changes(_of_first_track(events, midi_events.KEY_SIGNATURE), _key),
        clock.tempos,
        _instruments(events, players, births),
        notes,
        Controls(instrument[bend], time[bend], number[bend], (value[bend] << np.int64(7)) + number[bend] - 0x2000),
        Controls(instrument[control], time[control], number[control], value[control]),
    )


class _Clock:
    """Turns ticks into seconds by pretty_midi's operations in pretty_midi's order: the results are equal to the bit."""

    def __init__(self, events: Events):
        resolution = events.resolution
        scales = [(0, 60.0 / (_DEFAULT_QPM * resolution))]
        for tick, data in _of_first_track(events, midi_events.TEMPO):  # data: microseconds per quarter
            scale = 60.0 / (6e7 / int.from_bytes(data) * resolution)  # seconds per tick
            if tick == 0:
                scales = [(0, scale)]
            elif scale != scales[-1][1]:
                scales.append((tick, scale))
        times = [0.0]
        for (tick, scale), (next_tick, _) in zip(scales, scales[1:], strict=False):
            times.append(times[-1] + scale * (next_tick - tick))
        self._ticks, self._scales = np.array([tick for tick, _ in scales]), np.array([scale for _, scale in scales])
        self._times = np.array(times)
        self.tempos = Changes(self._times, (60.0 / (self._scales * resolution),))

    def seconds(self, ticks: Integers) -> Seconds:
        """When ticks happen."""
        if len(self._ticks) == 1:
            return self._scales * ticks
        part = self._ticks.searchsorted(ticks, side='right') - 1
        return self._times[part] + self._scales[part] * (ticks - self._ticks[part])

    def changes(self, found: list[tuple[int, bytes]], read: Callable[[bytes], tuple[int, int]]) -> Changes:
        """The changes that meta events tell of, `read` being what their bytes say."""
        if not found:
            return Changes(np.empty(0), (np.empty(0, np.int64), np.empty(0, np.int64)))
        ticks, data = zip(*found, strict=True)
        first, second = zip(*map(read, data), strict=True)
        return Changes(self.seconds(np.array(ticks)), (np.array(first), np.array(second)))


def _of_first_track(events: Events, kind: int) -> list[tuple[int, bytes]]:
    """Tick and bytes of the meta events of a kind."""
    return [(meta.tick, meta.data) for meta in events.metas if meta.type == kind and meta.track == 0]


def _metre(data: bytes) -> tuple[int, int]:
    return data[0], 1 << data[1]


def _key(data: bytes) -> tuple[int, int]:
    """Pitch class of the tonic and 1 if minor, of the number of sharps (or minus that of flats)."""
    return (7 * data[0] + 9 * data[1] if data[0] < 0x80 else 7 * (data[0] - 0x100) + 9 * data[1]) % 12, data[1]


def _pairs(events: Events, channel: Integers) -> tuple[Integers, Integers]:
    """Note-ons and the note-offs that end them, as indices of events, in the order of the note-offs.

    A note-off ends all notes of its pitch that sound, but those of its own tick: they sound on if it has ended others,
    or else are forgotten.
    """
    note = (events.status < midi_events.POLY_TOUCH).nonzero()[0]
    key = channel[note] << 7
    key |= events.data1[note]
    note = np.sort(key << _INDEX_BITS | note)
    key = note >> _INDEX_BITS
    note &= _INDEX
    is_on = (events.status[note] >= midi_events.NOTE_ON) & (events.data2[note] > 0)
    tick = events.tick[note]

    # From here on indices are of notes sorted by key. The next note-off of each, which may be of another key.
    end = len(note)
    next_off = np.arange(end + 1)
    next_off[:-1][is_on] = end
    next_off = np.minimum.accumulate(next_off[::-1])[::-1]
    key, tick = np.append(key, -1), np.append(tick, -1)
    on = is_on.nonzero()[0]
    off = next_off[on]
    same = key[off] == key[on]
    ended = same & (tick[off] > tick[on])
    if np.count_nonzero(ended) < len(on):
        again = same & ~ended  # their note-off is on their own tick
        ending, sounding = set(off[ended].tolist()), []
        for i, j in zip(on[again].tolist(), off[again].tolist(), strict=True):
            k = next_off.item(j + 1)
            if j in ending and key[k] == key[i] and tick[k] > tick[i]:
                ending.add(k)
                sounding.append((i, k))
        on, off = on[ended], off[ended]
        if sounding:
            on, off = np.append(on, [i for i, _ in sounding]), np.append(off, [k for _, k in sounding])
    pairs = np.sort(note[off] << _INDEX_BITS | note[on])
    return pairs & _INDEX, pairs >> _INDEX_BITS


def _players(events: Events, channel: Integers, index: Integers) -> Integers:
    """Channel and program of the events `index`, as one number."""
    channel_ = channel[index] << _INDEX_BITS
    player = channel[index] << 7
    change = ((events.status & 0xF0) == midi_events.PROGRAM).nonzero()[0]
    if len(change):
        change = np.sort(channel[change] << _INDEX_BITS | change)
        last = change.searchsorted(channel_ | index) - 1
        here = (last >= 0) & (change[last] >= channel_)
        player |= events.data1[change & _INDEX][last] * here
    return player


def _by_appearance(player: Integers, index: Integers) -> tuple[list[int], list[int], Integers]:
    """The players without repetition, the event at which each appears first, and which of them each one is."""
    if not len(player):
        return [], [], player
    starts = [0, *((player[1:] != player[:-1]).nonzero()[0] + 1).tolist()]
    numbers: dict[int, int] = {}
    births = []
    of_run = []
    for start in starts:
        number = numbers.setdefault(player.item(start), len(numbers))
        if number == len(births):
            births.append(index.item(start))
        of_run.append(number)
    return list(numbers), births, np.array(of_run).repeat(np.diff([*starts, len(player)]))


def _owned(events: Events, channel: Integers, players: Integers, births: Integers) -> tuple[Integers, Integers]:
    """Which instrument has which controls and bends: numbers of instruments, and indices of events."""
    kind = events.status & 0xF0
    index = ((kind == midi_events.CONTROL) | (kind == midi_events.BEND)).nonzero()[0]
    if not (len(index) and len(players)):
        return index[:0], index[:0]
    player = _players(events, channel, index)
    order = players.argsort()
    owner = order[np.minimum(players.searchsorted(player, sorter=order), len(players) - 1)]
    at_home = (players[owner] == player) & (births[owner] < index)
    # A channel's pool is there from its first event without a home. Instruments born later have no list of their own.
    pools = np.full(events.tracks << 4, len(events.tick))
    homeless = (~at_home).nonzero()[0][::-1]
    pools[channel[index[homeless]]] = index[homeless]
    in_pool = births > pools[players >> 7]
    lists = np.where(in_pool, players >> 7, (events.tracks << 4) + np.arange(len(players)))
    list_ = np.where(at_home, lists[owner], player >> 7) << _INDEX_BITS
    index = np.sort(list_ | index)
    begin, end = index.searchsorted(lists << _INDEX_BITS), index.searchsorted(lists + 1 << _INDEX_BITS)
    taken = [index[i:j] for i, j in zip(begin.tolist(), end.tolist(), strict=True)]
    return np.arange(len(players)).repeat(end - begin), np.concatenate(taken) & _INDEX


def _instruments(events: Events, players: list[int], births: list[int]) -> list[Instrument]:
    """The instruments, each with the name that its track had when it was born."""
    names = [meta for meta in events.metas if meta.type == midi_events.TRACK_NAME]
    instruments = []
    for player, birth in zip(players, births, strict=True):
        last = bisect.bisect(names, birth, key=lambda meta: meta.index) - 1
        named = last >= 0 and names[last].track == player >> 11
        name = names[last].data.decode('latin-1') if named else ''
        instruments.append(Instrument(player & 0x7F, player >> 7 & 0x0F == _DRUM_CHANNEL, name))
    return instruments
