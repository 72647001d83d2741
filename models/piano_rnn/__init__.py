"""piano_rnn: piano music as frames, each the set of keys that sound; after TensorFlow's tutorials of GRUs with attention."""

from solferino.models.piano_rnn.family import PianoRnn

FAMILY = PianoRnn()
