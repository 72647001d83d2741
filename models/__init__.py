"""Trained models, loaded from a bundle or a run directory: `from solferino.models import load`."""

from typing import TYPE_CHECKING, Any

from solferino.models.music import lean_note_seq

if TYPE_CHECKING:
    from solferino.models.loading import Model

lean_note_seq.install()  # before anything below imports of note_seq what it needs


def load(path: Any, config: str | None = None) -> 'Model':
    """Loads a bundle (`drums.mag`) or a run directory. See `solferino.models.loading.load`."""
    from solferino.models import loading  # imports NumPy and note_seq, which `import solferino.models` need not

    return loading.load(path, config)
