"""Layers and models of Keras, and the operations that they run on."""
