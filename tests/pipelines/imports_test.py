"""What the pipelines do not import, as it takes longer than most of their work."""

import subprocess
import sys

import pytest

from solferino.models.core.heavy_imports import absent


def test_absent(monkeypatch):
    monkeypatch.delitem(sys.modules, 'wave', raising=False)
    with absent('wave', 'os'):
        with pytest.raises(ImportError):
            import wave
        import os
    import wave

    assert wave.open and os.path


UNUSED = {'pandas', 'pyarrow', 'pymongo', 'bokeh', 'IPython', 'scipy', 'tensorflow'}


@pytest.mark.parametrize('module', ['convert', 'examples', 'parse_child'])
def test_what_takes_long_is_not_imported(module):
    """In a process of its own, as others have been imported here."""
    script = f'import sys, solferino.pipelines.{module}; print({UNUSED} & set(sys.modules))'
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ('set()\n', '')


@pytest.mark.parametrize(
    'first', ['solferino.pipelines.engine.lean_beam', 'solferino.models.core.training.runtime as r; r.set_up()']
)
def test_it_can_be_imported_later(first):
    script = f'import {first}; import pandas, pymongo; print(pandas.Series([1]).sum())'
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ('1\n', '')
