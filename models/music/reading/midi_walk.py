"""Reads MIDI files that `midi_events` has doubts about: event by event, passing over what is broken or not needed.

A musician's file is rarely all right or all wrong: a key with 18 flats, a header that miscounts its tracks, a last
track that is cut. None of this is a reason to lose the notes. Whatever is passed over is counted, in a few fixed words.
Only a file of which the music cannot be had, or not be trusted, is refused, for a reason that is true of it.

Format: Standard MIDI Files 1.0 (https://midi.org/standard-midi-files-specification). RMID: the same in a RIFF chunk.
"""

import array
import collections
import struct

import numpy as np

from solferino.hparams import words
from solferino.models.music.reading import midi_events
from solferino.models.music.reading.midi_events import Events, Meta
from solferino.models.music.reading.remarks import DAMAGED, NO_TRACKS, NOT_MIDI, TOO_LATE, Refused, Remark

# Words of remarks.
_BEFORE_HEADER = 'bytes before the header, passed over'
_WRAPPED = 'RIFF wrappers opened'
_FRAMES = 'files with a division in frames (SMPTE)'
_MISSING = 'tracks missing that the header counts'
_BEYOND = 'tracks read beyond those that the header counts'
_CHUNKS = 'unknown chunks passed over'
_LENGTHS = 'lengths of tracks that are wrong, passed over'
_CUT = 'tracks cut short, read up to there'
_AFTER_END = 'ends of tracks with bytes after them, passed over'
_METAS = {
    midi_events.TEMPO: 'odd tempos passed over',
    midi_events.TIME_SIGNATURE: 'odd time signatures passed over',
    midi_events.KEY_SIGNATURE: 'odd key signatures passed over',
}
_OTHER_METAS = 'other odd meta events passed over'
_SYSEX = 'odd system exclusive messages passed over'
_ESCAPED = 'escaped messages passed over'
_SYSTEM = 'system messages passed over'
_RUNS_ON = 'statuses that run on across system messages'
_UNDEFINED = 'undefined messages passed over'
_BROKEN = 'broken events passed over'
_DAMAGES = frozenset([_MISSING, _LENGTHS, _CUT, _UNDEFINED, _BROKEN, *_METAS.values(), _OTHER_METAS, _SYSEX])
# What Magenta's reader passes over as well.
_SAME = frozenset([_SYSTEM])

# More than so many broken events, and than this share of all, are no accident: the bytes are not what was written.
_MOST_BROKEN, _BROKEN_SHARE = 3, 0.05
_LARGEST_DELTA = 1 << 28  # four bytes of seven bits
_LATEST_TICK = 1 << 40
_MOST_TRACKS = 0xFFFF

_FRAME_RATES = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}  # 29 is 30 drop-frame
_HEADER_BYTES = 6
_CHUNK = struct.Struct('>4sL')
_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # of system messages; the others have none
_UNDEFINED_STATUSES = frozenset([0xF4, 0xF5, 0xF9, 0xFD])
_END_OF_TRACK = b'\x2f\x00'


def read(content: bytes) -> Events:
    """Reads a MIDI file. Raises Refused."""
    counts: collections.Counter[str] = collections.Counter()
    content = _unwrapped(content, counts)
    form, declared, resolution, ticks_per_second, place = _header(content)
    if ticks_per_second:
        counts[_FRAMES] = 1
    walk = _Walk(content, counts)
    walk.all_tracks(place, declared)
    if not walk.tracks and declared:
        raise Refused(DAMAGED, f'its header counts {words.counted(declared, "tracks")}, and none is there')
    if not walk.tracks:
        raise Refused(NO_TRACKS, 'there is no track in it')
    if walk.tracks > _MOST_TRACKS:
        raise Refused(DAMAGED, f'there are {walk.tracks:,} tracks in it, more than a header can count')
    counts[_MISSING] = max(0, declared - walk.tracks)
    counts[_BEYOND] = max(0, walk.tracks - declared)
    events = len(walk.status)
    if counts[_BROKEN] > max(_MOST_BROKEN, _BROKEN_SHARE * events):
        raise Refused(DAMAGED, f'{counts[_BROKEN]:,} events are broken, and {events:,} are not')
    return Events(
        resolution,
        walk.tracks,
        np.array(walk.track),
        np.array(walk.tick),
        np.frombuffer(walk.status, np.uint8),
        np.frombuffer(walk.data1, np.uint8),
        np.frombuffer(walk.data2, np.uint8),
        walk.metas,
        form,
        ticks_per_second,
        tuple(Remark(what, times, what not in _SAME) for what, times in counts.items() if times),
        walk.texts,
    )


def damages(events: Events) -> str:
    """What of a file's remarks are damages, in words; '' if there are none."""
    found = [remark for remark in events.remarks if remark.what in _DAMAGES]
    return ', '.join(words.counted(remark.times, remark.what) for remark in found)


