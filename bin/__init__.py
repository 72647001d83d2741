"""The commands: parse flags, call the library."""
