"""Where music as it sounds is not what pretty_midi and note-seq make of a MIDI file; `midi_notes` asks here.

- Tempo, metre and key hold for the whole file, whatever track they stand on.
- A drum sounds when it is struck: a note-on on channel 10 is a hit, with or without an end.
- Controllers end notes: all sound off (120), all notes off (123), and the changes of mode (124 to 127).
- A note keeps the program with which it began.
- Times in frames of film (SMPTE) do not depend on the tempo.
- Names are in UTF-8, Shift-JIS or Latin-1.
- Texts that are chord symbols say which chords there are.
"""

import itertools
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from solferino.models.music import chord_symbols as symbols
from solferino.models.music.reading import midi_events
from solferino.models.music.reading.midi_events import Events, Integers, Meta
from solferino.models.music.reading.remarks import Remark

# Changes of tempo, metre and key by the type of their meta events: ticks and data.
Changes = dict[int, list[tuple[int, bytes]]]

DRUM_CHANNEL = 9
_DEFAULT_TEMPO = (500_000).to_bytes(3)  # microseconds per quarter

# Words of remarks.
TOLD = {
    midi_events.TEMPO: 'tempos of other tracks than the first, or at one time',
    midi_events.TIME_SIGNATURE: 'metres of other tracks than the first, or at one time',
    midi_events.KEY_SIGNATURE: 'keys of other tracks than the first, or at one time',
}
_HITS = 'drum hits without a length, kept'
_ENDED = 'notes ended by a controller'
NEVER_ENDED = 'notes never ended, left out'
NO_LENGTH = 'notes of no length, left out'
NAMES = 'names of tracks in UTF-8 or Shift-JIS'
CHORDS = 'chord symbols in texts'
PATTERNS = 'patterns of a file of format 2, each a piece of its own'

# Where a hit has no length it gets a sixteenth, if the same drum is not struck again before.
_HITS_PER_QUARTER = 4
_TICK_BITS = 40
# Where no chord is played, which says nothing against the other texts being chords; and with what a chord begins.
_NO_CHORD = frozenset([b'N.C.', b'N.C', b'NC', b'%'])
_ROOTS = frozenset('ABCDEFG')
_ALL_NOTES_OFF = [120, 123, 124, 125, 126, 127]


def changes_of_first_track(events: Events) -> tuple[Changes, set[int]]:
    """Tempos, metres and keys as Magenta takes them; and of which types there are others, or several at one tick."""
    found: Changes = {kind: [] for kind in TOLD}
    more = set()
    for meta in events.metas:
        if meta.type in found:
            here = found[meta.type]
            if meta.track or (here and here[-1][0] == meta.tick):
                more.add(meta.type)
            if not meta.track:
                here.append((meta.tick, meta.data))
    return found, more


def changes(events: Events) -> tuple[Changes, list[Remark]]:
    """Tempos, metres and keys, one a tick, in the order of time.

    Where there are several at one tick the last one holds, as it does for a player who comes to one after the other.
    But of metre and key the first track that tells is believed: others often repeat a sequencer's 4/4.
    """
    found, more = changes_of_first_track(events)
    remarks = []
    for kind in sorted(more):
        first = found[kind]
        found[kind] = _one_a_tick([m for m in events.metas if m.type == kind], last_track=kind == midi_events.TEMPO)
        if _told(found[kind], kind) != _told(first, kind):
            remarks.append(Remark(TOLD[kind], len(set(found[kind]) ^ set(first)) or 1))
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


def chord_symbols(texts: Sequence[Meta]) -> list[tuple[int, str]]:
    """Chords that are written in a file: ticks and symbols, in the order of time.

    They stand among the texts, lyrics, markers or cues of one track, of which most are then chord symbols. Rehearsal
    letters are not meant: one of the symbols at least has more than a letter.
    """
    best: list[tuple[int, str]] = []
    for _, group in itertools.groupby(sorted(texts, key=_kind), key=_kind):
        said = [(meta.tick, text(meta.data).rstrip()) for meta in group if meta.data.rstrip() not in _NO_CHORD]
        found = [(tick, name) for tick, name in said if name[:1] in _ROOTS and symbols.is_symbol(name)]
        if 2 * len(found) > len(said) and len(found) > len(best) and any(len(name) > 1 for _, name in found):
            best = found
    return best if len(best) > 1 else []


def _kind(meta: Meta) -> tuple[int, int]:
    return meta.track, meta.type


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
    ended = 0
    if len(controls):
        following, there = _next(channel << _TICK_BITS | events.tick, controls, np.concatenate([on, lost]))
        control = events.tick[following]
        # Of notes that have an end those of which it is later; of the others all but those of no length.
        earlier = there & np.concatenate([control[: len(on)] < end, ~brief])
        ended = int(np.count_nonzero(earlier))
        by_off, by_none = earlier[: len(on)], earlier[len(on) :]
        off = np.concatenate([np.where(by_off, following[: len(on)], off), following[len(on) :][by_none]])
        end = events.tick[off]
        on, lost, brief = np.concatenate([on, lost[by_none]]), lost[~by_none], brief[~by_none]
    is_hit = channel[lost] & 0x0F == DRUM_CHANNEL
    hits = lost[is_hit]
    on, off = np.concatenate([on, hits]), np.concatenate([off, hits])
    end = np.concatenate([end, _ends_of_hits(events, channel, hits)])
    order = np.lexsort((on, off))
    counts = {
        _HITS: len(hits),
        _ENDED: ended,
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