def _unwrapped(content: bytes, counts: collections.Counter[str]) -> bytes:
    """The file from its header on."""
    place = content.find(b'MThd')
    if place < 0:
        raise Refused(NOT_MIDI, _what_it_is(content))
    if content.startswith(b'RIFF') and content[8:12] == b'RMID':
        counts[_WRAPPED] = 1
    elif place:
        counts[_BEFORE_HEADER] = place
    return content[place:]


def _what_it_is(content: bytes) -> str:
    if content.startswith(b'\x1f\x8b'):
        return 'it is packed by gzip: unpack it'
    if content.startswith(b'PK'):
        return 'it is a ZIP archive: unpack it'
    return 'there is no MThd in it, with which MIDI files begin'


def _header(content: bytes) -> tuple[int, int, int, float, int]:
    """Format, number of tracks, ticks per quarter, ticks per second or 0, and where the first chunk begins."""
    if len(content) < _CHUNK.size + _HEADER_BYTES:
        raise Refused(DAMAGED, 'the file ends in its header')
    size = _CHUNK.unpack_from(content)[1]
    if size < _HEADER_BYTES and content[_CHUNK.size + size :].startswith(b'MTrk'):
        raise Refused(DAMAGED, f'its header has {size} bytes: how long a tick is is not in it')
    form, tracks, division = struct.unpack_from('>HHH', content, _CHUNK.size)
    begin = _CHUNK.size + size
    if not content.startswith(b'MTrk', begin) and not _is_chunk(content, begin):
        begin = _CHUNK.size + _HEADER_BYTES
    if not division:
        raise Refused(DAMAGED, 'its header gives a quarter 0 ticks')
    if division < 0x8000:
        return form, tracks, division, 0.0, begin
    frames, ticks = 0x100 - (division >> 8), division & 0xFF
    if frames not in _FRAME_RATES:
        raise Refused(DAMAGED, f'its header tells of {frames} frames a second; there are 24, 25, 29 (29.97) and 30')
    if not ticks:
        raise Refused(DAMAGED, 'its header gives a frame 0 ticks')
    per_second = _FRAME_RATES[frames] * ticks
    return form, tracks, max(1, round(per_second / 2)), per_second, begin  # a quarter at 120 qpm


def _is_chunk(content: bytes, place: int) -> bool:
    """Whether what is here looks like a chunk: a name of four letters, and a length that the file has."""
    if place + _CHUNK.size > len(content):
        return False
    name, size = _CHUNK.unpack_from(content, place)
    return name.isascii() and name.decode().isprintable() and place + _CHUNK.size + size <= len(content)


