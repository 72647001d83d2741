"""TensorFlow's set-up, in one place: import it through here before anything that needs it."""

import contextlib
import ctypes
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from solferino.models.core.imports import absent

# What Keras imports where it finds it, for uses that are not made of it here: 150 MB and a third of the start.
_UNUSED = ('IPython', 'matplotlib', 'pandas', 'pyarrow', 'sklearn')


def set_up() -> None:
    """Imports TensorFlow quietly, and makes what it computes repeat exactly on the same machine."""
    # Keras would follow the user's keras.json or environment; the models here are TensorFlow's.
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    _keep_memory()
    # 1 hides what TensorFlow's C++ side tells of its build and of the machine.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '1')
    with _silence(), absent(*_UNUSED):
        import tensorflow as tf

        # An evaluation job beside the trainer needs its share of the memory.
        for gpu in tf.config.list_physical_devices('GPU'):
            tf.config.experimental.set_memory_growth(gpu, True)
        # Once in a process TensorFlow tells, as an error, that oneDNN has no kernel for a type on this CPU, and that
        # there is no driver of a GPU. What it says now, unheard, it does not say later, inside a progress bar.
        with tf.device('CPU'):
            for dtype in (tf.float16, tf.bfloat16):
                tf.linalg.matmul(tf.zeros((2, 2), dtype), tf.zeros((2, 2), dtype))
    # Of a run that diverges the trainer tells in words.
    warnings.filterwarnings('ignore', r'(overflow|invalid value) encountered', RuntimeWarning, r'solferino\.models\.')
    # Sums on several threads or on a GPU depend on their order, which is not fixed otherwise.
    tf.config.experimental.enable_op_determinism()


def _keep_memory() -> None:
    """Has the C library keep freed memory, up to a gigabyte, for the next step.

    It would give each array of some megabytes back at once, and the system would clear it anew a page at a time, which
    takes a tenth of a step of training. All threads share one heap: what one has freed another can use.
    """
    with contextlib.suppress(AttributeError, OSError):  # only glibc has it
        options = ctypes.CDLL(None).mallopt
        options(_M_MMAP_THRESHOLD, 32 << 20)  # the highest that it takes
        options(_M_TRIM_THRESHOLD, 1 << 30)
        options(_M_ARENA_MAX, 1)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Holds back what is written to standard error, by C++ too; shows it after all if the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
