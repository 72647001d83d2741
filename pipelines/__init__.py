"""Apache Beam: files to NoteSequences, NoteSequences to examples."""

import solferino.models  # noqa: F401 before note_seq: see lean_note_seq there
