"""Playing with a model over MIDI: a musician calls, the model responds in time."""
