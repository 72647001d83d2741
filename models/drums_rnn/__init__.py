"""drums_rnn: drum tracks as sequences of drum combinations, after Magenta's model of that name."""

from solferino.models.drums_rnn.family import DrumsRnn

FAMILY = DrumsRnn()
