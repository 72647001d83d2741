"""Trained models, loaded from a bundle or a run directory, and their music as files.

from solferino.models import load, write_midi

write_midi(load('drums.mag').generate()[0], 'drums.mid')
"""

from typing import TYPE_CHECKING, Any

from solferino.models.music import lean_note_seq

if TYPE_CHECKING:
    from solferino.models.loading import Model

lean_note_seq.install()  # before anything below imports of note_seq what it needs


def load(path: Any, config: str | None = None, checkpoint: str | None = None) -> 'Model':
    """Loads a bundle (`drums.mag`) or a run directory. See `solferino.models.loading.load`."""
    from solferino.models import loading  # imports NumPy and note_seq, which `import solferino.models` need not

    return loading.load(path, config, checkpoint)


def write_midi(sequence: Any, path: Any) -> None:
    """Writes a NoteSequence as a MIDI file. See `solferino.models.core.generation.midi_files.write`."""
    from solferino.models.core.generation import midi_files

    midi_files.write(sequence, path)
