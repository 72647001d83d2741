"""From a MIDI file's events to notes as pretty_midi and note-seq make them: who plays, when, and for how long.

An instrument is what sounds on one channel of one track with one program; instruments are numbered in the order in
which their first notes end. A note-off ends all notes of its pitch that began before it. Controls and pitch bends
belong to the instrument of their channel's program; before that one has ended a note they go to a pool, which every
later instrument of the channel shares. Tempo, metre and key are the first track's.

Whatever is to be sorted is packed into one integer for each event, with the event's index in its low bits: so sorting
by a key keeps the order of time.
"""

import bisect
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
    value: npt.NDArray[np.integer]

    def take(self, wanted: npt.NDArray[np.bool_]) -> 'Controls':
        return Controls(self.instrument[wanted], self.time[wanted], self.number[wanted], self.value[wanted])


class Music(NamedTuple):
    """What a NoteSequence says of a MIDI file.

    Attributes:
      resolution: ticks per quarter.
      metres: time in seconds, numerator and denominator of each time signature.
      keys: time in seconds, pitch class, and 1 for minor or 0 for major, of each key signature.
      tempos: time in seconds, and quarters per minute, of each change of tempo.
    """

    resolution: int
    metres: list[tuple[float, int, int]]
    keys: list[tuple[float, int, int]]
    tempos: list[tuple[float, float]]
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

    def of_first_track(kind: int) -> list[tuple[int, bytes]]:
        return [(meta.tick, meta.data) for meta in events.metas if meta.type == kind and meta.track == 0]

    clock = _Clock(events.resolution, of_first_track(midi_events.TEMPO))
    # Channels of different tracks have nothing to do with each other.
    channel = events.track << 4
    channel |= events.status & 0x0F

    on, off = _pairs(events, channel)
    players, births, instrument = _by_appearance(_players(events, channel, off), off)
    if len(players) > 1:
        order = np.sort(instrument << _INDEX_BITS | np.arange(len(off))) & _INDEX
        on, off, instrument = on[order], off[order], instrument[order]
    start, end = clock.seconds(events.tick[on]), clock.seconds(events.tick[off])
    notes = Notes(instrument, events.data1[on], events.data2[on], start, end)

    instrument, index = _owned(events, channel, players, births)
    all_controls = Controls(instrument, clock.seconds(events.tick[index]), events.data1[index], events.data2[index])
    is_bend = events.status[index] >= midi_events.BEND
    if np.count_nonzero(is_bend):
        bends, controls = all_controls.take(is_bend), all_controls.take(~is_bend)
        bends = bends._replace(value=(bends.value << np.int64(7)) + bends.number - 0x2000)
    else:
        bends, controls = all_controls.take(is_bend), all_controls
    metres = _changes(clock, of_first_track(midi_events.TIME_SIGNATURE))
    keys = _changes(clock, of_first_track(midi_events.KEY_SIGNATURE))
    return Music(
        events.resolution,
        [(time, data[0], 1 << data[1]) for time, data in metres],
        [(time, _tonic(*data), data[1]) for time, data in keys],
        clock.tempos,
        _instruments(events, players, births),
        notes,
        bends,
        controls,
    )


class _Clock:
    """Turns ticks into seconds by pretty_midi's operations in pretty_midi's order: the results are equal to the bit.

    Attributes:
      tempos: see Music.
    """

    def __init__(self, resolution: int, tempos: list[tuple[int, bytes]]):
        """`tempos` are ticks and microseconds per quarter."""
        ticks, scales = [0], [60.0 / (_DEFAULT_QPM * resolution)]  # seconds per tick
        for tick, data in tempos:
            scale = 60.0 / (6e7 / int.from_bytes(data) * resolution)
            if tick == 0:
                ticks, scales = [0], [scale]
            elif scale != scales[-1]:
                ticks.append(tick)
                scales.append(scale)
        times = [0.0]
        for tick, next_tick, scale in zip(ticks, ticks[1:], scales, strict=False):
            times.append(times[-1] + scale * (next_tick - tick))
        self.tempos = [(time, 60.0 / (scale * resolution)) for time, scale in zip(times, scales, strict=True)]
        self._ticks, self._times, self._scales = np.array(ticks), np.array(times), np.array(scales)

    def seconds(self, ticks: Integers) -> Seconds:
        """When ticks happen."""
        if len(self._ticks) == 1:
            return self._scales * ticks
        part = self._ticks.searchsorted(ticks, side='right') - 1
        return self._times[part] + self._scales[part] * (ticks - self._ticks[part])


def _changes(clock: _Clock, found: list[tuple[int, bytes]]) -> list[tuple[float, bytes]]:
    """Seconds for ticks."""
    if not found:
        return []
    ticks, data = zip(*found, strict=True)
    return list(zip(clock.seconds(np.array(ticks)).tolist(), data, strict=True))


def _tonic(sharps: int, minor: int) -> int:
    """The pitch class of a key; `sharps` is a signed byte, which counts flats if it is negative."""
    return (7 * (sharps - (sharps & 0x80) * 2) + 9 * minor) % 12


