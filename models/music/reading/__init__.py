"""Music files to notes, as they sound: MIDI, MusicXML, ABC."""
