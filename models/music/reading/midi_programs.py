"""Which program plays what on a channel of a MIDI file's track, to Magenta and as it sounds."""

from typing import NamedTuple

import numpy as np

from solferino.models.music.reading import midi_events
from solferino.models.music.reading.midi_events import INDEX, INDEX_BITS, Bytes, Events, Integers
from solferino.models.music.reading.remarks import Remark

# Words of remarks.
_BORROWED = 'notes whose program is on another track'
_CHANGING = 'notes during which the program changes'


class Programs(NamedTuple):
    """Program changes: channels, and 1 more than the indices of events, as one number, sorted; and the programs."""

    when: Integers
    number: Bytes


def changes(events: Events, channel: Integers) -> Programs:
    """All changes; `channel` is of each event, 16 for each track."""
    change = ((events.status & 0xF0) == midi_events.PROGRAM).nonzero()[0]
    when = np.sort((channel[change] << INDEX_BITS) + change + 1)
    return Programs(when, events.data1[(when & INDEX) - 1])


def players(channel: Integers, index: Integers, programs: Programs) -> Integers:
    """Channels and their programs at the time of events `index`, as one number."""
    player = channel << 7
    if len(programs.when):
        begin = channel << INDEX_BITS
        last = programs.when.searchsorted(begin + index + 1) - 1
        changed = (last >= 0) & (programs.when[last] >= begin)
        player |= programs.number[last] * changed
    return player


def players_as_it_sounds(
    events: Events, channel: Integers, on: Integers, off: Integers, programs: Programs
) -> tuple[Integers, list[Remark]]:
    """The players of notes, by the program at the end of the tick in which each begins, not at the end of the note."""
    of_notes = channel[on]
    at_end = players(of_notes, off, programs)
    if not (len(on) and events.tick[(programs.when & INDEX) - 1].any()):  # all are there from the beginning
        return at_end, []
    # The last event of the tick, or of an earlier one, which is of the same track, and so of the same channels.
    last = (events.track << 40 | events.tick).searchsorted(events.track[on] << 40 | events.tick[on], side='right') - 1
    player = players(of_notes, last, programs)
    changed = int(np.count_nonzero(player != at_end))
    return player, [Remark(_CHANGING, changed)] if changed else []


def with_borrowed(
    events: Events, of_notes: Integers, on: Integers, programs: Programs
) -> tuple[Programs, list[Remark]]:
    """For channels that are played, and of which the program is only on other tracks, the changes there."""
    if events.tracks == 1 or not len(programs.when):
        return programs, []
    told = set((programs.when >> INDEX_BITS).tolist())
    on_others = {number & 0x0F for number in told}
    wanting = {number for number in set(of_notes.tolist()) - told if number & 0x0F in on_others}
    if not wanting:
        return programs, []
    if any(meta.type == midi_events.PORT and any(meta.data) for meta in events.metas):
        return programs, []  # the same channels of several ports are not the same
    # Time, program and channel of all changes, in the order in which a player comes to them.
    of_all = sorted(zip(events.tick[(programs.when & INDEX) - 1].tolist(), programs.when.tolist(), strict=True))
    number_at = dict(zip(programs.when.tolist(), programs.number.tolist(), strict=True))
    made = list(number_at.items())
    for wanted in sorted(wanting):
        begin, end = events.track.searchsorted([wanted >> 4, (wanted >> 4) + 1]).tolist()
        here: dict[int, int] = {}
        for tick, when in of_all:
            if when >> INDEX_BITS & 0x0F == wanted & 0x0F:
                first = begin + int(events.tick[begin:end].searchsorted(tick))
                here[(wanted << INDEX_BITS) + first] = number_at[when]  # from this event on
        made += here.items()
    made.sort()
    when, numbers = zip(*made, strict=True)
    borrowing = Programs(np.array(when), np.array(numbers, np.uint8))
    changed = int(np.count_nonzero(players(of_notes, on, borrowing) != players(of_notes, on, programs)))
    return (borrowing, [Remark(_BORROWED, changed)]) if changed else (programs, [])
