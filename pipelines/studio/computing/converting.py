"""Music of the page as NoteSequences, and NoteSequences as music of the page."""

from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import messages
from solferino.pipelines.studio.messages import Music, Note


def sequence_of(music: Music) -> music_pb2.NoteSequence:
    """Returns music of the page as a NoteSequence."""
    sequence = music_pb2.NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=music.qpm)
    sequence.time_signatures.add(numerator=music.metre[0], denominator=music.metre[1])
    for note in music.notes:
        sequence.notes.add(
            pitch=note.pitch, start_time=note.start, end_time=max(note.end, note.start), velocity=note.velocity,
            program=note.program, is_drum=note.is_drum, instrument=note.track,
        )  # fmt: skip
    sequence.total_time = max([music.seconds, *(note.end for note in music.notes)])
    return sequence


def music_of(sequence: music_pb2.NoteSequence) -> Music:
    """Inverse of `sequence_of`: the first tempo and metre hold for all of it."""
    if len(sequence.notes) > messages.MOST_NOTES:
        raise SolferinoError(f'It has {len(sequence.notes):,} notes; the page shows up to {messages.MOST_NOTES:,}.')
    notes = [
        Note(n.pitch, n.start_time, n.end_time, n.velocity, n.program, n.is_drum, n.instrument) for n in sequence.notes
    ]
    notes.sort(key=lambda note: (note.start, note.pitch))
    metre = [(sign.numerator, sign.denominator) for sign in sequence.time_signatures][:1]
    return Music(
        notes,
        sequence.tempos[0].qpm if sequence.tempos else 120.0,
        metre[0] if metre else (4, 4),
        sequence.total_time,
    )
