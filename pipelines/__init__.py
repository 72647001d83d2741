"""Apache Beam: files to NoteSequences, NoteSequences to examples."""
