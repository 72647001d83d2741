"""rbm: note-state matrices of a restricted Boltzmann machine."""

from solferino.models.rbm.family import RbmFamily

FAMILY = RbmFamily()
