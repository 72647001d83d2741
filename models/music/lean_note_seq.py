"""Lets `import note_seq.x` load x alone.

The package's own __init__ loads what its notebook helpers need (pandas, bokeh, IPython, librosa): over a second, of
which nothing here uses anything. It runs later, when something is asked for that only it provides, so that whoever
imports note_seq in the same process has all of it.
"""

import importlib.util
import sys
import threading
import types
import warnings
from collections.abc import Iterable
from typing import Any


class _Lean(types.ModuleType):
    """A package whose __init__ has not run."""

    def __getattr__(self, name: str) -> Any:  # called for what is missing
        if name in ('__wrapped__', '__warningregistry__'):  # Python asks every module for these
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        if importlib.util.find_spec(f'{self.__name__}.{name}'):
            return importlib.import_module(f'{self.__name__}.{name}')
        _run(self)
        return types.ModuleType.__getattribute__(self, name)  # this class has gone

    def __dir__(self) -> Iterable[str]:
        _run(self)
        return types.ModuleType.__dir__(self)


_lock = threading.RLock()  # other threads wait for the one that runs the __init__
_running: set[str] = set()


def _run(package: _Lean) -> None:
    """Runs the __init__, once. What it imports may look here for names that are not there yet."""
    with _lock:
        name, spec = package.__name__, package.__spec__
        if type(package) is _Lean and name not in _running and spec and spec.loader:
            _running.add(name)
            try:
                spec.loader.exec_module(package)
            finally:
                _running.remove(name)
            types.ModuleType.__setattr__(package, '__class__', types.ModuleType)


def install(name: str = 'note_seq') -> None:
    """Does this for a package, unless it has been imported or is not there."""
    # note-seq imports pydub, which misses a program that reads sound files; nobody here has any.
    warnings.filterwarnings('ignore', "Couldn't find ff", RuntimeWarning)
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec:
        package = importlib.util.module_from_spec(spec)
        package.__class__ = _Lean
        sys.modules[name] = package
