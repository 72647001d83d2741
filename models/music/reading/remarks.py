"""What readers of music say beside the music: what they noticed in a file, or why they refuse it."""

from typing import NamedTuple

# Why a file is refused.
NOT_MIDI = 'not a MIDI file'
NO_TRACKS = 'no tracks'
NOT_MUSICXML = 'not a MusicXML file'
NO_TUNES = 'no tunes'
NOT_VOICES = 'not a table of voices'
NOT_SOUND = 'not a sound file'
NOT_UNDERSTOOD = 'not understood'  # a valid file; the detail is the name of the feature
DAMAGED = 'damaged file'
TOO_LATE = 'longer than a day'


class Refused(Exception):
    """A file that cannot be read; the reason is one of the above, the detail is true of this file alone."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f'{reason}: {detail}')
        self.reason, self.detail = reason, detail


class Remark(NamedTuple):
    """What a reader noticed: in a few fixed words, a plural noun first, how often, and whether Magenta reads it so too.

    It `differs` where Magenta's reading of the same would be another NoteSequence, or none. The words are counted by
    file.
    """

    what: str
    times: int = 1
    differs: bool = True
