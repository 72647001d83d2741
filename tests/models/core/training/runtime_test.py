"""TensorFlow's set-up."""

import os
import subprocess
import sys


def test_what_tensorflow_tells_of_the_machine_is_not_heard_later() -> None:
    """It says once in a process that oneDNN has no kernel for half precision on this CPU: inside a progress bar."""
    script = """
from solferino.models.core.training import runtime
runtime.set_up()
import tensorflow as tf
for dtype in (tf.float16, tf.bfloat16, tf.float32):
    tf.matmul(tf.ones((2, 2), dtype), tf.ones((2, 2), dtype))
print(tf.config.list_logical_devices()[0].device_type)
"""
    environment = {name: value for name, value in os.environ.items() if name != 'TF_CPP_MIN_LOG_LEVEL'}
    result = subprocess.run(
        [sys.executable, '-c', script], env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, 'CPU\n', '')
