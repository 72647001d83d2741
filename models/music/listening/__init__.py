"""Recordings to notes: a file is decoded, basic-pitch's network hears which keys sound, notes are made of that."""
