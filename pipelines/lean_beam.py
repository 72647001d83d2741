"""Apache Beam without what is not used of it: `from solferino.pipelines.lean_beam import beam`, here and nowhere else.

Beam imports pandas and others for transforms of its own where it finds them, half of its time and memory. Each is
something that Beam does without where it is not installed; whoever imports one of them later gets it.
"""

import contextlib
import sys
from collections.abc import Iterator

__all__ = ['absent', 'beam']

_UNUSED = ('pandas', 'pyarrow', 'pymongo', 'bson')


@contextlib.contextmanager
def absent(*names: str) -> Iterator[None]:
    """Within the block, modules of these names that are not yet loaded cannot be imported."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python marks such a module
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with absent(*_UNUSED):
    import apache_beam as beam
