"""A melody over chords: chords, roles of notes over them, and both found in music."""
