"""Music as sound: a synthesizer with a soundfont, loudness, and files of sound."""
