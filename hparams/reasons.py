"""Reasons why music is left out, for musicians: the rows of the table that a command prints at its end."""

from collections.abc import Callable

BAD_METRE = 'metre does not exist'
NEGATIVE_TIME = 'notes before time zero'
BAD_TIME = 'notes at no time that there is'
BAD_TEMPO = 'tempo that there is not'
BAD_PITCH = 'pitch or velocity that there is not'
BAD_PEDAL = 'damaged control changes'
TOO_LONG = 'more than 100,000 seconds or quarters'
ODD_METRE = 'bar is not a whole number of steps'
NO_NOTES = 'music without notes'
NO_DRUMS = 'no drum notes on channel 10'
TOO_SHORT = 'drum track too short'
CUT_OFF = 'rest of a drum track that was cut off'

POLYPHONIC = 'instrument with several notes at once'
MELODY_TOO_SHORT = 'melody too short'
FEW_PITCHES = 'melody of too few pitches'
MELODY_CUT_OFF = 'rest of a melody that was cut off'
NO_MELODY = 'no notes beside drums'
NO_TRACK = 'no track of that number'

NO_INSTRUMENT = 'no notes of the chosen instruments'
FRAMES_TOO_SHORT = 'too few frames'
OTHER_METRE = 'metre is neither 2/4 nor 4/4'
OUT_OF_RANGE = 'notes outside the range of pitches'
TOO_MANY_STEPS = 'too many steps for a piano roll'
EMPTY_WINDOW = 'window without notes'
PART_OF_WINDOW = 'end of the music that does not fill a window'
NOT_4_4 = 'metre is not 4/4'
OTHER_VOICES = 'not as many voices, each of one note at a time, as the model has tracks'

# What to do about the reasons that all families have.
REMEDIES = {
    BAD_METRE: 'Mend the time signature in a notation program.',
    NO_NOTES: 'The manifest of convert_dir_to_note_sequences says why.',
    NEGATIVE_TIME: 'Mend the file in a sequencer.',
    BAD_TEMPO: 'Tempos go from 0.1 to 60,000,000 quarters a minute.',
    BAD_PITCH: 'They go from 0 to 127: make the NoteSequences again.',
    BAD_PEDAL: 'Make the NoteSequences again.',
    TOO_LONG: 'Cut it in a sequencer, or delete the note that is hours behind the others.',
    BAD_TIME: 'Times must be finite numbers: make the NoteSequences again.',
}

# Called with one of the reasons for each piece of music that is left out.
Reject = Callable[[str], None]
