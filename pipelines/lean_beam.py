"""Apache Beam: `from solferino.pipelines.lean_beam import beam`, nowhere else, and before any module of Beam's.

Beam imports pandas and others for transforms of its own where it finds them: half of its time and memory. It does
without where they are not installed, and here. Whoever imports one of them later gets it.
"""

import logging

from solferino.models.core.imports import absent

_before = logging.root.manager.disable
logging.disable(logging.WARNING)  # Beam warns of what it does not find, Google Cloud's client too
try:
    with absent('pandas', 'pyarrow', 'pymongo'):
        import apache_beam as beam
finally:
    logging.disable(_before)

__all__ = ['beam']
