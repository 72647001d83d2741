"""piano_rnn: piano music as frames, each the set of keys that sound, predicted from those before."""

from solferino.models.piano_rnn.family import PianoRnn

FAMILY = PianoRnn()
