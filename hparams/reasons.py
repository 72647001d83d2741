"""Why music is left out, in words that musicians use: the rows of the table that a command prints at its end."""

from collections.abc import Callable

BAD_METRE = 'metre does not exist'
NEGATIVE_TIME = 'notes before time zero'
ODD_METRE = 'bar is not a whole number of steps'
NO_DRUMS = 'no drum notes on channel 10'
TOO_SHORT = 'drum track too short'
CUT_OFF = 'rest of a drum track that was cut off'

# Called with one of the reasons for each piece of music that is left out.
Reject = Callable[[str], None]
