"""Where music as it sounds is not what pretty_midi and note-seq make of a MIDI file; `midi_notes` asks here.

- Tempo, metre and key hold for the whole file, whatever track they stand on.
- A drum sounds when it is struck: a note-on on channel 10 is a hit, with or without an end.
- Controllers end notes: all sound off (120), all notes off (123), and the changes of mode (124 to 127).
- A note keeps the program with which it began.
- Times in frames of film (SMPTE) do not depend on the tempo.
- Names are in UTF-8, Shift-JIS or Latin-1.
"""

import unicodedata

import numpy as np
import numpy.typing as npt

from solferino.models.music import midi_events
from solferino.models.music.midi_events import Events, Integers, Meta
from solferino.models.music.remarks import Remark

DRUM_CHANNEL = 9
_DEFAULT_TEMPO = (500_000).to_bytes(3)  # microseconds per quarter

# Words of remarks.
_ELSEWHERE = {
    midi_events.TEMPO: 'tempos of other tracks than the first, or at one time',
    midi_events.TIME_SIGNATURE: 'metres of other tracks than the first, or at one time',
    midi_events.KEY_SIGNATURE: 'keys of other tracks than the first, or at one time',
}
_HITS = 'drum hits without a length, kept'
_ENDED = 'notes ended by a controller'
NEVER_ENDED = 'notes never ended, left out'
NO_LENGTH = 'notes of no length, left out'
PROGRAMS = 'notes during which the program changes'
NAMES = 'names of tracks in UTF-8 or Shift-JIS'
PATTERNS = 'patterns of a file of format 2, each a piece of its own'

# Where a hit has no length it gets a sixteenth, if the same drum is not struck again before.
_HITS_PER_QUARTER = 4
_TICK_BITS = 40
_ALL_NOTES_OFF = [120, 123, 124, 125, 126, 127]


def changes(events: Events) -> tuple[dict[int, list[tuple[int, bytes]]], list[Remark]]:
    """Tempos, metres and keys by type: ticks and data, one a tick, in the order of time.

    Where there are several at one tick the last one holds, as it does for a player who comes to one after the other.
    But of metre and key the first track that tells is believed: others often repeat a sequencer's 4/4.
    """
    found: dict[int, list[tuple[int, bytes]]] = {}
    remarks = []
    for kind, words in _ELSEWHERE.items():
        metas = [meta for meta in events.metas if meta.type == kind]
        first = [(meta.tick, meta.data) for meta in metas if meta.track == 0]
        found[kind] = first
        if len(first) < len(metas) or len({tick for tick, _ in first}) < len(first):
            found[kind] = _one_a_tick(metas, last_track=kind == midi_events.TEMPO)
            if _told(found[kind], kind) != _told(first, kind):
                remarks.append(Remark(words, len(set(found[kind]) ^ set(first)) or 1))
    return found, remarks


def _told(changes: list[tuple[int, bytes]], kind: int) -> list[tuple[int, bytes]]:
    """What is written of changes: of tempos no repetitions, and the last at the beginning."""
    if kind != midi_events.TEMPO:
        return changes
    told = [(0, _DEFAULT_TEMPO)]
    for tick, data in changes:
        if tick == 0:
            told = [(0, data)]
        elif data != told[-1][1]:
            told.append((tick, data))
    return told


def _one_a_tick(metas: list[Meta], last_track: bool) -> list[tuple[int, bytes]]:
    """Drops besides what another track only repeats."""
    by_tick: dict[int, Meta] = {}
    for meta in sorted(metas, key=lambda meta: meta.tick):  # which leaves the order of tracks
        if last_track or meta.tick not in by_tick or by_tick[meta.tick].track == meta.track:
            by_tick[meta.tick] = meta
    kept: list[Meta] = []
    for meta in by_tick.values():
        if meta.track == 0 or not kept or kept[-1].data != meta.data:
            kept.append(meta)
    return [(meta.tick, meta.data) for meta in kept]


