"""The output of <family>_generate: its length, and MIDI files."""
