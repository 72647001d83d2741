"""What the machine can do at most, to see how far from it we are.

    python limits.py NOTE_SEQUENCES.tfrecord

prints it as JSON; a process of its own, as TensorFlow takes all cores and much memory.
"""

import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from solferino.hparams.networks.event_rnn import EventRnnHparams

# A forward pass multiplies with each matrix once; training also computes the gradients of its input and of itself.
TRAINING = 3
# Edge of the square matrices: large enough to be bound by arithmetic alone.
_EDGE = 2048
_BEST_OF = 8
NUMPY, TENSORFLOW, BFLOAT16 = 'NumPy float32, GFLOP/s', 'TensorFlow float32, GFLOP/s', 'TensorFlow bfloat16, GFLOP/s'
PROTOS, PARSED = 'protos serialized and written, notes/s', 'protos read and parsed, notes/s'


def flop_per_event(hparams: EventRnnHparams, num_classes: int) -> int:
    """Floating-point operations of the matrix products that one event takes forward; of u units in a layer.

    Folded as we do it: the input of the first layer is a sum of gathered rows, no product, and of the attention's
    matrices those that follow one another are one. What is done element by element is not counted, such as the
    attention's tanh over its whole memory.

        first layer with attention  context and hidden to gates 2u · 4u, query 2u · u, output 2u · u, key u · u
        first layer without         hidden to gates u · 4u
        other layers                input and hidden to gates (in + u) · 4u
        logits                      u · classes

    A product of a row with a matrix [n, m] is n · m multiplications and as many additions.
    """
    first, *_ = sizes = hparams.rnn_layer_sizes
    products = first * 4 * first
    if hparams.attn_length:
        products = 2 * first * 4 * first + 2 * first * first + 2 * first * first + first * first
    products += sum((before + units) * 4 * units for before, units in itertools.pairwise(sizes))
    products += sizes[-1] * num_classes
    return 2 * products


def main() -> None:
    """Measures."""
    from solferino.models.core.training import runtime

    found = {NUMPY: _numpy()}
    runtime.set_up()
    found |= {TENSORFLOW: tensorflow('float32'), BFLOAT16: tensorflow('bfloat16'), **_protos(sys.argv[1])}
    print(json.dumps(found))


def _numpy() -> float:
    matrix = np.random.default_rng(0).standard_normal((_EDGE, _EDGE), np.float32)
    return _gflops(lambda: matrix @ matrix)


def tensorflow(dtype: str, edge: int = _EDGE) -> float:
    """Measures the GFLOP/s of TensorFlow's product of two square matrices."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.stateless_normal((edge, edge), (0, 0)), dtype)
    return _gflops(lambda: tf.matmul(matrix, matrix)[0, 0].numpy(), edge)


def _gflops(multiply: Callable[[], object], edge: int = _EDGE) -> float:
    return 2 * edge**3 / 1e9 / _best(multiply)


def _protos(path: str) -> dict[str, float]:
    """NoteSequences of the file in and out of their bytes, without any music being read from or made of them."""
    from note_seq.protobuf import music_pb2

    from solferino.models.core.storage import records

    def read() -> list[music_pb2.NoteSequence]:
        return [music_pb2.NoteSequence.FromString(data) for data in records.read(path)]

    def write() -> None:
        with tempfile.TemporaryDirectory() as folder, records.Writer(os.path.join(folder, 'notes')) as writer:
            for sequence in sequences:
                writer.write(sequence.SerializeToString())

    sequences = read()
    notes = sum(len(sequence.notes) for sequence in sequences)
    return {PROTOS: notes / _best(write), PARSED: notes / _best(read)}


def _best(work: Callable[[], object]) -> float:
    """Seconds that it takes at best: a limit is what other work beside does not slow down."""
    times = []
    for _ in range(1 + _BEST_OF):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times[1:])


if __name__ == '__main__':
    main()
