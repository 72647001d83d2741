"""Piano rolls: which keys sound in each step, and which are struck; from notes, and back to notes.

A step is a frame of so many to the second (`by_time`), or one of a grid of quarters (`by_metre`). What is not heard at
a pitch is in no roll: drums, and notes of velocity 0.
"""

import dataclasses

import numpy as np
from note_seq.constants import STANDARD_PPQ
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.sections import Section
from solferino.models.music.reading.note_sequence_bytes import add_notes

MAX_STEPS = 1 << 19  # of a roll; at five frames a second more than a day
_DOWN = 64  # the sustain pedal: values from here on
_EARLY = 0.02  # of a frame


@dataclasses.dataclass(frozen=True)
class PianoRoll:
    """The keys in each step.

    Attributes:
      sounding: bool [steps, pitches].
      struck: bool [steps, pitches], where a note begins; what is struck sounds.
      lowest: MIDI pitch of the first column.
    """

    sounding: np.ndarray
    struck: np.ndarray
    lowest: int


def of_notes(
    starts: np.ndarray, ends: np.ndarray, pitches: np.ndarray, num_steps: int, lowest: int, highest: int
) -> PianoRoll:
    """Returns the roll of notes: each sounds from its first step up to, not including, its end, and at least a step.

    What of a note is before step 0 or from `num_steps` on is left out; one that begins before step 0 sounds there and
    is not struck. Notes of other pitches are left out.

    Args:
      starts, ends: int [notes], steps.
      pitches: int [notes], MIDI pitches.
      num_steps: length of the roll.
      lowest, highest: the range of pitches, both in it.

    Raises:
      ValueError: more than MAX_STEPS.
    """
    if num_steps > MAX_STEPS:
        raise ValueError(f'it is {num_steps} steps long; at most {MAX_STEPS} can be held')
    ends = np.maximum(ends, starts + 1)
    seen = (pitches >= lowest) & (pitches <= highest) & (ends > 0) & (starts < num_steps)
    starts, ends, columns = starts[seen], ends[seen], pitches[seen] - lowest
    shape = num_steps, highest - lowest + 1
    changes = np.zeros((num_steps + 1) * shape[1], np.int32)  # of how many notes sound
    np.add.at(changes, np.maximum(starts, 0) * shape[1] + columns, 1)
    np.subtract.at(changes, np.minimum(ends, num_steps) * shape[1] + columns, 1)
    counts = changes.reshape(-1, shape[1])[:-1]
    np.cumsum(counts, axis=0, out=counts)
    struck = np.zeros(shape, bool)
    struck[starts[starts >= 0], columns[starts >= 0]] = True
    return PianoRoll(counts > 0, struck, lowest)


def by_time(notes: np.ndarray, total_time: float, frames_per_second: float, lowest: int, highest: int) -> PianoRoll:
    """Samples notes at so many frames a second; frame k is the time from k / frames_per_second on.

    A note is struck in the frame that its start lies in, and sounds up to the frame before the one that its end lies
    in, as in pretty_midi's get_piano_roll; but one that begins and ends within a frame sounds in that frame, where
    pretty_midi drops it. An instant less than a fiftieth of a frame before a frame counts to that frame, since a MIDI
    file rounds times to its ticks. There are as many frames as begin before `total_time`, and one more if a note that
    begins by then is struck in it.

    Args:
      notes: NOTE [notes].
      total_time: seconds.
      frames_per_second: the rate.
      lowest, highest: the range of MIDI pitches, both in it.

    Raises:
      ValueError: it would be more than MAX_STEPS, or a time is no number of seconds.
    """
    notes = notes[heard(notes)]
    with np.errstate(all='ignore'):
        times = np.stack([notes['start'], notes['end']]) * frames_per_second + _EARLY
        frames = float(np.ceil(total_time * frames_per_second - _EARLY))
    if not (np.isfinite(frames) and (abs(times) < 2.0**62).all()):
        raise ValueError('it has a time that is no number of seconds')
    starts, ends = np.floor(times).astype(np.int64)
    last = int(starts[notes['start'] <= total_time].max(initial=-1))
    return of_notes(starts, ends, notes['pitch'], max(int(frames), last + 1), lowest, highest)


def by_metre(section: Section, lowest: int, highest: int) -> PianoRoll:
    """Returns the roll of a quantized section on its own grid, from its beginning until its last note ends.

    Raises:
      ValueError: it would be more than MAX_STEPS.
    """
    pitches = section.notes('pitch')
    heard = ~section.notes('is_drum') & (section.notes('velocity') > 0)
    starts, ends = section.starts[heard], section.ends[heard]
    return of_notes(starts, ends, pitches[heard], int(ends.max(initial=0)), lowest, highest)


def to_sequence(
    roll: PianoRoll,
    seconds_per_step: float,
    qpm: float,
    velocity: int,
    program: int = 0,
    start_time: float = 0.0,
) -> music_pb2.NoteSequence:
    """Returns the notes of a roll as a NoteSequence, in the order of time, those that begin together upwards.

    A note begins where a key is struck, and where it begins to sound without that; it ends where it is struck again or
    sounds no longer, at the latest with the roll.

    Args:
      roll: what is struck but does not sound is no note.
      seconds_per_step: length of a step.
      qpm: tempo, quarters a minute.
      velocity, program: of every note, MIDI numbers.
      start_time: of the roll, seconds.
    """
    starts, ends, pitches = _runs(roll)
    sequence = music_pb2.NoteSequence(ticks_per_quarter=STANDARD_PPQ)
    sequence.tempos.add(qpm=qpm)
    begins, stops = (start_time + steps * seconds_per_step for steps in (starts, ends))
    add_notes(sequence, begins, stops, pitches, velocity, program=program)
    sequence.total_time = stops.max(initial=0.0)
    return sequence


