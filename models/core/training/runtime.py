"""TensorFlow's set-up: call it before anything that imports TensorFlow."""

import contextlib
import ctypes
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from solferino.models.core.heavy_imports import absent, uncollected
from solferino.models.core.layers.replicas import ALONE, Cluster, Connected, Replicas
from solferino.models.core.training.interrupts import Stop
from solferino.models.core.training.together import joining

# Imported by Keras if installed, but not used here: 150 MB and a third of the start-up time.
_UNUSED = ('IPython', 'matplotlib', 'pandas', 'pyarrow', 'sklearn')


def set_up(cluster: Cluster | None = None, stop: Stop | None = None) -> Replicas:
    """Imports TensorFlow quietly, and makes it deterministic on the same machine; connects the processes of a cluster.

    Args:
      cluster: None for a process alone.
      stop: whether the user wants the program to stop, while it waits for other processes.

    Returns:
      This process, alone or with the others.
    """
    # Not the backend of the user's keras.json or environment: the models here need TensorFlow's.
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    _keep_memory()
    # 1 hides messages of TensorFlow's C++ side about its build and the machine.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '1')
    with _silence(), uncollected(), absent(*_UNUSED):
        import tensorflow as tf

        # An evaluation job beside the trainer needs GPU memory, too.
        for gpu in tf.config.list_physical_devices('GPU'):
            tf.config.experimental.set_memory_growth(gpu, True)
    if cluster:
        joining.wait(cluster, stop or Stop())
    with _silence():
        connected = Connected(cluster) if cluster else ALONE  # must come before anything is computed
        # Once in a process TensorFlow logs, as errors, that oneDNN has no kernel for a type on this CPU, and that there
        # is no GPU driver. Logged here, in silence, it does not appear later inside a progress bar.
        with tf.device('CPU'):
            for dtype in (tf.float16, tf.bfloat16):
                tf.linalg.matmul(tf.zeros((2, 2), dtype), tf.zeros((2, 2), dtype))
    # The trainer reports a run that diverges.
    warnings.filterwarnings('ignore', r'(overflow|invalid value) encountered', RuntimeWarning, r'solferino\.models\.')
    # Floating-point sums depend on their order, which is else not fixed on several threads or a GPU.
    tf.config.experimental.enable_op_determinism()
    return connected


def _keep_memory() -> None:
    """Makes the C library keep freed memory, up to a gigabyte, for the next step.

    By default it returns each array of some megabytes to the system, which clears the memory again page by page: a
    tenth of a training step. All threads share one heap, so that one can use what another has freed.
    """
    with contextlib.suppress(AttributeError, OSError):  # only glibc has it
        options = ctypes.CDLL(None).mallopt
        options(_M_MMAP_THRESHOLD, 32 << 20)  # the highest that is allowed
        options(_M_TRIM_THRESHOLD, 1 << 30)
        options(_M_ARENA_MAX, 1)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Hides what is written to standard error, by C++ too; shows it if the block fails."""
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
