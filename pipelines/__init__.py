"""Apache Beam: files to NoteSequences, NoteSequences to examples."""

import solferino.models  # noqa: F401 before note_seq: see lazy_note_seq there
