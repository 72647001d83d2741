"""A piece of music as arrays, what is cut from it, and its measures."""
