"""jazz_rnn: improvising over chords, with tokens of what notes are to them; after deepjazz and Gillick et al. 2009."""

from solferino.models.jazz_rnn.family import JazzRnn

FAMILY = JazzRnn()
