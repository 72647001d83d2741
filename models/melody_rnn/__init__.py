"""melody_rnn: melodies as sequences of events, after Magenta's model of that name."""

from solferino.models.melody_rnn.family import MelodyRnn

FAMILY = MelodyRnn()
