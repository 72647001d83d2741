"""Makes `import note_seq.x` run only x.

note_seq's own code imports all of its modules, and with them pandas, bokeh and IPython: two seconds, and a third of
what a command takes in memory. Here it runs when somebody asks for a name that is in no module of note_seq's.
"""

import importlib
import importlib.util
import sys
import types
from typing import Any


class _Package(types.ModuleType):
    """A package whose code has not been run."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        if importlib.util.find_spec(f'{self.__name__}.{name}'):
            return importlib.import_module(f'{self.__name__}.{name}')
        self.__class__ = types.ModuleType  # type: ignore[assignment]  # a module like any other, from now on
        self.__spec__.loader.exec_module(self)  # type: ignore[union-attr]  # `install` has found it
        return getattr(self, name)


def install(name: str = 'note_seq') -> None:
    """Does so from now on, unless the package is imported already or not there."""
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec and spec.submodule_search_locations:
        package = sys.modules[name] = importlib.util.module_from_spec(spec)
        package.__class__ = _Package