class _Walk:
    """The events that were found.

    Attributes:
      tracks: how many tracks there were.
      track, tick, status, data1, data2, metas: see Events.
    """

    def __init__(self, content: bytes, counts: collections.Counter[str]):
        self._content, self._counts = content, counts
        self.tracks = 0
        self.track, self.tick = array.array('q'), array.array('q')
        self.status, self.data1, self.data2 = bytearray(), bytearray(), bytearray()
        self.metas: list[Meta] = []
        self.texts: list[Meta] = []

    def all_tracks(self, place: int, declared: int) -> None:
        """Reads chunks from a place on, tracks or not, to the end of the file; so many tracks should be there."""
        content = self._content
        while (track := content.find(b'MTrk', place)) >= 0 and track + _CHUNK.size <= len(content):
            while place < track and _is_chunk(content, place):  # in which there may be the letters MTrk
                self._counts[_CHUNKS] += 1
                place += _CHUNK.size + _CHUNK.unpack_from(content, place)[1]
            if place > track:
                continue
            if place < track:
                self._counts[_AFTER_END] += 1
            start = track + _CHUNK.size
            end = start + _CHUNK.unpack_from(content, track)[1]
            # After the last track there may be anything.
            ends_well = self.tracks + 1 >= declared and content.endswith(b'\xff\x2f\x00', start, end)
            ends_well = ends_well and end <= len(content)
            if end == len(content) or ends_well or content.startswith(b'MTrk', end) or _is_chunk(content, end):
                self._track(start, end, believed=True)
                place = end
            else:
                cuts, following = self._counts[_CUT], content.find(b'MTrk', start)
                place, ended = self._track(start, len(content) if following < 0 else following, believed=False)
                if self._counts[_CUT] == cuts and place != end:
                    self._counts[_LENGTHS if ended else _CUT] += 1
            self.tracks += 1

    def _track(self, place: int, limit: int, believed: bool) -> tuple[int, bool]:
        """Reads the events of a track; if its length is not to be believed, to its end event.

        Returns where it ends, and whether by such an event.
        """
        tick, running, ended, interrupted, counts = 0, 0, False, False, self._counts
        while place < limit and not (ended and not believed):
            harm = counts[_CUT], counts[_BROKEN]
            delta, place = self._number(place, limit)
            status = self._content[place] if place < limit else 0
            if status >= midi_events.NOTE_OFF:
                place += 1
            elif place < limit and running:
                status = running
                counts[_RUNS_ON] += interrupted
            if delta >= _LARGEST_DELTA and not ended:
                raise Refused(DAMAGED, 'a delta time of more ticks than four bytes can say')
            tick += delta
            if place >= limit:
                counts[_CUT] += 1
            elif midi_events.NOTE_OFF <= status < midi_events.SYSTEM:
                running, interrupted = status, False
                place = self._channel_event(status, tick, place, limit)
            elif status == midi_events.META:
                ends = place + len(_END_OF_TRACK) <= limit and self._content.startswith(_END_OF_TRACK, place)
                place = self._meta_event(delta, tick, place, limit)
                ended = ended or ends
            elif status in (midi_events.SYSEX, midi_events.SYSEX_MORE):
                place, interrupted = self._exclusive(status, place, limit), True
            elif status >= midi_events.NOTE_OFF:
                interrupted = True
                counts[_UNDEFINED if status in _UNDEFINED_STATUSES else _SYSTEM] += 1
                place += _DATA_BYTES.get(status, 0)
            else:  # no status to run on: most likely a note's, of two bytes
                counts[_BROKEN] += 1
                place += 2
            if ended and harm != (counts[_CUT], counts[_BROKEN]):  # what follows upon the end are no events
                counts[_CUT], counts[_BROKEN] = harm
                counts[_AFTER_END] += 1
                tick -= delta
                break
        if tick >= _LATEST_TICK:
            raise Refused(TOO_LATE, f'its last event is at tick {tick:,}')
        return min(place, limit), ended

    def _number(self, place: int, limit: int) -> tuple[int, int]:
        """The variable-length number here, and the place after it, `limit` if it does not end before.

        One that no file means is cut down to a number that is still too large.
        """
        content, value = self._content, 0
        while place < limit:
            byte = content[place]
            place += 1
            value = min(value << 7 | byte & 0x7F, _LATEST_TICK)
            if byte < midi_events.NOTE_OFF:
                break
        return value, place

    def _channel_event(self, status: int, tick: int, place: int, limit: int) -> int:
        end = place + (1 if midi_events.PROGRAM <= status < midi_events.BEND else 2)
        data = self._content[place:end]
        if end > limit:
            self._counts[_CUT] += 1
        elif not data.isascii():
            self._counts[_BROKEN] += 1
        else:
            self.track.append(self.tracks)
            self.tick.append(tick)
            self.status.append(status)
            self.data1.append(data[0])
            self.data2.append(data[-1])
        return end

    def _meta_event(self, delta: int, tick: int, place: int, limit: int) -> int:
        kind = self._content[place] if place < limit else 0
        size, start = self._number(place + 1, limit)
        if start > limit or start + size > limit or start == place + 1:
            self._counts[_CUT] += 1
            return limit
        data = self._content[start : start + size]
        if kind in _METAS or kind in (midi_events.TRACK_NAME, midi_events.PORT):
            if (needed := _needed(kind, data)) is None:
                self._counts[_METAS[kind]] += 1
            else:
                self.metas.append(Meta(len(self.status), self.tracks, tick, kind, needed))
        elif kind in midi_events.CHORD_TEXTS:
            self.texts.append(Meta(len(self.status), self.tracks, tick, kind, data[: midi_events.MOST_OF_TEXT]))
        elif not midi_events.is_usual(kind, data):
            self._counts[_OTHER_METAS] += 1
        elif delta and not midi_events.is_known(kind):
            self._counts[midi_events.UNKNOWN_DELTAS] += 1
        return start + size

    def _exclusive(self, status: int, place: int, limit: int) -> int:
        size, start = self._number(place, limit)
        end = start + size
        if end > limit:  # its length is wrong: its data end before the next byte with a top bit
            self._counts[_SYSEX] += 1
            end = start
            while end < limit and self._content[end] < midi_events.NOTE_OFF:
                end += 1
            if end < limit:
                end += 1 if self._content[end] == midi_events.SYSEX_MORE else -1  # which follows upon a delta time
            return max(end, start)
        if not self._content[start:end].removeprefix(b'\xf0').removesuffix(b'\xf7').isascii():
            # After F7 there may be any bytes, a song's start say.
            self._counts[_SYSEX if status == midi_events.SYSEX else _ESCAPED] += 1
        return end


def _needed(kind: int, data: bytes) -> bytes | None:
    """What is needed of a meta event's data, or None if they make no sense. More than there should be is no harm."""
    if kind == midi_events.TIME_SIGNATURE:
        data = data[:4]
    elif kind == midi_events.KEY_SIGNATURE:
        data = data[:2]
    return data if midi_events.is_usual(kind, data) else None
