"""The compiled kernels, and the message about them; `layer_recurrence_test.py` compares results with TensorFlow's."""

import os
import subprocess
import sys
from pathlib import Path

_CALL = """
import logging
import numpy as np
logging.basicConfig(level=logging.INFO, format='%(message)s')
from solferino.models.core.cpu import layer_kernels
for size in (1, 2):
    result = np.zeros((size, 3), np.float32)
    layer_kernels.add_rows(np.ones((4, 3), np.float32), np.zeros((size, 2), np.int32), result)
    assert (result == 2).all()
layer_kernels.add_rows_gradient(result, np.zeros((2, 2), np.int32), np.zeros((4, 3), np.float32))
"""


def test_compiling_is_announced_once_and_only_where_it_is_done(tmp_path: Path) -> None:
    for expected in ('Compiling kernels for this CPU, once on this machine: about ten seconds.\n', ''):
        environment = os.environ | {'NUMBA_CACHE_DIR': str(tmp_path)}
        done = subprocess.run(
            [sys.executable, '-c', _CALL], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stderr == expected
