"""Run directories and bundles: a model with its settings on disk."""
