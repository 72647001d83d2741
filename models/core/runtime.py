"""TensorFlow's set-up, in one place: import it through here before anything that needs it."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def set_up() -> None:
    """Imports TensorFlow quietly, and makes what it computes repeat exactly on the same machine."""
    # Keras would follow the user's keras.json or environment; the models here are TensorFlow's.
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    # 1 hides what TensorFlow's C++ side tells of its build and of the machine.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '1')
    with _silence():
        import tensorflow as tf

        # An evaluation job beside the trainer needs its share of the memory.
        for gpu in tf.config.list_physical_devices('GPU'):
            tf.config.experimental.set_memory_growth(gpu, True)
    # Sums on several threads or on a GPU depend on their order, which is not fixed otherwise.
    tf.config.experimental.enable_op_determinism()


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
