"""Hyperparameters of networks that several families, or one config of a family, have."""