def ends(
    events: Events,
    channel: Integers,
    pairs: tuple[Integers, Integers],
    lost: Integers,
    brief: npt.NDArray[np.bool_],
) -> tuple[Integers, Integers, Integers, list[Remark]]:
    """Notes as they sound.

    Args:
      channel: of each event, 16 for each track.
      pairs: note-ons and the note-offs that end them, as indices of events, in the order of the note-offs.
      lost: note-ons that are not among them.
      brief: which of the lost have a note-off in their own tick.

    Returns:
      Note-ons; the events that end the notes, which is the note-on itself for a hit without an end; at which ticks; and
      what is to be remarked.
    """
    on, off = pairs
    end = events.tick[off]
    controls = _all_notes_off(events)
    if not (len(lost) or len(controls)):
        return on, off, end, []
    counts: dict[str, int] = {}
    if len(controls):
        on, off = np.concatenate([on, lost]), np.concatenate([off, lost])
        is_open = np.arange(len(on)) >= len(end)
        end = events.tick[off]
        control, found = _next(channel << _TICK_BITS | events.tick, controls, on)
        earlier = found & (
            is_open & ~np.concatenate([np.zeros(len(pairs[0]), bool), brief]) | (events.tick[control] < end)
        )
        off, end = np.where(earlier, control, off), np.where(earlier, events.tick[control], end)
        counts[_ENDED] = int(np.count_nonzero(earlier))
        still_lost = is_open & ~earlier
        brief = brief[still_lost[len(pairs[0]) :]]
        lost, on, off, end = on[still_lost], on[~still_lost], off[~still_lost], end[~still_lost]
    is_hit = channel[lost] & 0x0F == DRUM_CHANNEL
    hits = lost[is_hit]
    on, off = np.concatenate([on, hits]), np.concatenate([off, hits])
    end = np.concatenate([end, _ends_of_hits(events, channel, hits)])
    order = np.lexsort((on, off))
    counts |= {
        _HITS: len(hits),
        NEVER_ENDED: int(np.count_nonzero(~is_hit & ~brief)),
        NO_LENGTH: int(np.count_nonzero(~is_hit & brief)),
    }
    remarks = [Remark(what, n, what in (_ENDED, _HITS)) for what, n in counts.items() if n]
    return on[order], off[order], end[order], remarks


def _all_notes_off(events: Events) -> Integers:
    """The controls that end all notes of their channel."""
    index = (events.data1 >= _ALL_NOTES_OFF[0]).nonzero()[0]
    if not len(index):
        return index
    is_control = (events.status[index] & 0xF0) == midi_events.CONTROL
    return index[is_control & np.isin(events.data1[index], _ALL_NOTES_OFF)]


def _next(key: Integers, index: Integers, of: Integers) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """For some events the first of the events `index` on their channel that is later, and whether there is one.

    The key of an event is its tick, below what stands for its channel.
    """
    index = index[np.argsort(key[index], kind='stable')]
    place = key[index].searchsorted(key[of], side='right')
    there = place < len(index)
    following = index[np.minimum(place, len(index) - 1)]
    there &= key[following] >> _TICK_BITS == key[of] >> _TICK_BITS
    return following, there


def _ends_of_hits(events: Events, channel: Integers, hits: Integers) -> Integers:
    if not len(hits):
        return hits
    end = events.tick[hits] + max(1, events.resolution // _HITS_PER_QUARTER)
    is_on = (events.status & 0xF0 == midi_events.NOTE_ON) & (events.data2 > 0) & (channel & 0x0F == DRUM_CHANNEL)
    drum = (channel >> 4) << 7 | events.data1
    again, there = _next(drum << _TICK_BITS | events.tick, is_on.nonzero()[0], hits)
    return np.where(there, np.minimum(end, events.tick[again]), end)


def text(data: bytes) -> str:
    """A name, in the encoding that it must be in, or most likely is."""
    if data.isascii():
        return data.decode('ascii')
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError:
        pass
    try:
        japanese = data.decode('cp932')
    except UnicodeDecodeError:
        return data.decode('latin-1')
    return japanese if _is_japanese(japanese) else data.decode('latin-1')


def _is_japanese(name: str) -> bool:
    """Whether a name decoded from Shift-JIS is meant so: 'Trompète' in Latin-1 is a kanji among letters there."""
    foreign = [letter for letter in name if not letter.isascii()]
    scripts = [unicodedata.name(letter, '').split(' ')[0] for letter in foreign]
    if not all(
        s in ('HIRAGANA', 'KATAKANA', 'CJK', 'FULLWIDTH', 'IDEOGRAPHIC', 'HALFWIDTH', 'KATAKANA-HIRAGANA')
        for s in scripts
    ):
        return False
    if 'HIRAGANA' in scripts or 'KATAKANA' in scripts:
        return True
    has_latin = any(letter.isascii() and letter.isalpha() for letter in name)
    return not has_latin and len(foreign) > 1
