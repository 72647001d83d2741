"""From a MIDI file's events to notes: who plays, when, and for how long.

Notes are made as pretty_midi and note-seq make them, except where these are not what sounds, which `midi_sounding`
knows; with `magenta_reading` there is no exception.

An instrument is what sounds on one channel of one track with one program; instruments are numbered in the order in
which their first notes end. A note-off ends all notes of its pitch that began before it. Controls and pitch bends
belong to the instrument of their channel's program; before that one has ended a note they go to a pool, which every
later instrument of the channel shares. To Magenta tempo, metre and key are the first track's.

Whatever is to be sorted is packed into one integer for each event, with the event's index in its low bits: so sorting
by a key keeps the order of time.
"""

import bisect
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from solferino.models.music.reading import midi_events, midi_programs, midi_sounding
from solferino.models.music.reading.midi_events import INDEX, INDEX_BITS, Bytes, Events, Integers
from solferino.models.music.reading.midi_programs import Programs
from solferino.models.music.reading.remarks import TOO_LATE, Refused, Remark

Seconds = npt.NDArray[np.float64]
Told = TypeVar('Told', bytes, str)

_DEFAULT_QPM = 120.0

_MOST_SECONDS = 24 * 60 * 60.0


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


NO_CONTROLS = Controls(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.uint8), np.zeros(0, np.int64))


class Music(NamedTuple):
    """What a NoteSequence says of a MIDI file.

    Attributes:
      resolution: ticks per quarter.
      metres: time in seconds, numerator and denominator of each time signature.
      keys: time in seconds, pitch class, and 1 for minor or 0 for major, of each key signature.
      tempos: time in seconds, and quarters per minute, of each change of tempo.
      remarks: what was noticed in reading it.
      chords: time in seconds of each chord symbol, and the symbol.
    """

    resolution: int
    metres: list[tuple[float, int, int]]
    keys: list[tuple[float, int, int]]
    tempos: list[tuple[float, float]]
    instruments: list[Instrument]
    notes: Notes
    bends: Controls
    controls: Controls
    remarks: tuple[Remark, ...] = ()
    chords: Sequence[tuple[float, str]] = ()

    @property
    def total_time(self) -> float:
        """When the last note ends, in seconds; 0 without notes."""
        return max(self.notes.end.tolist(), default=0.0)


def pieces(events: Events) -> list[Music]:
    """Makes music of a file's events as they sound: one piece, or of a file of format 2 one for each track with notes.

    Raises Refused if it is longer than a day, which no music is that anybody would want read.
    """
    if events.format != 2 or events.tracks == 1:
        return [music(events)]
    found = [music(_pattern(events, track)) for track in range(events.tracks)]
    sounding = [piece for piece in found if len(piece.notes.pitch)] or found[:1]
    if len(sounding) < 2 and not any(meta.track and meta.type in midi_sounding.TOLD for meta in events.metas):
        return sounding
    remark = Remark(midi_sounding.PATTERNS)
    return [piece._replace(remarks=(*piece.remarks, remark)) for piece in sounding]


def music(events: Events, magenta_reading: bool = False) -> Music:
    """Makes music of a file's events. Raises Refused if it is longer than a day."""
    remarks: list[Remark] = []
    symbols: list[tuple[int, str]] = []
    if magenta_reading:
        changes, _ = midi_sounding.changes_of_first_track(events)
    else:
        changes, remarks = midi_sounding.changes(events)
        symbols = midi_sounding.chord_symbols(events.texts) if events.texts else symbols
        remarks += [Remark(midi_sounding.CHORDS, len(symbols))] if symbols else []
    clock = _Clock(events, changes[midi_events.TEMPO])
    # Channels of different tracks have nothing to do with each other.
    channel = events.track << 4
    channel |= events.status & 0x0F

    on, off, lost, brief = _pairs(events, channel)
    programs = midi_programs.changes(events, channel)
    if magenta_reading:
        end_tick = events.tick[off]
        player = midi_programs.players(channel[off], off, programs)
    else:
        on, off, end_tick, noticed = midi_sounding.ends(events, channel, (on, off), lost, brief)
        programs, borrowed = midi_programs.with_borrowed(events, channel[on], on, programs)
        player, changing = midi_programs.players_as_it_sounds(events, channel, on, off, programs)
        remarks += noticed + borrowed + changing
    players, births, instrument = _by_appearance(player, off)
    if len(players) > 1:
        order = np.sort(instrument << INDEX_BITS | np.arange(len(off))) & INDEX
        on, end_tick, instrument = on[order], end_tick[order], instrument[order]
    start, end = clock.seconds(events.tick[on]), clock.seconds(end_tick)
    notes = Notes(instrument, events.data1[on], events.data2[on], start, end)
    instruments, named = _instruments(events, players, births, magenta_reading)

    bends, controls = _controls(events, clock, *_owned(events, channel, players, births, programs))
    metres = _changes(clock, changes[midi_events.TIME_SIGNATURE])
    keys = _changes(clock, changes[midi_events.KEY_SIGNATURE])
    made = Music(
        events.resolution,
        [(time, data[0], 1 << data[1]) for time, data in metres],
        [(time, _tonic(*data), data[1]) for time, data in keys],
        clock.tempos,
        instruments,
        notes,
        bends,
        controls,
        (*events.remarks, *remarks, *named),
        _changes(clock, symbols),
    )
    if not magenta_reading and made.total_time > _MOST_SECONDS:
        raise Refused(TOO_LATE, f'its last note ends after {made.total_time / 3600:,.0f} hours')
    return made


