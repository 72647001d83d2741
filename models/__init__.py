"""Trained models in Python: load one, generate music with it, score music, write music as MIDI.

What `__all__` names is public, with the attributes and methods of `Model` that have no underscore: it keeps its
names, arguments and meaning, and CHANGELOG.md tells of every change. So do the commands and the files they write.
All else in `solferino` is ours and may change any day: its modules, and what `Model.family` and `Model.config` are.
Music is a NoteSequence of note-seq. What a user can mend is raised as `SolferinoError`.

>>> from solferino.models import load, write_midi
>>> model = load('drums.mag')
>>> beats = model.generate(num_bars=2, num_outputs=4, seed=1)
>>> write_midi(beats[0], 'beat.mid')
"""

import importlib
from typing import TYPE_CHECKING, Any

from solferino.models.music import lean_note_seq

if TYPE_CHECKING:
    from solferino.hparams.errors import SolferinoError
    from solferino.models.core.generation.midi_files import write_midi
    from solferino.models.loading import Model, load

__all__ = ['Model', 'SolferinoError', 'load', 'write_midi']

# Where each is. It is imported when it is asked for: `import solferino.models` needs neither NumPy nor note_seq.
_HOMES = {
    'Model': 'solferino.models.loading',
    'SolferinoError': 'solferino.hparams.errors',
    'load': 'solferino.models.loading',
    'write_midi': 'solferino.models.core.generation.midi_files',
}

lean_note_seq.install()  # before anything imports of note_seq what it needs


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