def _pairs(events: Events, channel: Integers) -> tuple[Integers, Integers]:
    """Note-ons and the note-offs that end them, as indices of events, in the order of the note-offs.

    A note-off ends all notes of its pitch that sound, except those of its own tick: if it has ended others, these sound
    on to the next note-off, or else they are forgotten.
    """
    note = (events.status < midi_events.POLY_TOUCH).nonzero()[0]
    key = channel[note] << 7
    key |= events.data1[note]
    note = np.sort(key << _INDEX_BITS | note)
    # From here on indices are of the notes sorted by key, at the end of which is one that is none.
    key, tick = np.empty((2, len(note) + 1), np.int64)
    key[:-1], key[-1] = note >> _INDEX_BITS, -1
    note &= _INDEX
    tick[:-1], tick[-1] = events.tick[note], -1
    is_on = (events.status[note] >= midi_events.NOTE_ON) & (events.data2[note] > 0)

    next_off = np.arange(len(key))
    next_off[:-1][is_on] = len(note)
    next_off = np.minimum.accumulate(next_off[::-1])[::-1]
    on = is_on.nonzero()[0]
    off = next_off[on]
    ended = tick[off] > tick[on]
    ended &= key[off] == key[on]
    if np.count_nonzero(ended) < len(on):
        touching = (~ended & (key[off] == key[on])).nonzero()[0]  # a note-off of their own tick
        ending = np.zeros(len(key), bool)
        ending[off[ended]] = True
        if np.count_nonzero(ending[off[touching]]):
            for i, its_on, its_off in zip(*(a.tolist() for a in (touching, on[touching], off[touching])), strict=True):
                later = next_off.item(its_off + 1)
                sounds_on = key.item(later) == key.item(its_on) and tick.item(later) > tick.item(its_on)
                if sounds_on and ending.item(its_off):
                    off[i], ended[i], ending[later] = later, True, True
        on, off = on[ended], off[ended]
    pairs = np.sort(note[off] << _INDEX_BITS | note[on])
    return pairs & _INDEX, pairs >> _INDEX_BITS


def _players(events: Events, channel: Integers, index: Integers) -> Integers:
    """Channel and program of the events `index`, as one number."""
    player = channel[index] << 7
    change = ((events.status & 0xF0) == midi_events.PROGRAM).nonzero()[0]
    if len(change):
        begin = channel[index] << _INDEX_BITS
        change = np.sort(channel[change] << _INDEX_BITS | change)
        last = change.searchsorted(begin | index) - 1
        changed = (last >= 0) & (change[last] >= begin)
        player |= events.data1[change & _INDEX][last] * changed
    return player


def _by_appearance(player: Integers, index: Integers) -> tuple[list[int], list[int], Integers]:
    """The players without repetition, the event at which each appears first, and which of them each one is."""
    starts = [0, *((player[1:] != player[:-1]).nonzero()[0] + 1).tolist()] if len(player) else []
    numbers: dict[int, int] = {}
    births: list[int] = []
    for start in starts:
        number = numbers.setdefault(player.item(start), len(numbers))
        if number == len(births):
            births.append(index.item(start))
    if len(numbers) < 2:
        return list(numbers), births, np.zeros(len(player), np.int64)
    of_run = np.array([numbers[p] for p in player[starts].tolist()])
    return list(numbers), births, of_run.repeat(np.diff(starts, append=len(player)))


def _owned(events: Events, channel: Integers, players: list[int], births: list[int]) -> tuple[Integers, Integers]:
    """Which instrument has which controls and bends: numbers of instruments, and indices of events."""
    kind = events.status & 0xF0
    index = ((kind == midi_events.CONTROL) | (kind == midi_events.BEND)).nonzero()[0]
    if not (len(index) and players):
        return index[:0], index[:0]
    known, born = np.array(players), np.array(births)
    player = _players(events, channel, index)
    order = known.argsort()
    owner = order.take(known.searchsorted(player, sorter=order), mode='clip')
    at_home = known[owner] == player
    at_home &= born[owner] < index
    lists = (events.tracks << 4) + np.arange(len(known))  # of each instrument its own, or that of its channel's pool
    list_ = lists[owner]
    if np.count_nonzero(at_home) < len(index):
        homeless = (~at_home).nonzero()[0]
        # The pool is there from its first event on, and instruments born later have no list of their own.
        pools = np.full(events.tracks << 4, len(events.tick))
        pools[player[homeless[::-1]] >> 7] = index[homeless[::-1]]
        lists = np.where(born > pools[known >> 7], known >> 7, lists)
        list_ = np.where(at_home, lists[owner], player >> 7)
    index = np.sort(list_ << _INDEX_BITS | index)
    begin, end = index.searchsorted(lists << _INDEX_BITS), index.searchsorted(lists + 1 << _INDEX_BITS)
    taken = [index[i:j] for i, j in zip(begin.tolist(), end.tolist(), strict=True)]
    return np.arange(len(known)).repeat(end - begin), np.concatenate(taken) & _INDEX


def _instruments(events: Events, players: list[int], births: list[int]) -> list[Instrument]:
    """The instruments, each with the name that its track had when it was born."""
    names = [meta for meta in events.metas if meta.type == midi_events.TRACK_NAME]
    instruments = []
    for player, birth in zip(players, births, strict=True):
        last = bisect.bisect(names, birth, key=lambda meta: meta.event) - 1
        named = last >= 0 and names[last].track == player >> 11
        name = names[last].data.decode('latin-1') if named else ''
        instruments.append(Instrument(player & 0x7F, player >> 7 & 0x0F == _DRUM_CHANNEL, name))
    return instruments