def _pattern(events: Events, track: int) -> Events:
    """One track of a file, with the first one's tempo, metre and key where it says nothing of them."""
    wanted = (events.track == track).nonzero()[0]
    first = wanted.item(0) if len(wanted) else 0
    own = [meta._replace(track=0, event=meta.event - first) for meta in events.metas if meta.track == track]
    told = {meta.type for meta in own} | {midi_events.TRACK_NAME}
    lent = [meta._replace(event=0) for meta in events.metas if meta.track == 0 and meta.type not in told]
    return Events(
        events.resolution,
        1,
        np.zeros(len(wanted), np.int64),
        events.tick[wanted],
        events.status[wanted],
        events.data1[wanted],
        events.data2[wanted],
        lent + own,
        ticks_per_second=events.ticks_per_second,
        remarks=events.remarks,
        texts=[text._replace(track=0) for text in events.texts if text.track == track],
    )


class _Clock:
    """Turns ticks into seconds by pretty_midi's operations in pretty_midi's order: the results are equal to the bit.

    Where ticks are parts of frames of film, the tempo does not change them; but it is told, as it tells of the beats.

    Attributes:
      tempos: see Music.
    """

    def __init__(self, events: Events, tempos: list[tuple[int, bytes]]):
        """`tempos` are ticks and microseconds per quarter."""
        resolution = events.resolution
        if events.ticks_per_second:
            self._ticks, self._times, self._scales = (
                np.array([0]),
                np.array([0.0]),
                np.array([1 / events.ticks_per_second]),
            )
            told = [(tick / events.ticks_per_second, 6e7 / int.from_bytes(data)) for tick, data in tempos]
            self.tempos = told if told and not told[0][0] else [(0.0, _DEFAULT_QPM), *told]
            return
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


def _changes(clock: _Clock, found: list[tuple[int, Told]]) -> list[tuple[float, Told]]:
    """Seconds for ticks."""
    if not found:
        return []
    ticks, data = zip(*found, strict=True)
    return list(zip(clock.seconds(np.array(ticks)).tolist(), data, strict=True))


def _tonic(sharps: int, minor: int) -> int:
    """The pitch class of a key; `sharps` is a signed byte, which counts flats if it is negative."""
    return (7 * (sharps - (sharps & 0x80) * 2) + 9 * minor) % 12


def _pairs(events: Events, channel: Integers) -> tuple[Integers, Integers, Integers, npt.NDArray[np.bool_]]:
    """Note-ons and the note-offs that end them, as indices of events, in the order of the note-offs.

    A note-off ends all notes of its pitch that sound, except those of its own tick: if it has ended others, these sound
    on to the next note-off, or else they are forgotten.

    Returned besides are the note-ons that are not ended, and for which of them there is a note-off in their own tick.
    """
    note = (events.status < midi_events.POLY_TOUCH).nonzero()[0]
    key = channel[note] << 7
    key |= events.data1[note]
    note = np.sort(key << INDEX_BITS | note)
    # From here on indices are of the notes sorted by key, at the end of which is one that is none.
    key, tick = np.empty((2, len(note) + 1), np.int64)
    key[:-1], key[-1] = note >> INDEX_BITS, -1
    note &= INDEX
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
        lost, brief = note[on[~ended]], key[off[~ended]] == key[on[~ended]]
        on, off = on[ended], off[ended]
    else:
        lost, brief = on[:0], ended[:0]
    pairs = np.sort(note[off] << INDEX_BITS | note[on])
    return pairs & INDEX, pairs >> INDEX_BITS, lost, brief


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


def _controls(events: Events, clock: _Clock, instrument: Integers, index: Integers) -> tuple[Controls, Controls]:
    """Bends, and the other controls, of these events, which belong to these instruments."""
    controls = Controls(instrument, clock.seconds(events.tick[index]), events.data1[index], events.data2[index])
    is_bend = events.status[index] >= midi_events.BEND
    bends = controls.take(is_bend)
    if np.count_nonzero(is_bend):
        controls = controls.take(~is_bend)
        bends = bends._replace(value=(bends.value << np.int64(7)) + bends.number - 0x2000)
    return bends, controls


def _owned(
    events: Events, channel: Integers, players: list[int], births: list[int], programs: Programs
) -> tuple[Integers, Integers]:
    """Which instrument has which controls and bends: numbers of instruments, and indices of events."""
    kind = events.status & 0xF0
    index = ((kind == midi_events.CONTROL) | (kind == midi_events.BEND)).nonzero()[0]
    if not (len(index) and players):
        return index[:0], index[:0]
    known, born = np.array(players), np.array(births)
    player = midi_programs.players(channel[index], index, programs)
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
    index = np.sort(list_ << INDEX_BITS | index)
    begin, end = index.searchsorted(lists << INDEX_BITS), index.searchsorted(lists + 1 << INDEX_BITS)
    taken = [index[i:j] for i, j in zip(begin.tolist(), end.tolist(), strict=True)]
    return np.arange(len(known)).repeat(end - begin), np.concatenate(taken) & INDEX


def _instruments(
    events: Events, players: list[int], births: list[int], magenta_reading: bool
) -> tuple[list[Instrument], list[Remark]]:
    """The instruments, each with the name that its track had when it was born."""
    names = [meta for meta in events.metas if meta.type == midi_events.TRACK_NAME]
    instruments, decoded = [], 0
    for player, birth in zip(players, births, strict=True):
        last = bisect.bisect(names, birth, key=lambda meta: meta.event) - 1
        named = last >= 0 and names[last].track == player >> 11
        name = names[last].data.decode('latin-1') if named else ''
        if not magenta_reading and not name.isascii():
            latin, name = name, midi_sounding.text(names[last].data)
            decoded += name != latin
        instruments.append(Instrument(player & 0x7F, player >> 7 & 0x0F == midi_sounding.DRUM_CHANNEL, name))
    return instruments, [Remark(midi_sounding.NAMES, decoded)] if decoded else []
