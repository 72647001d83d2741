"""Magenta's trained models, read without TensorFlow."""
