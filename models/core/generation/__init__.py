"""What <family>_generate writes: how long it is to be, and MIDI files."""
