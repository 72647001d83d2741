"""Gibbs chains of a restricted Boltzmann machine, on all cores, and what is estimated by them."""
