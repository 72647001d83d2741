"""Numerics on the CPU without TensorFlow: a thread pool, compiled kernels, the recurrences and the output layer."""
