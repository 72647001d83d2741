"""Apache Beam: import it only by `from solferino.pipelines.engine.lean_beam import beam`, before any module of Beam's.

Beam imports pandas and others, if installed, for some transforms: half of its start-up time and memory. Here it does
without them. A later import of one of them works.
"""

import logging

from solferino.models.core.heavy_imports import absent, uncollected

_before = logging.root.manager.disable
logging.disable(logging.WARNING)  # Beam warns about missing packages, such as Google Cloud's client
try:
    with uncollected(), absent('pandas', 'pyarrow', 'pymongo'):
        import apache_beam as beam
finally:
    logging.disable(_before)

__all__ = ['beam']
