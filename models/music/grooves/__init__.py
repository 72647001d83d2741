"""The library of drum grooves, as text and as songs."""