def _runs(roll: PianoRoll) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the first step, the step after the last and the pitch of each note."""
    sounding = roll.sounding.T  # a row for each key, with a step of silence at its end
    sounding = np.concatenate([sounding, np.zeros((len(sounding), 1), bool)], axis=1)
    struck = np.zeros_like(sounding)
    struck[:, :-1] = roll.struck.T
    struck[:, 1:] |= ~sounding[:, :-1]
    struck[:, 0] = True
    begins = sounding & struck
    starts = begins.ravel().nonzero()[0]
    stops = (begins | ~sounding).ravel().nonzero()[0]
    ends = stops[stops.searchsorted(starts, 'right')]
    keys, firsts = np.divmod(starts, sounding.shape[1])
    order = np.lexsort((keys, firsts))
    lengths = ends - starts
    return firsts[order], (firsts + lengths)[order], keys[order] + roll.lowest


def num_outside(notes: np.ndarray, lowest: int, highest: int) -> int:
    """Returns how many of NOTE [notes] are heard at pitches beyond a range."""
    return int(outside(notes, lowest, highest).sum())


def outside(notes: np.ndarray, lowest: int, highest: int) -> np.ndarray:
    """Returns which of NOTE [notes] are heard at pitches beyond a range, bool [notes]."""
    return heard(notes) & ((notes['pitch'] < lowest) | (notes['pitch'] > highest))


def heard(notes: np.ndarray) -> np.ndarray:
    """Returns which of NOTE [notes] are heard at their pitch, bool [notes]: no drums, and none of velocity 0."""
    return ~notes['is_drum'] & (notes['velocity'] > 0)


def sustained(piece: Piece) -> np.ndarray:
    """Returns the notes as the sustain pedal of their instrument makes them: NOTE [notes], in the order of the file.

    The rules are those of note_seq.sequences_lib.apply_sustain_control_changes, which walks through the events.
    A note whose end comes while the pedal is down sounds until the pedal comes up; with the last event of the piece if
    it never does. While the pedal is down, a key that is struck again ends its earlier notes, held or not; of notes of
    one pitch that begin together then, the last one alone is kept. A note that ends before it begins sounds until the
    pedal comes up next, or is struck again, or the piece ends. Drums stay as they are.

    Notes may end after the piece's `total_time`: take the latest end.

    Raises:
      ValueError: the control changes are damaged.
    """
    notes = piece.notes.copy()
    keys = (~notes['is_drum']).nonzero()[0]
    pedal = piece.pedal
    if not np.isfinite(pedal['time']).all():
        raise ValueError('the sustain pedal moves at no time that there is')
    if not len(keys) or not (len(pedal) or (notes['end'] < notes['start']).any()):
        return notes
    last = max(notes['start'][keys].max(), notes['end'][keys].max(), pedal['time'].max(initial=-np.inf))
    kept = np.ones(len(notes), bool)
    instruments = notes['instrument']
    for instrument in np.unique(instruments[keys]).tolist():
        rows = keys[instruments[keys] == instrument]
        kept[rows] = _sustain(notes, rows, pedal[pedal['instrument'] == instrument], last)
    return notes[kept]


def _sustain(notes: np.ndarray, rows: np.ndarray, pedal: np.ndarray, last: float) -> np.ndarray:
    """Sets the ends of the notes of one instrument; returns which of them are kept, bool [rows]."""
    down = pedal['value'] >= _DOWN
    order = np.lexsort((~down, pedal['time']))  # of changes at one instant, up counts
    times, down = pedal['time'][order], np.concatenate([[False], down[order]])
    lifts = times[~down[1:]]

    def is_down(instants: np.ndarray) -> np.ndarray:
        return down[times.searchsorted(instants, 'right')]

    starts, ends = notes['start'][rows], notes['end'][rows]
    # Not ended by the key: a note whose end comes while the pedal is down, or came before the note began.
    holds = is_down(ends) | (ends < starts)
    up = np.concatenate([lifts, [last]])[lifts.searchsorted(np.maximum(starts, ends), 'right')]
    ends = np.where(holds, up, ends)

    # Ended by the next note of its pitch that is struck while the pedal is down: the first one of those, by pitch and
    # time, if it has the pitch.
    order = np.lexsort((starts, notes['pitch'][rows]))
    pitches, onsets = notes['pitch'][rows][order], starts[order]
    ending = np.where(is_down(onsets), np.arange(len(order)), len(order))
    following = np.append(np.minimum.accumulate(ending[::-1])[::-1][1:], len(order))
    same = np.append(pitches, -1)[following] == pitches
    struck = np.where(same, np.append(onsets, np.inf)[following], np.inf)
    cut = np.empty(len(order))
    cut[order] = struck
    notes['end'][rows] = np.minimum(ends, cut)
    return cut > starts
