"""musegan: some bars of several voices at once, made by a generator that a critic has taught."""

from solferino.models.musegan.family import MuseGanFamily

FAMILY = MuseGanFamily()
