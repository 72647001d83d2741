"""Models for other programs: web pages and plain TensorFlow."""
