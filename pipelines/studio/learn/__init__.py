"""The view Learn: collections of music, trainings, and what becomes of them."""
