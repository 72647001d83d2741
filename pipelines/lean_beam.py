"""Apache Beam: `from solferino.pipelines.lean_beam import beam`, nowhere else, and before any module of Beam's.

Beam imports pandas and pyarrow for transforms of its own where it finds them: half of its time and memory. It does
without where they are not installed, and here. Whoever imports one of them later gets it.
"""

from solferino.pipelines.imports import absent

with absent('pandas', 'pyarrow'):
    import apache_beam as beam

__all__ = ['beam']
