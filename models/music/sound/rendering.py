"""Notes to sound that is fit to be listened to: see `render`."""

from note_seq.protobuf import music_pb2

from solferino.models.music.sound import mastering, soundfonts, synthesis
from solferino.models.music.sound.synthesis import Sound


def render(sequence: music_pb2.NoteSequence, soundfont: bytes | None = None) -> Sound:
    """Plays an unquantized NoteSequence until its last note has died away, as loud as other music and not clipped.

    The sound begins where the music does, and `sound_files.encode` makes a file of it. The same notes give the same
    samples.

    Args:
      sequence: with notes.
      soundfont: what `soundfonts.read` returned; None for the default one.

    Raises:
      SolferinoError: see `synthesis.synthesize`; or the packages of the extra `[sound]` are not there.
    """
    played = synthesis.synthesize(sequence, soundfonts.read() if soundfont is None else soundfont)
    return played._replace(frames=mastering.master(played.frames))
