"""Music for tests that takes no files."""

import numpy as np
from note_seq.protobuf import music_pb2


def song(seed: int, bars: int) -> music_pb2.NoteSequence:
    """Drums and a monophonic melody in 4/4 at 100 quarters a minute: enough for any family."""
    rng = np.random.default_rng(seed)
    sequence = music_pb2.NoteSequence(id=f'/id/midi/contract/{seed}', ticks_per_quarter=220)
    sequence.tempos.add(qpm=100)
    sequence.time_signatures.add(numerator=4, denominator=4)
    step = 60 / 100 / 4
    for position in range(0, bars * 16, 2):
        common = {'velocity': 80, 'start_time': position * step, 'end_time': (position + 2) * step}
        sequence.notes.add(pitch=int(rng.integers(60, 72)), instrument=0, **common)
        for drum in rng.choice([36, 38, 42, 46, 49], size=2, replace=False):
            sequence.notes.add(pitch=int(drum), instrument=9, is_drum=True, **common)
    sequence.total_time = bars * 16 * step
    return sequence


def part_of(sequence: music_pb2.NoteSequence, is_drum: bool) -> music_pb2.NoteSequence:
    """The drums of a piece of music, or all but its drums."""
    notes = [note for note in sequence.notes if note.is_drum == is_drum]
    del sequence.notes[:]
    sequence.notes.extend(notes)
    return sequence
